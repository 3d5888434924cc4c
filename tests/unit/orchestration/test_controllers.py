"""Looking after the controller of a sweep that somebody follows."""

import contextlib
import dataclasses
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from orchestration import starting
from orchestration.platform import Platform
from orchestration.run_launcher import PID_TAG
from sweeps.errors import LauncherUnavailable
from sweeps.ids import SweepId
from sweeps.states import SweepRequest, SweepState
from sweeps.trials import Sweep
from tests.factories import SWEEP, a_spec, at


class Catalog:
    """One sweep, and what is done with it."""

    def __init__(self) -> None:
        self.sweep = Sweep(
            sweep_id=SWEEP,
            spec=a_spec(),
            state=SweepState.RUNNING,
            requested=SweepRequest.RUN,
            source_dir="/there",
            created_by="me",
            created_at=at(0),
        )
        self.cancelled: list[str] = []
        self.is_ours = True

    def get(self, sweep_id: SweepId) -> Any:
        assert sweep_id == SWEEP
        return self.sweep

    def claim(self, sweep_id: SweepId) -> str | None:
        return f"{sweep_id}@1"

    def cancel_abandoned(self, _sweep_id: SweepId, *, dagster_run_id: str, reason: str) -> bool:
        assert reason
        self.cancelled.append(dagster_run_id)
        return True

    @contextlib.contextmanager
    def try_starting(self, _sweep_id: SweepId) -> Generator[bool, None, None]:
        yield self.is_ours


class World:
    """A platform with one sweep, a Dagster instance in memory, and controllers that only count."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.catalog = Catalog()
        self.started: list[str] = []
        self.reaped: list[str] = []
        self.launched: list[str] = []
        self.platform = cast(
            "Platform",
            SimpleNamespace(
                catalog=self.catalog,
                dagster_instance=instance,
                launcher=SimpleNamespace(reap=self.reaped.append),
                has_daemon=True,
            ),
        )

    def has_run(self, status: dg.DagsterRunStatus, **tags: str) -> str:
        @dg.job
        def a_job() -> None:
            pass

        run = self.instance.create_run_for_job(a_job, status=status, tags=tags)
        self.catalog.sweep = dataclasses.replace(self.catalog.sweep, dagster_run_id=run.run_id)
        return run.run_id

    def queued(self) -> None:
        run_id = self.has_run(dg.DagsterRunStatus.NOT_STARTED)
        run = SimpleNamespace(run_id=run_id, status=dg.DagsterRunStatus.QUEUED, tags={})
        self.platform.dagster_instance = cast(  # pyright: ignore[reportAttributeAccessIssue]
            "dg.DagsterInstance",
            SimpleNamespace(
                get_run_by_id=lambda _: run,
                launch_run=lambda run_id, workspace: self.launched.append(run_id),
            ),
        )

    def start(self, _platform: Platform, _sweep_id: SweepId) -> str:
        self.started.append(self.has_run(dg.DagsterRunStatus.FAILURE))
        return self.started[-1]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[World, None, None]:
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        made = World(instance)
        monkeypatch.setattr(starting, "start_controller", made.start)
        yield made


def test_a_controller_that_fails_is_replaced_three_times_and_then_given_up(world: World) -> None:
    last = world.has_run(dg.DagsterRunStatus.FAILURE)
    controllers = starting.Controllers(world.platform, SWEEP)

    for _ in range(3):
        assert "failed" in (controllers.look_after() or "")
    with pytest.raises(LauncherUnavailable, match="attach") as caught:
        controllers.look_after()

    assert len(world.started) == 3
    assert world.started[-1] in str(caught.value)
    assert last not in str(caught.value)


def test_a_cancelled_dagster_run_cancels_its_sweep_and_is_not_replaced(world: World) -> None:
    run = world.has_run(dg.DagsterRunStatus.CANCELED)

    said = starting.Controllers(world.platform, SWEEP).look_after()

    assert "cancelled" in (said or "")
    assert (world.catalog.cancelled, world.reaped, world.started) == ([run], [SWEEP], [])


def test_of_two_followers_one_starts(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.FAILURE)
    world.catalog.is_ours = False

    assert starting.Controllers(world.platform, SWEEP).look_after() is None
    assert world.started == []


def test_a_claimed_sweep_that_nobody_started_is_started(world: World) -> None:
    said = starting.Controllers(world.platform, SWEEP).look_after()

    assert "started" in (said or "")
    assert len(world.started) == 1


def test_a_controller_whose_process_is_on_its_way_is_waited_for(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.STARTING)

    assert starting.Controllers(world.platform, SWEEP).look_after() is None
    assert world.started == []


def test_a_queued_dagster_run_is_left_to_the_daemon_if_there_is_one(world: World) -> None:
    world.queued()
    controllers = starting.Controllers(world.platform, SWEEP)

    assert "queue" in (controllers.look_after() or "")
    assert controllers.look_after() is None
    assert world.launched == []
    world.platform.has_daemon = False  # pyright: ignore[reportAttributeAccessIssue]
    assert "no daemon" in (controllers.look_after() or "")
    assert world.launched == [world.catalog.sweep.dagster_run_id]


def test_a_sweep_that_has_ended_needs_nobody(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.FAILURE)
    world.catalog.sweep = dataclasses.replace(world.catalog.sweep, state=SweepState.COMPLETED)

    assert starting.Controllers(world.platform, SWEEP).look_after() is None


def test_a_lost_controller_is_resumed_under_the_same_dagster_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.has_run(dg.DagsterRunStatus.STARTED, **{PID_TAG: "999999999"})
    resumed: list[Any] = []
    launcher = SimpleNamespace(resume_run=resumed.append)
    monkeypatch.setattr(dg.DagsterInstance, "run_launcher", launcher)

    said = starting.Controllers(world.platform, SWEEP).look_after()

    assert "lost" in (said or "")
    assert [context.dagster_run.run_id for context in resumed] == [run]
    found = world.instance.get_run_by_id(run)
    assert found is not None
    assert found.tags[starting.RESUMES_TAG] == "1"
