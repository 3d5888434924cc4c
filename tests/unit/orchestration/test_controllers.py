"""Looking after the controller of a sweep that somebody follows."""

import contextlib
import dataclasses
import datetime as dt
import os
import platform
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sqlalchemy.exc import OperationalError

from orchestration import controllers, workers
from orchestration.home import Home
from orchestration.platform import Platform
from orchestration.workers import COMING_TAGS, PID_TAG, STARTED_TAG, home_tags, process_tags
from sweeps import ids
from sweeps.errors import LauncherUnavailable, RunsElsewhere, StorageUnavailable
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import SweepRequest, SweepState
from sweeps.trials import Sweep
from tests.factories import SWEEP, a_spec, at

#: Dagster refuses to queue a run that does not say where its code is.
ORIGIN = RemoteJobOrigin(
    repository_origin=RemoteRepositoryOrigin(
        code_location_origin=GrpcServerCodeLocationOrigin(
            host="127.0.0.1", port=1, location_name="here"
        ),
        repository_name="repository",
    ),
    job_name="a_job",
)


class Catalog:
    """One sweep, and what is done with it: `catalog` and `claims` of a platform in one."""

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
        self.place: str | None = None  #: another one, where its live trials are
        self.is_void = True  #: nothing has followed the last claim for a minute
        self.left = 3
        self.live: tuple[AttemptId, ...] = ()
        self.ended: Mapping[AttemptId, dt.datetime] = {}

    def get(self, sweep_id: SweepId) -> Any:
        assert sweep_id == SWEEP
        return self.sweep

    def check_place(self, sweep_id: SweepId) -> None:
        if self.place is not None:
            raise RunsElsewhere(sweep_id, place=self.place)

    def leave_place(self, _sweep_id: SweepId) -> None:
        self.place = None

    def claim(self, sweep_id: SweepId) -> str | None:
        if self.sweep.dagster_run_id is not None or not self.is_void or not self.left:
            return None
        self.left -= self.sweep.state is not SweepState.SUBMITTED
        self.sweep = dataclasses.replace(self.sweep, state=SweepState.RUNNING)
        return f"{sweep_id}@1"

    def reclaim(self, sweep_id: SweepId, *, dagster_run_id: str) -> str | None:
        if self.sweep.dagster_run_id != dagster_run_id or not self.left:
            return None
        self.left -= 1
        self.sweep = dataclasses.replace(self.sweep, dagster_run_id=None)
        return f"{sweep_id}@1"

    def is_given_up(self, _sweep_id: SweepId, *, dagster_run_id: str | None) -> bool:
        is_left = self.sweep.dagster_run_id == dagster_run_id
        return is_left and not self.left and (dagster_run_id is not None or self.is_void)

    def forgive(self, _sweep_id: SweepId) -> None:
        self.left = 3

    def live_attempts(self, _sweep_id: SweepId) -> tuple[AttemptId, ...]:
        return self.live

    def cancel_abandoned(
        self,
        _sweep_id: SweepId,
        *,
        dagster_run_id: str,
        reason: str,
        ended: Mapping[AttemptId, dt.datetime],
    ) -> bool:
        self.ended = ended
        assert reason
        if self.sweep.dagster_run_id != dagster_run_id:
            return False
        self.cancelled.append(dagster_run_id)
        return True

    @contextlib.contextmanager
    def try_starting(self, _sweep_id: SweepId) -> Generator[bool, None, None]:
        yield self.is_ours


class World:
    """A platform with one sweep, a Dagster instance in memory, and controllers that only count."""

    def __init__(self, instance: dg.DagsterInstance, home: Home) -> None:
        self.instance = instance
        self.catalog = Catalog()
        self.home = home
        self.started: list[str] = []
        self.reaped: list[str] = []
        self.launched: list[str] = []
        self.resumed: list[Any] = []
        self.statuses: list[AttemptStatus] | None = []  #: None: the launcher does not answer
        self.platform = cast(
            "Platform",
            SimpleNamespace(
                catalog=self.catalog,
                claims=self.catalog,
                dagster_instance=instance,
                launcher=SimpleNamespace(reap=self._reap, poll=self._poll),
                has_daemon=True,
                has_worker_processes=True,
                settings=SimpleNamespace(home=home),
            ),
        )

    def _reap(self, sweep_id: str) -> int:
        self.reaped.append(sweep_id)
        return 1

    def _poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        assert sweep_id == SWEEP
        if self.statuses is None:
            raise LauncherUnavailable("nobody answers")
        return {one.attempt_id: one for one in self.statuses if one.attempt_id in set(attempt_ids)}

    def look_after(self) -> str | None:
        return controllers.Controllers(self.platform, SWEEP).look_after()

    def has_run(self, status: dg.DagsterRunStatus, **tags: str) -> str:
        @dg.job
        def a_job() -> None:
            pass

        run = self.instance.create_run_for_job(
            a_job, status=status, tags=tags, remote_job_origin=ORIGIN
        )
        self.catalog.sweep = dataclasses.replace(self.catalog.sweep, dagster_run_id=run.run_id)
        return run.run_id

    def status_of(self, run_id: str) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def start(self, _platform: Platform, _sweep_id: SweepId) -> str:
        self.started.append(self.has_run(dg.DagsterRunStatus.FAILURE))
        return self.started[-1]

    def launch(self, run_id: str, workspace: object) -> None:
        assert workspace is None
        self.launched.append(run_id)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[World, None, None]:
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        made = World(instance, Home(tmp_path))
        monkeypatch.setattr(controllers, "start_controller", made.start)
        monkeypatch.setattr(instance, "launch_run", made.launch)
        launcher = SimpleNamespace(resume_run=made.resumed.append)
        monkeypatch.setattr(dg.DagsterInstance, "run_launcher", launcher)
        yield made


@pytest.fixture
def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens is older than what is waited for."""
    monkeypatch.setattr(workers, "_COMING", dt.timedelta(0))


# One that has failed


def test_a_controller_that_fails_is_replaced_three_times_and_then_given_up(world: World) -> None:
    last = world.has_run(dg.DagsterRunStatus.FAILURE)

    for _ in range(3):
        assert "failed" in (world.look_after() or "")
    with pytest.raises(LauncherUnavailable, match="attach") as caught:
        world.look_after()

    assert len(world.started) == 3
    assert world.started[-1] in str(caught.value)
    assert last not in str(caught.value)


def test_a_person_who_asks_again_gives_it_another_three(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.FAILURE)
    world.catalog.left = 0

    said = controllers.Controllers(world.platform, SWEEP).begin()

    assert "failed" in (said or "")
    assert len(world.started) == 1


def test_a_controller_that_somebody_else_has_replaced_is_left_to_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's sensor has been faster, between our look and our claim."""
    world.has_run(dg.DagsterRunStatus.FAILURE)
    reclaim = world.catalog.reclaim

    def too_late(sweep_id: SweepId, *, dagster_run_id: str) -> str | None:
        world.has_run(dg.DagsterRunStatus.STARTED)
        return reclaim(sweep_id, dagster_run_id=dagster_run_id)

    monkeypatch.setattr(world.catalog, "reclaim", too_late)

    assert world.look_after() is None
    assert world.started == []


def test_a_dagster_run_that_was_deleted_is_replaced(world: World) -> None:
    run = world.has_run(dg.DagsterRunStatus.STARTED)
    world.instance.delete_run(run)

    assert "gone" in (world.look_after() or "")
    assert len(world.started) == 1


# One that was cancelled


def test_a_cancelled_dagster_run_cancels_its_sweep_and_is_not_replaced(world: World) -> None:
    run = world.has_run(dg.DagsterRunStatus.CANCELED)

    said = world.look_after()

    assert "cancelled" in (said or "")
    assert (world.catalog.cancelled, world.reaped, world.started) == ([run], [SWEEP], [])


def test_trials_of_a_cancelled_one_end_when_they_were_gone(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.CANCELED)
    gone, alive, unknown = world.catalog.live = tuple(
        ids.attempt_id(ids.run_id(SWEEP, number), 1) for number in range(1, 4)
    )
    world.statuses = [
        AttemptStatus(attempt_id=gone, phase=AttemptPhase.EXITED, ended_at=at(70)),
        AttemptStatus(attempt_id=alive, phase=AttemptPhase.RUNNING, started_at=at(1)),
    ]

    world.look_after()

    assert world.catalog.ended == {gone: at(70)}
    assert unknown not in world.catalog.ended


def test_a_cancelled_one_is_closed_though_the_launcher_cannot_say_when_its_trials_ended(
    world: World,
) -> None:
    run = world.has_run(dg.DagsterRunStatus.CANCELED)
    world.catalog.live = (ids.attempt_id(ids.run_id(SWEEP, 1), 1),)
    world.statuses = None

    world.look_after()

    assert (world.catalog.cancelled, world.catalog.ended) == ([run], {})


def test_trials_of_a_sweep_that_goes_on_under_another_dagster_run_are_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and our write it has got another one."""
    world.has_run(dg.DagsterRunStatus.CANCELED)
    monkeypatch.setattr(world.catalog, "cancel_abandoned", lambda *_, **__: False)

    assert world.look_after() is None
    assert world.reaped == []


@pytest.mark.usefixtures("a_minute_later")
@pytest.mark.parametrize("tags", [{}, {PID_TAG: "999999999", STARTED_TAG: "1.0"}])
def test_a_process_that_died_while_it_was_cancelled_has_cancelled_its_sweep(
    world: World, tags: dict[str, str]
) -> None:
    run = world.has_run(dg.DagsterRunStatus.CANCELING, **tags)

    said = world.look_after()

    assert "cancelled" in (said or "")
    assert world.status_of(run) is dg.DagsterRunStatus.CANCELED
    assert (world.catalog.cancelled, world.reaped, world.resumed) == ([run], [SWEEP], [])


# One that nobody has started


def test_of_two_followers_one_starts(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.FAILURE)
    world.catalog.is_ours = False

    assert world.look_after() is None
    assert world.started == []


@pytest.mark.parametrize("state", [SweepState.SUBMITTED, SweepState.RUNNING])
def test_a_sweep_that_nobody_started_is_started(world: World, state: SweepState) -> None:
    world.catalog.sweep = dataclasses.replace(world.catalog.sweep, state=state)

    said = world.look_after()

    assert (said is None) is (state is SweepState.SUBMITTED)
    assert len(world.started) == 1


def test_who_has_just_claimed_a_sweep_is_waited_for(world: World) -> None:
    world.catalog.is_void = False

    assert world.look_after() is None
    assert world.started == []


def test_claims_that_come_to_nothing_are_given_up(world: World) -> None:
    world.catalog.left = 0

    with pytest.raises(LauncherUnavailable, match="attach"):
        world.look_after()


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_a_controller_whose_process_is_on_its_way_is_waited_for(
    world: World, status: dg.DagsterRunStatus
) -> None:
    world.has_run(status)

    assert world.look_after() is None
    assert (world.started, world.launched, world.resumed) == ([], [], [])


@pytest.mark.usefixtures("a_minute_later")
@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
@pytest.mark.parametrize("tags", [{}, COMING_TAGS])
def test_a_process_that_never_came_is_started_under_the_same_dagster_run(
    world: World, status: dg.DagsterRunStatus, tags: dict[str, str]
) -> None:
    """Who made the run was killed before it had started a process, or before it could say so."""
    run = world.has_run(status, **tags)

    assert "started" in (world.look_after() or "")
    assert (world.launched, world.started, world.resumed) == ([run], [], [])


@pytest.mark.usefixtures("a_minute_later")
def test_a_run_that_has_begun_and_names_no_process_is_resumed(world: World) -> None:
    run = world.has_run(dg.DagsterRunStatus.STARTED)

    assert "lost" in (world.look_after() or "")
    assert [context.dagster_run.run_id for context in world.resumed] == [run]
    assert world.launched == []


@pytest.mark.parametrize("has_daemon", [True, False])
def test_a_queued_dagster_run_is_left_to_the_daemon_if_there_is_one(
    world: World, has_daemon: bool
) -> None:
    run = world.has_run(dg.DagsterRunStatus.QUEUED)
    world.platform.has_daemon = has_daemon  # pyright: ignore[reportAttributeAccessIssue]
    looking = controllers.Controllers(world.platform, SWEEP)

    said = looking.look_after() or ""
    again = looking.look_after() if has_daemon else None

    assert ("queue" in said, "no daemon" in said) == (True, not has_daemon)
    assert again is None
    assert world.launched == ([] if has_daemon else [run])


def test_a_sweep_that_has_ended_needs_nobody(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.FAILURE)
    world.catalog.sweep = dataclasses.replace(world.catalog.sweep, state=SweepState.COMPLETED)

    assert world.look_after() is None


# One that is lost


def test_a_lost_controller_is_resumed_under_the_same_dagster_run(world: World) -> None:
    run = world.has_run(dg.DagsterRunStatus.STARTED, **{PID_TAG: "999999999", STARTED_TAG: "1.0"})

    said = world.look_after()

    assert "lost" in (said or "")
    assert [context.dagster_run.run_id for context in world.resumed] == [run]
    found = world.instance.get_run_by_id(run)
    assert found is not None
    assert found.tags[controllers.RESUMES_TAG] == "1"


def test_a_controller_that_is_lost_for_ever_has_failed_and_is_replaced_like_others(
    world: World,
) -> None:
    tags = {PID_TAG: "999999999", STARTED_TAG: "1.0", controllers.RESUMES_TAG: "100"}
    run = world.has_run(dg.DagsterRunStatus.STARTED, **tags)

    said = world.look_after()

    assert "failed" in (said or "")
    assert world.status_of(run) is dg.DagsterRunStatus.FAILURE
    assert (len(world.started), world.resumed) == (1, [])


def test_a_controller_that_lives_needs_nobody(world: World) -> None:
    world.has_run(dg.DagsterRunStatus.STARTED, **process_tags(os.getpid()))

    assert world.look_after() is None
    assert world.resumed == []


def test_a_database_of_dagster_that_is_away_is_one_of_our_errors(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that follows waits for it, as it does for our own."""
    world.has_run(dg.DagsterRunStatus.STARTED)

    def away(_run_id: str) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    monkeypatch.setattr(world.instance, "get_run_record_by_id", away)

    with pytest.raises(StorageUnavailable, match=r"Dagster's database.*connection refused"):
        world.look_after()


# One of another home


@pytest.fixture
def other_home(tmp_path: Path) -> Home:
    (tmp_path / "other").mkdir()
    return Home(tmp_path / "other")


@pytest.mark.parametrize(
    "status",
    [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING],
)
def test_a_process_of_another_home_is_not_taken_for_lost(
    world: World, other_home: Home, status: dg.DagsterRunStatus
) -> None:
    """Its number says nothing here, though another process may have it."""
    world.has_run(status, **{**home_tags(other_home), **process_tags(os.getpid())})

    with pytest.raises(RunsElsewhere) as caught:
        world.look_after()

    assert str(other_home.folder) in str(caught.value)
    assert platform.node() in str(caught.value)
    assert "--take-over" in str(caught.value)
    assert (world.resumed, world.started, world.launched) == ([], [], [])


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_live_trials_of_another_home_are_not_taken_for_lost(
    world: World, status: dg.DagsterRunStatus
) -> None:
    world.has_run(status)
    world.catalog.place = "home /there on host there"

    with pytest.raises(RunsElsewhere, match="home /there on host there"):
        world.look_after()

    assert (world.started, world.catalog.cancelled, world.reaped) == ([], [], [])


def test_what_another_home_has_left_for_good_can_be_taken_over(
    world: World, other_home: Home
) -> None:
    run = world.has_run(
        dg.DagsterRunStatus.STARTED, **{**home_tags(other_home), **process_tags(os.getpid())}
    )
    world.catalog.place = "home /there on host there"
    looking = controllers.Controllers(world.platform, SWEEP)

    looking.take_over()

    assert world.status_of(run) is dg.DagsterRunStatus.FAILURE
    assert "failed" in (looking.begin() or "")
    assert len(world.started) == 1


def test_taking_over_what_is_here_already_changes_nothing(world: World) -> None:
    run = world.has_run(dg.DagsterRunStatus.STARTED, **process_tags(os.getpid()))

    controllers.Controllers(world.platform, SWEEP).take_over()

    assert world.status_of(run) is dg.DagsterRunStatus.STARTED


# One that is a Job of a cluster, which the daemon looks after


@pytest.fixture
def in_cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(world.platform, "has_worker_processes", False)
    return world


@pytest.mark.usefixtures("a_minute_later")
@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_a_controller_that_has_no_process_here_is_not_started_beside_its_pod(
    in_cluster: World, status: dg.DagsterRunStatus
) -> None:
    run = in_cluster.has_run(status)

    assert in_cluster.look_after() is None
    assert (in_cluster.launched, in_cluster.resumed, in_cluster.started) == ([], [], [])
    assert in_cluster.status_of(run) is status


def test_one_that_failed_is_replaced_there_too(in_cluster: World) -> None:
    in_cluster.has_run(dg.DagsterRunStatus.FAILURE)

    assert "failed" in (in_cluster.look_after() or "")
    assert len(in_cluster.started) == 1
