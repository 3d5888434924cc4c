"""Which Dagster runs stay."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.orchestration import (
    DagsterRunFacts,
    OrchestrationPolicy,
    WhyKept,
    parse_orchestration_policy,
    why_kept,
)
from sweeps.errors import InvalidSweepFile

CUTOFF = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
OLD = DagsterRunFacts(
    dagster_run_id="r",
    ended_at=CUTOFF - dt.timedelta(seconds=1),
    has_last_materialization=False,
    is_last_of_job=False,
    is_last_of_partition=False,
    is_repeated=False,
    has_open_backfill=False,
)


def test_an_old_one_that_nothing_needs_goes() -> None:
    assert why_kept(OLD, ended_before=CUTOFF) is None


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (replace(OLD, ended_at=None), WhyKept.UNFINISHED),
        (replace(OLD, ended_at=CUTOFF), WhyKept.YOUNG),
        (replace(OLD, has_last_materialization=True), WhyKept.LAST_MATERIALIZATION),
        (replace(OLD, is_last_of_job=True), WhyKept.LAST_OF_JOB),
        (replace(OLD, is_last_of_partition=True), WhyKept.LAST_OF_JOB),
        (replace(OLD, is_repeated=True), WhyKept.REPEATED),
        (replace(OLD, has_open_backfill=True), WhyKept.OPEN_BACKFILL),
    ],
)
def test_each_reason_keeps_one(run: DagsterRunFacts, why: WhyKept) -> None:
    assert why_kept(run, ended_before=CUTOFF) is why


@given(
    run=st.builds(
        DagsterRunFacts,
        dagster_run_id=st.just("r"),
        ended_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        has_last_materialization=st.booleans(),
        is_last_of_job=st.booleans(),
        is_last_of_partition=st.booleans(),
        is_repeated=st.booleans(),
        has_open_backfill=st.booleans(),
    ),
    cutoff=st.datetimes(timezones=st.just(dt.UTC)),
)
def test_only_what_is_over_old_and_needed_by_nothing_goes(
    run: DagsterRunFacts, cutoff: dt.datetime
) -> None:
    needed = (
        run.has_last_materialization
        or run.is_last_of_job
        or run.is_last_of_partition
        or run.is_repeated
        or run.has_open_backfill
    )
    is_old = run.ended_at is not None and run.ended_at < cutoff

    assert (why_kept(run, ended_before=cutoff) is None) == (is_old and not needed)


def test_a_policy_says_how_long_and_keeps_the_rest_as_it_ships() -> None:
    policy = parse_orchestration_policy("dagster_runs: 7d", source="orchestration.yaml")

    assert policy == OrchestrationPolicy(dagster_runs=dt.timedelta(days=7))


@pytest.mark.parametrize("text", ["", "# nothing\n", "null", "{}"])
def test_who_says_nothing_has_what_ships(text: str) -> None:
    assert parse_orchestration_policy(text, source="orchestration.yaml") == OrchestrationPolicy()


def test_what_no_database_takes_is_refused() -> None:
    with pytest.raises(InvalidSweepFile, match="a character that is no text"):
        parse_orchestration_policy('{"ticks": "30d", "a\\0": 1}', source="orchestration.yaml")


def test_all_mistakes_of_a_policy_are_told_at_once() -> None:
    text = "dagster_runs: soon\nticks: 0\nfriends: 1"

    with pytest.raises(InvalidSweepFile) as caught:
        parse_orchestration_policy(text, source="orchestration.yaml")

    assert [problem.path for problem in caught.value.problems] == [
        "dagster_runs",
        "ticks",
        "friends",
    ]
