"""Scripts that know nothing of the platform, as real processes; their metrics reach a gateway."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from compute.local_launcher import LocalLauncher
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase
from sweeps.states import ExitReason
from sweeps.trials import Exit, LaunchRequest
from tests.contracts.launcher_contract import wait_for
from tests.event_files import EVENTS
from tests.fake_gateway import FakeGateway
from tests.integration.compute.launching import folder_of, make_launcher, python
from tests.waiting import wait_until

NAMED = {"source": "stdout", "pattern": r"(?P<name>\w+)=(?P<value>\S+)"}


@pytest.fixture
def gateway() -> Generator[FakeGateway, None, None]:
    made = FakeGateway()
    yield made
    made.close()


@pytest.fixture
def foreign(gateway: FakeGateway, tmp_path: Path) -> Callable[..., LaunchRequest]:
    """A script of Python, and where its metrics are."""

    def make(script: str, metrics: Mapping[str, object] = NAMED, number: int = 1) -> LaunchRequest:
        request = python(number, script)
        return replace(
            request,
            environment={
                **request.environment,
                "SWEEPWORKS_METRICS": json.dumps(dict(metrics)),
                "SWEEPWORKS_OBJECTIVE": "acc",
                "SWEEPWORKS_RUNGS": "1,3",
                "SWEEPWORKS_RUN_ID": request.run_id,
                "SWEEPWORKS_RUN_TOKEN": "token",
                "SWEEPWORKS_GATEWAY_URL": gateway.url,
                "SWEEPWORKS_SPOOL_DIR": str(tmp_path / "spool"),
                "SWEEPWORKS_FLUSH_SECONDS": "0.05",
                "SWEEPWORKS_SYSTEM_SECONDS": "0",
                "PYTHONPATH": "/nowhere",
            },
        )

    return make


def reports(gateway: FakeGateway) -> list[tuple[int, float]]:
    return [(r.level, r.values["acc"]) for flush in gateway.flushes for r in flush.reports]


def readers(root: Path, request: LaunchRequest) -> list[psutil.Process]:
    folder = str(folder_of(root, request))
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "sweepworks.foreign" in words and folder in words:
            found.append(process)
    return found


def end_of(launcher: LocalLauncher, attempt_id: AttemptId) -> Exit:
    ended = wait_for(launcher, attempt_id, AttemptPhase.EXITED).exit
    assert ended is not None
    return ended


def test_all_that_a_script_printed_is_stored_when_it_has_exited(
    launcher: LocalLauncher,
    gateway: FakeGateway,
    foreign: Callable[..., LaunchRequest],
    tmp_path: Path,
) -> None:
    script = (
        "import os\nfor n in range(1, 4): print(f'acc=0.{n} loss={n}')\n"
        "os.write(1, b'\\xff\\xfe acc=0.4\\nacc=0.5')"  # no UTF-8, and a line without an end
    )
    request = foreign(script)

    launcher.launch(request)

    assert end_of(launcher, request.attempt_id).reason is ExitReason.COMPLETED
    assert reports(gateway) == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4), (5, 0.5)]
    assert gateway.points()["loss"] == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert {flush.attempt for flush in gateway.flushes} == {request.attempt_id}
    assert list((tmp_path / "spool").iterdir()) == []
    assert readers(tmp_path, request) == []


def test_metrics_arrive_while_the_script_runs(
    launcher: LocalLauncher, gateway: FakeGateway, foreign: Callable[..., LaunchRequest]
) -> None:
    metrics = {"source": {"file": "out.jsonl"}, "format": "jsonl", "step": "epoch"}
    script = (
        "import json, time\nwith open('out.jsonl', 'a') as file:\n"
        "    for n in (7, 8):\n"
        "        file.write(json.dumps({'epoch': n, 'acc': n / 10}) + '\\n'); file.flush()\n"
        "time.sleep(60)"
    )
    request = foreign(script, metrics)

    launcher.launch(request)

    wait_until(lambda: reports(gateway) == [(7, 0.7), (8, 0.8)], seconds=20)
    launcher.stop(request.attempt_id, reason=ExitReason.STOPPED)
    ended = end_of(launcher, request.attempt_id)
    assert (ended.reason, ended.signal) == (ExitReason.STOPPED, signal.SIGTERM)


def test_scalars_of_event_files_are_read(
    launcher: LocalLauncher, gateway: FakeGateway, foreign: Callable[..., LaunchRequest]
) -> None:
    script = (
        "import base64, pathlib\n"
        "path = pathlib.Path('logs/validation/events.out.tfevents.1.host'); "
        "path.parent.mkdir(parents=True)\n"
        f"path.write_bytes(base64.b64decode('{base64.b64encode(EVENTS).decode()}'))"
    )
    request = foreign(script, {"source": {"tensorboard": "logs"}, "step": "step"})
    request = replace(
        request, environment={**request.environment, "SWEEPWORKS_OBJECTIVE": "validation/acc"}
    )

    launcher.launch(request)

    assert end_of(launcher, request.attempt_id).reason is ExitReason.COMPLETED
    levels = [(r.level, dict(r.values)) for flush in gateway.flushes for r in flush.reports]
    assert levels == [(step, {"validation/acc": step / 4}) for step in (1, 2, 3)]
    assert gateway.points()["validation/loss"] == [(1, 0.5)]


def test_a_script_that_is_stopped_may_say_its_last_words(
    launcher: LocalLauncher, gateway: FakeGateway, foreign: Callable[..., LaunchRequest]
) -> None:
    script = (
        "import signal, sys, time\n"
        "def end(*_): print('acc=0.9', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('acc=0.1', flush=True); time.sleep(60)"
    )
    request = foreign(script)
    launcher.launch(request)
    wait_until(lambda: reports(gateway) == [(1, 0.1)], seconds=20)

    launcher.stop(request.attempt_id, reason=ExitReason.STOPPED)

    assert end_of(launcher, request.attempt_id).reason is ExitReason.STOPPED
    assert reports(gateway) == [(1, 0.1), (2, 0.9)]


def test_another_reader_goes_on_where_one_was_killed(
    launcher: LocalLauncher,
    gateway: FakeGateway,
    foreign: Callable[..., LaunchRequest],
    tmp_path: Path,
) -> None:
    script = (
        "import os, time\nn = 0\n"
        "while not os.path.exists('enough'):\n"
        "    n += 1; print(f'acc={n}', flush=True); time.sleep(0.02)\n"
        "print(f'acc={n + 1}')"
    )
    request = foreign(script)
    launcher.launch(request)
    for level in (5, 30):
        wait_until(lambda level=level: len(reports(gateway)) > level, seconds=30)
        (first,) = readers(tmp_path, request)
        os.kill(first.pid, signal.SIGKILL)
        wait_until(lambda first=first: readers(tmp_path, request) not in ([], [first]), seconds=20)

    (folder_of(tmp_path, request) / "work" / "enough").touch()

    assert end_of(launcher, request.attempt_id).reason is ExitReason.COMPLETED
    levels = {level for level, _ in reports(gateway)}
    assert levels == set(range(1, max(levels) + 1))
    assert all(level == value for level, value in reports(gateway))
    steps = [step for step, _ in gateway.points()["acc"]]
    assert len(steps) == len(set(steps))
    assert max(steps) == max(levels)


def test_a_gateway_that_is_away_does_not_hold_the_attempt_for_long(
    launcher: LocalLauncher,
    gateway: FakeGateway,
    foreign: Callable[..., LaunchRequest],
    tmp_path: Path,
) -> None:
    gateway.hang.clear()
    request = foreign("print('acc=0.5')")
    began = time.monotonic()

    launcher.launch(request)

    assert end_of(launcher, request.attempt_id).reason is ExitReason.COMPLETED
    assert time.monotonic() - began < 25
    assert len(list((tmp_path / "spool").glob("*.spool"))) == 1  # which the courier brings
    gateway.hang.set()


def test_what_a_script_does_is_measured_and_not_what_its_reader_does(
    launcher: LocalLauncher, gateway: FakeGateway, foreign: Callable[..., LaunchRequest]
) -> None:
    request = foreign("x = bytearray(300_000_000); import time; time.sleep(60)")
    request = replace(
        request, environment={**request.environment, "SWEEPWORKS_SYSTEM_SECONDS": "0.1"}
    )

    launcher.launch(request)

    def largest() -> float:
        points = gateway.system_points().get("process/memory_bytes", [])
        return max((value for _, value in points), default=0.0)

    wait_until(lambda: largest() > 300e6, seconds=30)
    launcher.stop(request.attempt_id, reason=ExitReason.STOPPED)


def test_a_reader_that_cannot_start_costs_the_script_nothing(tmp_path: Path) -> None:
    launcher = make_launcher(tmp_path)
    request = python(1, "print('done')")
    request = replace(request, environment={**request.environment, "SWEEPWORKS_METRICS": "no JSON"})

    launcher.launch(request)

    assert end_of(launcher, request.attempt_id).reason is ExitReason.COMPLETED
    log = (folder_of(tmp_path, request) / "reader.log").read_text()
    assert "JSONDecodeError" in log
