"""When a run is sealed."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from retention.sealing import GRACE, LOST_GRACE, SealingRule

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RULE = SealingRule()
FINISHED = st.lists(st.none() | st.just(NOW), max_size=4)
AGES = st.floats(0, 3e6).map(lambda seconds: dt.timedelta(seconds=seconds))


def is_due(
    age: dt.timedelta | None, finished_ats: list[dt.datetime | None], *, is_lost: bool = False
) -> bool:
    ended_at = None if age is None else NOW - age
    return RULE.is_due(ended_at=ended_at, finished_ats=finished_ats, now=NOW, is_lost=is_lost)


@given(finished_ats=FINISHED)
def test_a_live_run_is_never_due(finished_ats: list[dt.datetime | None]) -> None:
    assert not is_due(None, finished_ats)


@given(age=AGES, n=st.integers(1, 4))
def test_it_is_due_at_once_when_all_its_writers_are_done(age: dt.timedelta, n: int) -> None:
    assert is_due(age, [NOW] * n)


@given(age=AGES, finished_ats=FINISHED.filter(lambda ats: None in ats or not ats))
def test_otherwise_it_is_due_after_the_grace_period(
    age: dt.timedelta, finished_ats: list[dt.datetime | None]
) -> None:
    assert is_due(age, finished_ats) == (age >= GRACE)


@given(age=AGES, finished_ats=FINISHED.filter(lambda ats: None in ats or not ats))
def test_what_was_given_up_for_its_silence_may_be_heard_of_for_long(
    age: dt.timedelta, finished_ats: list[dt.datetime | None]
) -> None:
    assert is_due(age, finished_ats, is_lost=True) == (age >= LOST_GRACE)


@given(age=AGES, more=AGES, finished_ats=FINISHED)
def test_what_is_due_stays_due(
    age: dt.timedelta, more: dt.timedelta, finished_ats: list[dt.datetime | None]
) -> None:
    assert is_due(age + more, finished_ats) or not is_due(age, finished_ats)
