"""When a silent run is given up."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from retention.silence import RECOVERY, Deafness, SilenceRule

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RULE = SilenceRule()
AGES = st.floats(0, 1e6).map(lambda seconds: dt.timedelta(seconds=seconds))
DEAF = st.lists(st.tuples(AGES, AGES), max_size=4).map(
    lambda pairs: [Deafness(since=NOW - max(p), until=NOW - min(p)) for p in pairs]
)


def is_lost(silence: dt.timedelta, deaf: list[Deafness], *, now: dt.datetime = NOW) -> bool:
    return RULE.is_lost(last_seen_at=NOW - silence, deaf=deaf, now=now)


@given(silence=AGES)
def test_while_somebody_listens_every_moment_counts(silence: dt.timedelta) -> None:
    assert is_lost(silence, []) == (silence >= RULE.after)


@given(silence=AGES, deaf=DEAF)
def test_what_nobody_could_hear_only_delays(silence: dt.timedelta, deaf: list[Deafness]) -> None:
    assert is_lost(silence, []) or not is_lost(silence, deaf)


@given(silence=AGES)
def test_nobody_is_lost_just_after_a_gateway_came_back(silence: dt.timedelta) -> None:
    deaf = [Deafness(since=NOW - silence, until=NOW)]

    for later in (dt.timedelta(), RECOVERY, RULE.after):
        assert not is_lost(silence, deaf, now=NOW + later)
    assert is_lost(silence, deaf, now=NOW + RECOVERY + RULE.after)


@given(silence=AGES, deaf=DEAF)
def test_who_stays_silent_is_lost_in_the_end(silence: dt.timedelta, deaf: list[Deafness]) -> None:
    assert is_lost(silence, deaf, now=NOW + dt.timedelta(days=365))
