"""What the daemon does with sweeps, on an instance in memory."""

import datetime as dt
from collections.abc import Generator, Mapping
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from orchestration.sensors import cancelled_sweeps, failed_sweeps
from sweeps.errors import RunsElsewhere, SweepNotFound
from sweeps.ids import AttemptId, SweepId
from sweeps.states import SweepRequest, SweepState
from sweeps.trials import Sweep
from tests.factories import SWEEP, THERE, a_spec, at


class Record:
    """One sweep, as log, claims and launcher in one."""

    def __init__(self) -> None:
        self.state: SweepState | None = SweepState.RUNNING
        self.is_elsewhere = False
        self.claimable: set[str] = set()  #: Dagster runs that may be replaced or closed
        self.reaped: list[str] = []

    def get(self, sweep_id: SweepId, *, tenant_id: str | None = None) -> Sweep:
        if self.state is None:
            raise SweepNotFound(sweep_id)
        return Sweep(
            sweep_id=sweep_id,
            spec=a_spec(),
            state=self.state,
            requested=SweepRequest.RUN,
            created_at=at(0),
        )

    def check_place(self, sweep_id: SweepId) -> None:
        if self.is_elsewhere:
            raise RunsElsewhere(sweep_id, place=THERE.name)

    def reclaim(self, sweep_id: SweepId, *, dagster_run_id: str) -> str | None:
        if dagster_run_id not in self.claimable:
            return None
        self.claimable.remove(dagster_run_id)
        return f"{sweep_id}@2"

    def live_attempts(self, _sweep_id: SweepId) -> tuple[AttemptId, ...]:
        return ()

    def cancel_abandoned(
        self,
        _sweep_id: SweepId,
        *,
        dagster_run_id: str,
        reason: str,
        ended: Mapping[AttemptId, dt.datetime],
    ) -> bool:
        return dagster_run_id in self.claimable

    def reap(self, sweep_id: SweepId) -> int:
        self.reaped.append(sweep_id)
        return 1


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@dg.job
def a_job() -> None:
    pass


def ended(
    instance: dg.DagsterInstance, status: DagsterRunStatus, *, sensor: str, partition: str = SWEEP
) -> dg.RunStatusSensorContext:
    """What a sensor on the end of a sweep's Dagster run is given."""
    run = instance.create_run_for_job(a_job, status=status, tags={"dagster/partition": partition})
    kind = {
        DagsterRunStatus.FAILURE: dg.DagsterEventType.PIPELINE_FAILURE,
        DagsterRunStatus.CANCELED: dg.DagsterEventType.PIPELINE_CANCELED,
    }[status]
    event = dg.DagsterEvent(kind.value, "a_job")
    return dg.build_run_status_sensor_context(
        sensor_name=sensor, dagster_event=event, dagster_instance=instance, dagster_run=run
    )


def on_failure(context: dg.RunStatusSensorContext, record: Record) -> Any:
    return failed_sweeps(context, sweep_log=record, sweep_claims=record)


def on_cancel(context: dg.RunStatusSensorContext, record: Record) -> Any:
    return cancelled_sweeps(context, sweep_log=record, sweep_claims=record, launcher=record)


@pytest.fixture
def failure(instance: dg.DagsterInstance) -> dg.RunStatusSensorContext:
    return ended(instance, DagsterRunStatus.FAILURE, sensor="failed_sweeps")


@pytest.fixture
def cancel(instance: dg.DagsterInstance) -> dg.RunStatusSensorContext:
    return ended(instance, DagsterRunStatus.CANCELED, sensor="cancelled_sweeps")


def test_a_failed_controller_of_a_sweep_that_has_not_ended_is_replaced_once(
    record: Record, failure: dg.RunStatusSensorContext
) -> None:
    record.claimable.add(failure.dagster_run.run_id)

    request = on_failure(failure, record)
    again = on_failure(failure, record)  # a tick whose answer was lost

    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.partition_key) == (f"{SWEEP}@2", SWEEP)
    assert isinstance(again, dg.SkipReason)


def test_who_follows_the_sweep_may_have_been_faster(
    record: Record, failure: dg.RunStatusSensorContext
) -> None:
    assert isinstance(on_failure(failure, record), dg.SkipReason)


@pytest.mark.parametrize("state", [SweepState.FAILED, SweepState.COMPLETED, None])
def test_a_sweep_that_has_ended_or_never_was_needs_no_controller(
    record: Record, failure: dg.RunStatusSensorContext, state: SweepState | None
) -> None:
    record.claimable.add(failure.dagster_run.run_id)
    record.state = state

    assert isinstance(on_failure(failure, record), dg.SkipReason)
    assert record.claimable


def test_a_failed_controller_of_another_home_is_left_to_it(
    record: Record, failure: dg.RunStatusSensorContext
) -> None:
    record.claimable.add(failure.dagster_run.run_id)
    record.is_elsewhere = True

    skipped = on_failure(failure, record)

    assert isinstance(skipped, dg.SkipReason)
    assert THERE.name in (skipped.skip_message or "")
    assert record.claimable


def test_trials_of_a_cancelled_sweep_are_ended(
    record: Record, cancel: dg.RunStatusSensorContext
) -> None:
    record.claimable.add(cancel.dagster_run.run_id)

    on_cancel(cancel, record)

    assert record.reaped == [SWEEP]


def test_trials_of_a_sweep_that_goes_on_are_not(
    record: Record, cancel: dg.RunStatusSensorContext
) -> None:
    on_cancel(cancel, record)

    assert record.reaped == []


@pytest.mark.parametrize("trouble", ["elsewhere", "unknown"])
def test_what_cannot_be_cancelled_here_holds_nobody_up(
    record: Record, cancel: dg.RunStatusSensorContext, trouble: str
) -> None:
    """A sensor that raises looks at the same Dagster run for ever, and at no later one."""
    record.is_elsewhere = trouble == "elsewhere"
    record.state = None if trouble == "unknown" else SweepState.RUNNING

    assert isinstance(on_cancel(cancel, record), dg.SkipReason)
    assert record.reaped == []
