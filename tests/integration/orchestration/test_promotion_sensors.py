"""Sensors of promotion on a real store: one Dagster run for a tag, others after failures, an end."""

import threading
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from governance.promotion.evaluations import EvaluationState
from orchestration.jobs import evaluate_candidate
from orchestration.promotion.sensors import (
    cancelled_evaluations,
    failed_evaluations,
    production_candidates,
)
from storage.promotion.evaluations import EvaluationStore
from sweeps.ids import RunId
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.unit.governance.promotion.worlds import THRESHOLD

# Sensors get their resources by port; Dagster calls that a preview, and its own fields are old.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

OTHER = "scratch-bbbbbbbbbbbb"


@dg.job(name=evaluate_candidate.name)
def the_job() -> None:
    pass


def a_dagster_run(
    instance: dg.DagsterInstance, partition: str, status: DagsterRunStatus
) -> dg.DagsterRun:
    return instance.create_run_for_job(
        the_job, status=status, tags={"dagster/partition": partition}
    )


def tick(
    instance: dg.DagsterInstance, world: PromotionWorld, *, store: EvaluationStore | None = None
) -> Any:
    context = dg.build_sensor_context(instance=instance)
    return production_candidates(context, evaluation_log=store or world.evaluations)


def after(
    instance: dg.DagsterInstance, run: dg.DagsterRun, status: DagsterRunStatus
) -> dg.RunStatusSensorContext:
    kind = {
        DagsterRunStatus.FAILURE: dg.DagsterEventType.PIPELINE_FAILURE,
        DagsterRunStatus.CANCELED: dg.DagsterEventType.PIPELINE_CANCELED,
    }[status]
    return dg.build_run_status_sensor_context(
        sensor_name="sensor",
        dagster_event=dg.DagsterEvent(kind.value, run.job_name),
        dagster_instance=instance,
        dagster_run=run,
    )


def on_failure(instance: dg.DagsterInstance, world: PromotionWorld, run: dg.DagsterRun) -> Any:
    context = after(instance, run, DagsterRunStatus.FAILURE)
    return failed_evaluations(context, evaluation_log=world.evaluations)


def on_cancel(instance: dg.DagsterInstance, world: PromotionWorld, run: dg.DagsterRun) -> Any:
    context = after(instance, run, DagsterRunStatus.CANCELED)
    return cancelled_evaluations(context, candidate_evaluations=world.steps)


def requested(answer: Any) -> list[tuple[str | None, str | None]]:
    """Run keys and partitions that a tick asks for."""
    if isinstance(answer, dg.SkipReason):
        return []
    assert isinstance(answer, dg.SensorResult)
    added = [key for one in answer.dynamic_partitions_requests or [] for key in one.partition_keys]
    requests = answer.run_requests or []
    assert added == [one.partition_key for one in requests]
    return [(one.run_key, one.partition_key) for one in requests]


def test_a_tag_starts_one_evaluation_however_often_a_tick_comes(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    run = world.candidate()
    before = tick(instance, world)
    world.tag(run)

    answers = [tick(instance, world) for _ in range(3)]

    assert isinstance(before, dg.SkipReason)
    assert [requested(one) for one in answers] == [[(f"{run}-e1@1", f"{run}-e1")], [], []]
    assert world.rows("SELECT count(*) FROM evaluations") == [(1,)]


def test_two_daemons_at_once_start_each_evaluation_once(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    runs = [world.candidate(f"scratch-{c * 12}", content=c.encode()) for c in "abcde"]
    for run in runs:
        world.tag(run)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(tick(instance, world))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    keys = sorted(str(key) for answer in answers for key, _ in requested(answer))

    assert keys == sorted(f"{run}-e1@1" for run in runs)


def test_a_tick_whose_answer_was_lost_is_made_up_for_and_one_that_came_through_is_not(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    for run in (world.candidate(), world.candidate(OTHER, content=b"others")):
        world.tag(run)
    tick(instance, world)  # the daemon dies here, after it has launched the first one
    a_dagster_run(instance, "scratch-aaaaaaaaaaaa-e1", DagsterRunStatus.STARTING)
    at_once = tick(instance, world)
    world.rows("UPDATE evaluations SET claimed_at = now() - interval '2 minutes'")

    later = tick(instance, world)

    assert requested(at_once) == []
    assert requested(later) == [(f"{OTHER}-e1@2", f"{OTHER}-e1")]


def test_a_tag_that_is_taken_away_before_the_tick_starts_nothing(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    run = world.candidate()
    world.tag(run)
    world.evaluations.request_tagged()
    world.untag(run)

    answer = tick(instance, world)

    assert requested(answer) == []
    assert world.evaluations.get(f"{run}-e1").state is EvaluationState.WITHDRAWN


def test_an_approval_starts_the_judgement_and_nothing_else_does(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    world.policy = a_policy(f"{THRESHOLD}, approvals: {{count: 1}}")
    run = world.candidate()
    world.tag(run)
    tick(instance, world)
    found = world.steps.begin(f"{run}-e1")
    world.measure(found)
    world.through(found.evaluation_id)
    before = tick(instance, world)
    world.evaluations.approve(found.evaluation_id, by="ben", comment="good")

    asked = [tick(instance, world), tick(instance, world)]

    assert requested(before) == []
    assert [requested(one) for one in asked] == [[(f"{run}-e1@2", f"{run}-e1")], []]


def test_an_evaluation_whose_dagster_run_fails_is_tried_again_within_its_bound(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    run = world.candidate()
    world.tag(run)
    ((key, name),) = requested(tick(instance, world))
    keys = [key]
    for _ in range(20):
        failed = a_dagster_run(instance, f"{run}-e1", DagsterRunStatus.FAILURE)
        world.evaluations.attach(f"{run}-e1", dagster_run_id=failed.run_id)
        answer = on_failure(instance, world, failed)
        if not isinstance(answer, dg.RunRequest):
            break
        assert answer.partition_key == name
        keys.append(answer.run_key)
        assert isinstance(on_failure(instance, world, failed), dg.SkipReason)  # the same tick again

    found = world.evaluations.get(f"{run}-e1")

    assert keys == [f"{run}-e1@{number}" for number in range(1, 11)]
    assert found.state is EvaluationState.FAILED
    assert "again and again" in found.reason
    assert requested(tick(instance, world)) == []


def test_a_gate_that_has_failed_is_no_fault_of_the_dagster_run(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    found = world.begun(world.candidate())
    failed = a_dagster_run(instance, found.evaluation_id, DagsterRunStatus.FAILURE)
    world.evaluations.attach(found.evaluation_id, dagster_run_id=failed.run_id)
    world.measure(found, (0.1, 0.1, 0.1))
    world.through(found.evaluation_id)

    answer = on_failure(instance, world, failed)

    assert isinstance(answer, dg.SkipReason)
    assert "is at rest" in str(answer.skip_message)
    assert world.evaluations.get(found.evaluation_id).claims == 0


@pytest.mark.parametrize("ending", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
def test_the_end_of_a_dagster_run_that_another_one_has_replaced_changes_nothing(
    instance: dg.DagsterInstance, world: PromotionWorld, ending: DagsterRunStatus
) -> None:
    found = world.begun(world.candidate())
    old = a_dagster_run(instance, found.evaluation_id, ending)
    world.evaluations.attach(found.evaluation_id, dagster_run_id="another")

    answer = (on_failure if ending is DagsterRunStatus.FAILURE else on_cancel)(instance, world, old)

    assert not isinstance(answer, dg.RunRequest)
    kept = world.evaluations.get(found.evaluation_id)
    assert (kept.state, kept.dagster_run_id) == (EvaluationState.RUNNING, "another")
    assert world.rows("SELECT requested::text FROM sweeps") == [("run",)]


@pytest.mark.parametrize("ending", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
@pytest.mark.parametrize("tags", [{}, {"dagster/partition": "none-e1"}])
def test_dagster_runs_of_nothing_that_is_known_hold_nobody_up(
    instance: dg.DagsterInstance,
    world: PromotionWorld,
    ending: DagsterRunStatus,
    tags: dict[str, str],
) -> None:
    """A sensor that raises looks at the same Dagster run for ever, and at no later one."""
    run = instance.create_run_for_job(the_job, status=ending, tags=tags)

    answer = (on_failure if ending is DagsterRunStatus.FAILURE else on_cancel)(instance, world, run)

    assert answer is None or isinstance(answer, dg.SkipReason)


def test_a_cancelled_evaluation_ends_with_its_runs(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    run = world.candidate()
    world.tag(run)
    tick(instance, world)
    found = world.steps.begin(f"{run}-e1")
    cancelled = a_dagster_run(instance, found.evaluation_id, DagsterRunStatus.CANCELED)
    world.evaluations.attach(found.evaluation_id, dagster_run_id=cancelled.run_id)

    on_cancel(instance, world, cancelled)
    on_cancel(instance, world, cancelled)  # the same tick again

    ended = world.evaluations.get(found.evaluation_id)
    assert ended.state is EvaluationState.FAILED
    assert ended.reason == f"Dagster run {cancelled.run_id} was terminated"
    assert world.rows("SELECT requested::text FROM sweeps") == [("cancel",)]
    assert requested(tick(instance, world)) == []  # the tag is still there: nobody has asked anew
    again = world.evaluations.request_again(
        RunId(run), tenant_id=found.tenant_id, by="ana", rule=None
    )
    assert again.number == 2


def test_a_cancelled_dagster_run_of_what_is_decided_takes_nothing_back(
    instance: dg.DagsterInstance, world: PromotionWorld
) -> None:
    record = world.promoted("scratch-aaaaaaaaaaaa", content=b"weights")
    name = record.evaluation.evaluation_id
    cancelled = a_dagster_run(instance, name, DagsterRunStatus.CANCELED)

    on_cancel(instance, world, cancelled)

    assert world.evaluations.get(name).state is EvaluationState.PROMOTED
    assert world.alias() == 1
