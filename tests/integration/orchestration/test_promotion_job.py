"""The job of evaluations on a real store: measured, judged, promoted; interrupted and gone on with."""

import math
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter

from assets import promotion
from assets.partitions import EVALUATIONS
from governance.promotion.evaluations import Evaluation, EvaluationState
from governance.promotion.policy import Gate
from orchestration.jobs import evaluate_candidate
from orchestration.promotion.sensors import rejected_candidates
from sweeps.errors import StorageUnavailable
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.unit.governance.promotion.worlds import THRESHOLD

# Dagster's own business with a resource of generic type.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

GOOD = (0.95, 0.96, 0.97)
APPROVED = f"{THRESHOLD}, approvals: {{count: 1}}"


class Steps:
    """The steps of a platform, whose runs are over as soon as they are asked for.

    Args:
        on_look: Called before each look.
    """

    def __init__(
        self,
        world: PromotionWorld,
        values: tuple[float, ...] = GOOD,
        *,
        crash: str | None = None,
        on_look: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._world = world
        self._values = values
        self._crash = crash
        self._on_look = on_look
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.steps, name)

    def begin(self, evaluation_id: str) -> Evaluation:
        found = self._world.steps.begin(evaluation_id)
        of_sweep = "SELECT count(*) FROM runs WHERE sweep_id = %s"
        is_new = self._world.rows(of_sweep, found.sweep_id) == [(0,)]
        if found.state is EvaluationState.RUNNING and is_new:
            self._world.measure(found, self._values, crash=self._crash)
        return found

    def look(self, evaluation_id: str) -> Evaluation:
        self.looks += 1
        self._on_look(self.looks)
        return self._world.steps.look(evaluation_id)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion, "LOOK_SECONDS", 0.01)


@pytest.fixture
def name(world: PromotionWorld) -> str:
    """An evaluation that a tag has asked for."""
    world.tag(world.candidate())
    (name,) = world.evaluations.request_tagged()
    world.evaluations.claim(name)
    return name


def run_job(instance: dg.DagsterInstance, name: str, steps: Any) -> dg.ExecuteInProcessResult:
    loaded = dg.Definitions(
        assets=[promotion.evaluations, promotion.model_versions],
        asset_checks=[promotion.gates],
        jobs=[evaluate_candidate],
        resources={"candidate_evaluations": steps},
    )
    instance.add_dynamic_partitions(str(EVALUATIONS.name), [name])
    job = loaded.resolve_job_def(evaluate_candidate.name)
    return job.execute_in_process(partition_key=name, instance=instance, raise_on_error=False)


def test_one_dagster_run_measures_judges_and_promotes(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    result = run_job(instance, name, Steps(world))

    assert result.success
    assert {check.check_name for check in result.get_asset_check_evaluations()} == set(Gate)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    (event,) = result.asset_materializations_for_node("evaluations")
    (version,) = result.asset_materializations_for_node("model_versions")
    assert (event.partition, version.partition) == (name, name)
    assert version.metadata["version"].value == "digits@1"
    assert version.metadata["promotion"].value == "digits@1 is production"
    found = world.evaluations.get(name)
    assert (found.state, found.dagster_run_id) == (EvaluationState.PROMOTED, result.run_id)
    assert world.alias() == 1


def test_a_second_dagster_run_of_the_same_evaluation_does_nothing_twice(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    results = [run_job(instance, name, Steps(world)) for _ in range(2)]

    assert [result.success for result in results] == [True, True]
    (version,) = results[1].asset_materializations_for_node("model_versions")
    assert version.metadata["version"].value == "digits@1"
    assert world.rows("SELECT count(*) FROM sweeps") == [(1,)]
    assert world.rows("SELECT count(*) FROM model_versions") == [(1,)]
    assert world.rows("SELECT max(judgement) FROM gate_results") == [(1,)]


@pytest.mark.parametrize("worst", [0.5, math.nan], ids=["low", "nan"])
def test_a_gate_that_fails_blocks_the_version_and_fails_the_dagster_run(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str, worst: float
) -> None:
    result = run_job(instance, name, Steps(world, (0.95, worst, 0.97)))

    assert not result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    failed = [name for name, check in checks.items() if not check.passed]
    assert failed == [Gate.THRESHOLDS]
    assert str(worst) in str(checks[Gate.THRESHOLDS].description)
    assert result.asset_materializations_for_node("model_versions") == []
    assert world.evaluations.get(name).state is EvaluationState.REJECTED
    assert world.alias() is None


def test_people_are_waited_for_without_a_dagster_run_and_the_next_one_promotes(
    world: PromotionWorld, instance: dg.DagsterInstance
) -> None:
    world.policy = a_policy(APPROVED)
    world.tag(world.candidate())
    (name,) = world.evaluations.request_tagged()

    waiting = run_job(instance, name, Steps(world))
    state = world.evaluations.get(name).state
    world.evaluations.approve(name, by="ben", comment="good")
    promoted = run_job(instance, name, Steps(world))

    assert (waiting.success, state) == (True, EvaluationState.WAITING)
    assert waiting.asset_materializations_for_node("model_versions") == []
    assert promoted.success
    (version,) = promoted.asset_materializations_for_node("model_versions")
    assert version.metadata["version"].value == "digits@1"
    assert world.rows("SELECT count(*) FROM sweeps") == [(1,)]


def tell(instance: dg.DagsterInstance, world: PromotionWorld, cursor: str | None) -> str:
    """A tick of the sensor, and what the daemon makes of it; the cursor."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    found = rejected_candidates(context, evaluation_log=world.evaluations)
    assert isinstance(found, dg.SensorResult)
    for event in found.asset_events:
        instance.report_runless_asset_event(event)
    assert found.cursor is not None
    return found.cursor


def approvals(instance: dg.DagsterInstance, name: str) -> list[dg.AssetCheckEvaluation]:
    """What Dagster's check of the approvals of an evaluation has said, the newest first."""
    key = dg.AssetCheckKey(promotion.evaluations.key, str(Gate.APPROVALS))
    history = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=9, partition_filter=PartitionKeyFilter(key=name)
    )
    return [
        one.evaluation for one in history if isinstance(one.evaluation, dg.AssetCheckEvaluation)
    ]


def test_a_no_of_a_person_is_what_the_check_of_approvals_says_then(
    world: PromotionWorld, instance: dg.DagsterInstance
) -> None:
    world.policy = a_policy(APPROVED)
    names: list[str] = []
    for run in ("scratch-aaaaaaaaaaaa", "scratch-bbbbbbbbbbbb"):
        world.tag(world.candidate(run, content=run.encode()))
        (name,) = world.evaluations.request_tagged()
        run_job(instance, name, Steps(world))
        names.append(name)
    before = [[one.severity for one in approvals(instance, name)] for name in names]
    cursor = tell(instance, world, None)

    world.evaluations.reject(names[0], by="ben", comment="it is biased")
    cursor = tell(instance, world, cursor)

    warning = [dg.AssetCheckSeverity.WARN]
    assert before == [warning, warning]
    told, waiting = approvals(instance, names[0])
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "ben: it is biased" in str(told.description)
    assert waiting.severity is dg.AssetCheckSeverity.WARN
    assert [one.severity for one in approvals(instance, names[1])] == warning
    # Whatever is seen twice, by a cursor that was lost, too, is told once.
    for again in (cursor, None):
        tell(instance, world, again)
    assert approvals(instance, names[0]) == [told, waiting]


def test_gates_that_fail_in_a_dagster_run_are_not_told_again(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    run_job(instance, name, Steps(world, (0.95, 0.5, 0.97)))
    before = approvals(instance, name)

    tell(instance, world, None)

    assert world.evaluations.get(name).state is EvaluationState.REJECTED
    assert approvals(instance, name) == before


def test_a_rejection_that_dagster_knows_nothing_of_is_not_told(
    world: PromotionWorld, instance: dg.DagsterInstance
) -> None:
    world.policy = a_policy(APPROVED)
    found = world.begun(world.candidate())
    world.measure(found)
    world.through(found.evaluation_id)
    world.evaluations.reject(found.evaluation_id, by="ben", comment="no")

    tell(instance, world, None)

    assert approvals(instance, found.evaluation_id) == []


def test_runs_that_crash_fail_the_evaluation_and_no_gate_is_judged(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    result = run_job(instance, name, Steps(world, crash="the script exited with code 1"))

    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "the script exited with code 1" in str(failure.step_failure_data.user_failure_data)
    assert result.get_asset_check_evaluations() == []
    assert world.evaluations.get(name).state is EvaluationState.FAILED
    assert world.rows("SELECT count(*) FROM gate_results") == [(0,)]


def test_a_candidate_that_is_pruned_while_it_is_measured_is_refused(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    def prune(look: int) -> None:
        if look == 1:
            world.prune(name.removesuffix("-e1"))

    result = run_job(instance, name, Steps(world, on_look=prune))

    assert not result.success
    found = world.evaluations.get(name)
    assert found.state is EvaluationState.REFUSED
    assert "pruned during its evaluation" in found.reason
    assert world.alias() is None


def test_an_outage_of_the_database_is_waited_out(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    def away(look: int) -> None:
        if look < 4:
            raise StorageUnavailable("the database is away", retry_after_seconds=0.01)

    steps = Steps(world, on_look=away)
    result = run_job(instance, name, steps)

    assert result.success
    assert steps.looks == 4
    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert retries == []
    assert world.alias() == 1


def test_an_outage_before_anything_is_measured_is_tried_again_by_dagster(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    class Away(Steps):
        has_failed = False

        def begin(self, evaluation_id: str) -> Evaluation:
            found = super().begin(evaluation_id)
            if not self.has_failed:  # all of it was done, and nobody was told
                self.has_failed = True
                raise StorageUnavailable("the database is away", retry_after_seconds=0.01)
            return found

    result = run_job(instance, name, Away(world))

    assert result.success
    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert [event.step_key for event in retries] == ["evaluations"]
    assert world.rows("SELECT count(*) FROM sweeps") == [(1,)]
    assert world.alias() == 1


def test_an_evaluation_whose_dagster_run_dies_goes_on_where_it_was(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    def die(_look: int) -> None:
        raise RuntimeError("out of memory")

    died = run_job(instance, name, Steps(world, on_look=die))
    between = world.evaluations.get(name)
    claim = world.evaluations.reclaim(name, dagster_run_id=died.run_id)
    result = run_job(instance, name, Steps(world))

    assert not died.success
    assert (between.state, between.dagster_run_id) == (EvaluationState.RUNNING, died.run_id)
    assert claim == f"{name}@2"
    assert result.success
    assert world.rows("SELECT count(*) FROM sweeps") == [(1,)]
    assert world.evaluations.get(name).state is EvaluationState.PROMOTED


@pytest.mark.parametrize("is_asked_for", [True, False], ids=["terminated", "evicted"])
def test_a_person_who_terminates_it_ends_it_and_an_eviction_does_not(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str, is_asked_for: bool
) -> None:
    def interrupt(_look: int) -> None:
        (run,) = instance.get_runs()
        if is_asked_for:
            instance.report_run_canceling(run)
        raise dg.DagsterExecutionInterruptedError

    interrupted = run_job(instance, name, Steps(world, on_look=interrupt))

    found = world.evaluations.get(name)
    assert not interrupted.success
    assert found.dagster_run_id == interrupted.run_id
    if is_asked_for:
        assert found.state is EvaluationState.FAILED
        assert "was terminated" in found.reason
    else:
        assert found.state is EvaluationState.RUNNING
        assert run_job(instance, name, Steps(world)).success
        assert world.alias() == 1


def test_an_evaluation_that_is_withdrawn_while_it_is_judged_is_not_promoted(
    world: PromotionWorld, instance: dg.DagsterInstance, name: str
) -> None:
    class Late(Steps):
        def judge(self, evaluation_id: str) -> Any:
            world.untag(name.removesuffix("-e1"))
            world.evaluations.withdraw_untagged()
            return world.steps.judge(evaluation_id)

    result = run_job(instance, name, Late(world))

    assert not result.success
    checks = result.get_asset_check_evaluations()
    assert {check.passed for check in checks} == {False}
    assert "the tag was taken away" in str(checks[0].description)
    assert world.evaluations.get(name).state is EvaluationState.WITHDRAWN
    assert world.alias() is None
