"""Looking after an evaluation that somebody follows where no daemon may run: a command's own sensor."""

from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from governance.promotion.evaluations import EvaluationState
from orchestration.platform import Platform
from orchestration.promotion import controllers
from orchestration.promotion.controllers import EvaluationControllers
from tests.integration.orchestration.promotion_world import PromotionWorld
from tests.integration.orchestration.test_promotion_sensors import a_dagster_run


class Follower:
    """A command that follows one evaluation; Dagster runs that it starts are rows."""

    def __init__(
        self, world: PromotionWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.world, self.instance = world, instance
        self.started: list[str] = []
        self.run = world.candidate()
        world.tag(self.run)
        (self.name,) = world.evaluations.request_tagged()
        self._platform: Any = SimpleNamespace(
            evaluations=world.evaluations,
            catalog=world.catalog,
            dagster_instance=instance,
            has_daemon=True,
            has_worker_processes=False,
        )
        monkeypatch.setattr(controllers, "start_evaluation", self._start)

    def _start(self, platform: object, name: str) -> str:
        assert platform is self._platform
        run = a_dagster_run(self.instance, name, DagsterRunStatus.STARTED)
        self.world.evaluations.attach(name, dagster_run_id=run.run_id)
        self.started.append(run.run_id)
        return run.run_id

    def look(self) -> str | None:
        platform = cast("Platform", self._platform)
        return EvaluationControllers(platform, self.name).look_after()

    @property
    def state(self) -> EvaluationState:
        return self.world.evaluations.get(self.name).state


@pytest.fixture
def follower(
    world: PromotionWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Follower:
    return Follower(world, instance, monkeypatch)


def test_it_is_started_once(follower: Follower) -> None:
    for _ in range(3):
        follower.look()

    assert len(follower.started) == 1
    assert follower.world.evaluations.get(follower.name).claims == 1


def test_one_that_a_sensor_has_requested_is_left_to_it(follower: Follower) -> None:
    a_dagster_run(follower.instance, follower.name, DagsterRunStatus.STARTING)

    follower.look()

    assert follower.started == []
    assert follower.world.evaluations.due() == [follower.name]


def test_one_whose_dagster_run_has_failed_gets_another(follower: Follower) -> None:
    follower.look()
    (first,) = follower.started
    failed = follower.instance.get_run_by_id(first)
    assert failed is not None
    follower.instance.report_run_failed(failed)

    said = follower.look()
    again = follower.look()

    assert f"Dagster run {first} was not through" in str(said)
    assert again is None
    assert len(follower.started) == 2


def test_one_whose_dagster_run_a_person_has_terminated_ends_with_its_runs(
    follower: Follower,
) -> None:
    follower.look()
    follower.world.steps.begin(follower.name)
    (started,) = follower.started
    terminated = follower.instance.get_run_by_id(started)
    assert terminated is not None
    follower.instance.report_run_canceled(terminated)

    said = follower.look()

    assert said == f"Dagster run {started} was terminated"
    assert follower.state is EvaluationState.FAILED
    assert follower.world.rows("SELECT requested::text FROM sweeps") == [("cancel",)]
    assert follower.look() is None
    assert follower.started == [started]
