"""Dagster runs of sweeps, in an instance in memory."""

from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from orchestration.coming_runs import PARTITION_TAG
from orchestration.platform import Platform
from orchestration.starting import JOB, report_failed
from sweeps.ids import SweepId

pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

SWEEP = SweepId("digits-aaaaaaaa")
REASON = "waited for b-aaaaaaaa to succeed, which failed: all of its trials did"


class Claims:
    """Notes who is attached; may be killed before."""

    def __init__(self) -> None:
        self.attached: list[str] = []
        self.is_killed = False

    def attach(self, sweep_id: SweepId, *, dagster_run_id: str) -> None:
        assert sweep_id == SWEEP
        if self.is_killed:
            raise KeyboardInterrupt
        self.attached.append(dagster_run_id)


@pytest.fixture
def claims() -> Claims:
    return Claims()


@pytest.fixture
def platform(instance: dg.DagsterInstance, claims: Claims) -> Platform:
    def port(_: str, *, default: int) -> int:
        return default

    parts = SimpleNamespace(dagster_instance=instance, claims=claims, port=port)
    return cast("Platform", parts)


def runs_of_sweep(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(job_name=JOB, tags={PARTITION_TAG: SWEEP})))


def failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    return [record.event_log_entry.get_dagster_event().message or "" for record in records]


def test_an_end_is_a_failed_run_that_says_why(
    platform: Platform, instance: dg.DagsterInstance, claims: Claims
) -> None:
    report_failed(platform, SWEEP, REASON)

    (run,) = runs_of_sweep(instance)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert failures(instance, run.run_id) == [REASON]
    assert claims.attached == [run.run_id]


@pytest.mark.parametrize("is_reported", [False, True])
def test_what_one_who_was_killed_has_left_is_finished(
    platform: Platform,
    instance: dg.DagsterInstance,
    claims: Claims,
    monkeypatch: pytest.MonkeyPatch,
    is_reported: bool,
) -> None:
    claims.is_killed = True

    def die(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if not is_reported:
            patch.setattr(instance, "report_run_failed", die)
        with pytest.raises(KeyboardInterrupt):
            report_failed(platform, SWEEP, REASON)
    claims.is_killed = False

    report_failed(platform, SWEEP, REASON)

    (run,) = runs_of_sweep(instance)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert failures(instance, run.run_id) == [REASON]
    assert claims.attached == [run.run_id]


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.NOT_STARTED], ids=str
)
def test_a_run_that_somebody_launched_by_hand_is_not_taken_for_it(
    platform: Platform,
    instance: dg.DagsterInstance,
    claims: Claims,
    status: dg.DagsterRunStatus,
) -> None:
    by_hand = instance.create_run_for_job(
        dg.GraphDefinition(name=JOB).to_job(), tags={PARTITION_TAG: SWEEP}, status=status
    )

    report_failed(platform, SWEEP, REASON)

    (attached,) = claims.attached
    assert attached != by_hand.run_id
    assert failures(instance, attached) == [REASON]
    assert failures(instance, by_hand.run_id) == []
