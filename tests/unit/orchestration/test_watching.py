"""Who keeps the services up, and for how long."""

import os
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from orchestration import left_sweeps, platform, resources, watching
from orchestration.home import Home
from orchestration.resources import LauncherResource
from orchestration.workers import HOME_TAG, PID_TAG
from sweeps.errors import StorageUnavailable
from tests.waiting import wait_until

# Dagster's resources read a field of pydantic that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def watchers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "watch-services"]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """A home whose services are said to run."""
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path))
    monkeypatch.setattr(watching, "_WATCH_SECONDS", 0.01)
    running = SimpleNamespace(is_running=True)
    monkeypatch.setattr(watching, "status", lambda _settings: running)
    launcher = SimpleNamespace(launcher="the launcher")
    monkeypatch.setattr(resources, "platform", lambda: launcher)
    return Home(tmp_path)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def use_launcher(instance: dg.DagsterInstance) -> tuple[dg.DagsterRun, list[int]]:
    """A job that asks for the launcher; how many watch while it has it."""
    counts: list[int] = []

    @dg.op(required_resource_keys={"launcher"})
    def ask(context: dg.OpExecutionContext) -> None:
        assert context.resources.launcher == "the launcher"
        counts.append(len(watchers()))

    @dg.job(resource_defs={"launcher": LauncherResource()})
    def a_job() -> None:
        ask()

    result = a_job.execute_in_process(instance=instance)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run, counts


def test_the_services_of_a_controller_are_watched_while_it_runs(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_CONTROLLER", "1")

    _, counts = use_launcher(instance)

    assert counts == [1]
    wait_until(lambda: watchers() == [])


@pytest.mark.parametrize("has_daemon", [False, True])
def test_a_controller_looks_after_others_of_its_home_where_no_daemon_does(
    monkeypatch: pytest.MonkeyPatch, has_daemon: bool
) -> None:
    monkeypatch.setenv("SWEEPWORKS_CONTROLLER", "1")
    monkeypatch.setattr(watching, "_OTHERS_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_DUE_SECONDS", 0.01)
    asked, looked = threading.Event(), threading.Event()
    again = threading.Event()

    class Found:
        @property
        def has_daemon(self) -> bool:
            (again if asked.is_set() else asked).set()
            return has_daemon

    class Left:
        def __init__(self, _platform: object) -> None:
            pass

        def look(self) -> list[str]:
            looked.set()
            raise StorageUnavailable("it restarts")

    monkeypatch.setattr(watching, "platform", Found)
    monkeypatch.setattr(left_sweeps, "LeftSweeps", Left)

    with watching.watched_services():
        assert again.wait(20)  # also after a look that has failed

    assert looked.is_set() is not has_daemon


def test_the_last_look_is_when_the_controller_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others may have waited for its sweep, and nobody else be there."""
    monkeypatch.setenv("SWEEPWORKS_CONTROLLER", "1")
    looks: list[int] = []

    class Left:
        def __init__(self, _platform: object) -> None:
            pass

        def look(self) -> list[str]:
            looks.append(1)
            return []

    monkeypatch.setattr(watching, "platform", lambda: SimpleNamespace(has_daemon=False))
    monkeypatch.setattr(left_sweeps, "LeftSweeps", Left)

    with watching.watched_services():
        during = len(looks)

    assert (during, len(looks)) == (0, 1)


def test_a_sweep_whose_turn_has_come_does_not_wait_for_the_next_look_at_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWEEPWORKS_CONTROLLER", "1")
    monkeypatch.setattr(watching, "_DUE_SECONDS", 0.01)
    due: list[str] = []
    peeked, looked = threading.Event(), threading.Event()

    class Found:
        has_daemon = False

        @property
        def claims(self) -> object:
            return self

        def due(self, *, limit: int) -> list[str]:
            peeked.set()
            return due[:limit]

    class Left:
        def __init__(self, _platform: object) -> None:
            pass

        def look(self) -> list[str]:
            looked.set()
            due.clear()
            return []

    monkeypatch.setattr(watching, "platform", Found)
    monkeypatch.setattr(left_sweeps, "LeftSweeps", Left)

    with watching.watched_services():
        assert peeked.wait(20)
        assert not looked.is_set()
        due.append("digits-1")
        assert looked.wait(20)


def test_a_code_server_that_asks_for_the_launcher_watches_nothing(
    instance: dg.DagsterInstance,
) -> None:
    """It does so for every cancelled sweep, and lives for months."""
    run, counts = use_launcher(instance)

    assert counts == [0]
    assert PID_TAG not in run.tags


def test_a_controller_says_itself_which_process_it_is(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    """Whoever has started it may have been killed before."""
    monkeypatch.setenv("SWEEPWORKS_CONTROLLER", "1")

    run, _ = use_launcher(instance)

    assert run.tags[PID_TAG] == str(os.getpid())
    assert run.tags[HOME_TAG] == str(home.folder)


def test_a_controller_that_starts_after_down_ends_and_starts_nothing(home: Home) -> None:
    home.prepare()
    home.down_file.touch()
    program = "from orchestration.platform import platform; platform()"

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SWEEPWORKS_CONTROLLER": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == platform.STOPPED == os.EX_TEMPFAIL
    assert "stopped by `sweepworks down`" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert home.is_down
    assert not home.status_file.exists()
