"""The sensor that asks for pages of sweeps, on an instance in memory."""

from typing import Any

import dagster as dg
from dagster import DagsterRunStatus

from orchestration.coming_runs import may_be_asked_again
from orchestration.sensors import ended_sweeps
from sweeps.graveyard.entry import Entry, EntryFacts
from sweeps.ids import SweepId
from tests.factories import SWEEP

OTHER = SweepId("digits-bbbbbbbb")
JOB = "write_graveyard"


class Pages:
    """Sweeps that are due."""

    def __init__(self, *due: SweepId) -> None:
        self._due = list(due)

    def due(self, *, limit: int) -> list[SweepId]:
        return self._due[:limit]

    def facts(self, sweep_id: SweepId) -> EntryFacts:
        raise NotImplementedError

    def set_aside(self, sweep_id: SweepId, reason: str) -> None:
        raise NotImplementedError

    def keep(self, entry: Entry, facts: EntryFacts) -> int:
        raise NotImplementedError


def a_run(instance: dg.DagsterInstance, status: DagsterRunStatus, job: str = JOB) -> None:
    @dg.job(name=job)
    def nothing() -> None:
        pass

    instance.create_run_for_job(nothing, status=status)


def look(instance: dg.DagsterInstance, *due: SweepId) -> Any:
    context = dg.build_sensor_context(instance=instance, resources={"graveyard": Pages(*due)})
    return ended_sweeps(context)


def test_one_dagster_run_is_asked_for_all_that_is_due_and_no_partition() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        request = look(instance, SWEEP, OTHER)

        assert isinstance(request, dg.RunRequest)
        assert request.partition_key is None
        assert instance.get_dynamic_partitions("sweeps") == []


def test_nothing_is_asked_for_when_nothing_is_due() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert isinstance(look(instance), dg.SkipReason)


def test_pages_that_are_coming_are_not_asked_for_again() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        a_run(instance, DagsterRunStatus.STARTED)

        assert isinstance(look(instance, SWEEP), dg.SkipReason)


def test_the_sweeps_own_dagster_run_does_not_count() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        a_run(instance, DagsterRunStatus.STARTED, job="run_sweep")

        assert isinstance(look(instance, SWEEP), dg.RunRequest)


def test_a_job_that_failed_is_left_alone_for_an_hour() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        a_run(instance, DagsterRunStatus.FAILURE)
        (record,) = instance.get_run_records(limit=1)
        ended = record.end_time or record.update_timestamp.timestamp()

        assert not may_be_asked_again(instance, job_name=JOB, now=ended + 60)
        assert may_be_asked_again(instance, job_name=JOB, now=ended + 3700)
