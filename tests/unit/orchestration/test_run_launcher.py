"""The launcher of Dagster runs, on an instance in memory; no process is started here."""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import ResumeRunContext, WorkerStatus

from orchestration import run_launcher
from orchestration.home import Home
from orchestration.run_launcher import ProcessRunLauncher
from orchestration.workers import (
    HOME_TAG,
    HOST_TAG,
    PID_TAG,
    STARTED_TAG,
    home_tags,
    process_tags,
    worker_process,
)
from sweeps.errors import LauncherUnavailable


@dg.job
def a_job() -> None:
    pass


@pytest.fixture
def instance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Generator[dg.DagsterInstance, None, None]:
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> ProcessRunLauncher:
    made = ProcessRunLauncher()
    made.register_instance(instance)
    return made


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines of processes that would have been started; each of them is this one."""
    commands: list[list[str]] = []

    def spawn(command: list[str], _log: Path, *, environment: Mapping[str, str]) -> int:
        commands.append(command)
        return os.getpid()

    monkeypatch.setattr(run_launcher, "spawn_detached", spawn)
    return commands


def a_run(
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> dg.DagsterRun:
    return instance.create_run_for_job(a_job, status=status, tags=tags)


def of_another_home(tmp_path: Path) -> dict[str, str]:
    """The process lives here, and yet nothing is known of it: its number is that of another host."""
    return {**home_tags(Home(tmp_path / "other")), **process_tags(os.getpid())}


def gone() -> dict[str, str]:
    with subprocess.Popen(["true"]) as process:
        tags = process_tags(process.pid)
    return dict(tags)


def again(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_a_process_that_lives_is_running_and_one_that_is_gone_is_not_found(
    instance: dg.DagsterInstance, launcher: ProcessRunLauncher
) -> None:
    lives, is_gone = a_run(instance, dict(process_tags(os.getpid()))), a_run(instance, gone())

    assert launcher.check_run_worker_health(lives).status is WorkerStatus.RUNNING
    assert launcher.check_run_worker_health(is_gone).status is WorkerStatus.NOT_FOUND


def test_the_monitoring_of_another_home_leaves_a_run_alone(
    instance: dg.DagsterInstance, launcher: ProcessRunLauncher, tmp_path: Path
) -> None:
    """Whatever is not running it starts once more."""
    other = home_tags(Home(tmp_path / "other"))
    run = a_run(instance, {**other, **gone()})

    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_run_whose_process_has_not_said_so_yet_is_not_started_again(
    instance: dg.DagsterInstance, launcher: ProcessRunLauncher
) -> None:
    assert launcher.check_run_worker_health(a_run(instance, {})).status is WorkerStatus.RUNNING


def test_a_run_of_another_home_is_neither_resumed_nor_terminated(
    instance: dg.DagsterInstance,
    launcher: ProcessRunLauncher,
    spawned: list[list[str]],
    tmp_path: Path,
) -> None:
    run = a_run(instance, of_another_home(tmp_path))
    context = ResumeRunContext(dagster_run=run, workspace=None, resume_attempt_number=1)

    for call in (lambda: launcher.resume_run(context), lambda: launcher.terminate(run.run_id)):
        with pytest.raises(dg.DagsterInvariantViolationError, match="there only") as caught:
            call()
        assert str(tmp_path / "other") in str(caught.value)

    assert spawned == []
    assert again(instance, run).status is dg.DagsterRunStatus.STARTED


def test_a_run_that_somebody_else_has_resumed_is_not_resumed_once_more(
    instance: dg.DagsterInstance, launcher: ProcessRunLauncher, spawned: list[list[str]]
) -> None:
    before = a_run(instance, gone())
    instance.add_run_tags(before.run_id, process_tags(os.getpid()))

    launcher.resume_run(
        ResumeRunContext(dagster_run=before, workspace=None, resume_attempt_number=1)
    )

    assert spawned == []


def test_a_started_run_tells_its_process_its_host_and_its_home(
    instance: dg.DagsterInstance,
    launcher: ProcessRunLauncher,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = a_run(instance, gone())
    seen: list[Mapping[str, str]] = []

    def spawn(_command: list[str], _log: Path, *, environment: Mapping[str, str]) -> int:
        seen.append(again(instance, run).tags)
        return os.getpid()

    monkeypatch.setattr(run_launcher, "spawn_detached", spawn)
    launcher._start(run, ["dagster", "api"])

    (while_it_started,) = seen
    tags = again(instance, run).tags
    assert tags[HOME_TAG] == while_it_started[HOME_TAG] == str(tmp_path / "home")
    assert tags[HOST_TAG]
    assert (while_it_started[PID_TAG], while_it_started[STARTED_TAG]) == ("", "")
    process = worker_process(again(instance, run))
    assert process is not None
    assert process.pid == os.getpid()


def test_a_process_that_cannot_be_started_is_one_sentence(
    instance: dg.DagsterInstance,
    launcher: ProcessRunLauncher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with pytest.raises(LauncherUnavailable, match="cannot be started"):
        launcher._start(a_run(instance, {}), ["dagster", "api"])


def test_a_run_without_a_process_is_cancelled_at_once(
    instance: dg.DagsterInstance, launcher: ProcessRunLauncher
) -> None:
    run = a_run(instance, gone())

    assert launcher.terminate(run.run_id)
    assert again(instance, run).status is dg.DagsterRunStatus.CANCELED
    assert not launcher.terminate(run.run_id)
