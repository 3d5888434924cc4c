"""The local launcher with real processes: the contract, and everything that goes wrong."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from compute.local_launcher import LocalLauncher
from sweeps.errors import LaunchRejected, NoCapacity
from sweeps.ports import AttemptPhase
from sweeps.specs import Resources
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP, TrialLauncherContract, wait_for
from tests.integration.compute.conftest import make_launcher, python, request_for


class TestLocalLauncher(TrialLauncherContract):
    """The contract, on processes."""


def processes_of(request: LaunchRequest) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get("SWEEPWORKS_ATTEMPT_ID") == request.attempt_id
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def shim_pid(root: Path, request: LaunchRequest) -> int:
    path = root / "runs" / request.run_id / request.attempt_id / "shim.json"
    return json.loads(path.read_text())["pid"]


@pytest.mark.parametrize(
    ("command", "reason", "words"),
    [
        (("no-such-program",), ExitReason.LAUNCH_FAILED, "no-such-program"),
        (("python", "missing.py"), ExitReason.SCRIPT_FAILED, "missing.py"),
        (("sh", "-c", "kill -SEGV $$"), ExitReason.SCRIPT_FAILED, ""),
        (("sh", "-c", "kill -KILL $$"), ExitReason.KILLED, ""),
        (("sh", "-c", "head -c 5000 /dev/urandom >&2; exit 1"), ExitReason.SCRIPT_FAILED, ""),
    ],
)
def test_each_way_to_die_has_its_reason(
    launcher: LocalLauncher, command: tuple[str, ...], reason: ExitReason, words: str
) -> None:
    request = request_for(1, *command)

    launcher.launch(request)

    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is reason
    assert words in status.exit.message
    assert "\0" not in status.exit.message


def test_nothing_is_left_of_a_script_that_forks_and_ignores_sigterm(
    launcher: LocalLauncher,
) -> None:
    request = request_for(
        1, "sh", "-c", "(setsid sh -c 'trap \"\" TERM; sleep 60') & trap '' TERM; sleep 60"
    )
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)
    time.sleep(0.3)
    assert len(processes_of(request)) >= 3

    launcher.stop(request.attempt_id, reason=ExitReason.TIMED_OUT)

    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.TIMED_OUT
    assert processes_of(request) == []


def test_children_of_a_script_that_has_ended_are_ended_too(launcher: LocalLauncher) -> None:
    request = request_for(1, "sh", "-c", "setsid sleep 60 & sleep 60 & exit 0")

    launcher.launch(request)

    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.COMPLETED
    assert processes_of(request) == []


def test_a_killed_shim_is_a_lost_attempt_and_leaves_no_process(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "setsid sleep 60 & sleep 60")
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)
    time.sleep(0.2)

    os.kill(shim_pid(tmp_path, request), signal.SIGKILL)

    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.LOST
    deadline = time.monotonic() + 5
    while processes_of(request) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(request) == []


def test_another_launcher_adopts_and_stops(launcher: LocalLauncher, tmp_path: Path) -> None:
    request = request_for(1, "sleep", "60")
    launcher.launch(request)
    other = make_launcher(tmp_path)
    wait_for(other, request.attempt_id, AttemptPhase.RUNNING)

    other.stop(request.attempt_id, reason=ExitReason.CANCELLED)

    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.CANCELLED


def test_the_platforms_secrets_do_not_reach_a_script(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = python(1, "import os; print(os.environ.get('SWEEPWORKS_DATABASE_URL'), os.getcwd())")

    launcher.launch(request)

    wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    printed = launcher.read(request.attempt_id, "stdout").decode()
    folder = tmp_path / "runs" / request.run_id / request.attempt_id
    assert printed.split() == ["None", str(folder / "work")]
    assert folder.stat().st_mode & 0o077 == 0


def test_files_of_the_sweeps_folder_are_found_from_anywhere(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("import helper; print(helper.WORD)")
    (tmp_path / "helper.py").write_text("WORD = 'found'")
    request = request_for(1, "python", "train.py", source_dir=str(tmp_path))

    launcher.launch(request)

    wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert launcher.read(request.attempt_id, "stdout") == b"found\n"


def test_gpus_are_leased_until_their_attempt_ends(tmp_path: Path) -> None:
    one, other = (make_launcher(tmp_path, devices=("0", "1")) for _ in range(2))
    gpu = Resources(cpu=0.1, gpu=1)
    first, second, third = (
        request_for(n, "sh", "-c", "echo $CUDA_VISIBLE_DEVICES; sleep 60", resources=gpu)
        for n in (1, 2, 3)
    )
    one.launch(first)
    other.launch(second)
    with pytest.raises(NoCapacity):
        one.launch(third)
    statuses = {wait_for(one, r.attempt_id, AttemptPhase.RUNNING).gpus for r in (first, second)}

    one.stop(first.attempt_id, reason=ExitReason.CANCELLED)
    wait_for(one, first.attempt_id, AttemptPhase.EXITED)
    one.launch(third)

    assert statuses == {("0",), ("1",)}
    assert wait_for(one, third.attempt_id, AttemptPhase.RUNNING).gpus == ("0",)
    with pytest.raises(LaunchRejected):
        one.launch(request_for(4, "true", resources=Resources(cpu=0.1, gpu=3)))
    one.reap(SWEEP)


def test_the_machine_is_never_overbooked(tmp_path: Path) -> None:
    launcher = make_launcher(tmp_path, cores=2)
    for number in (1, 2):
        launcher.launch(request_for(number, "sleep", "60", resources=Resources(cpu=1)))

    with pytest.raises(NoCapacity):
        launcher.launch(request_for(3, "true", resources=Resources(cpu=0.5)))
    with pytest.raises(LaunchRejected):
        launcher.launch(request_for(4, "true", resources=Resources(cpu=3)))
    with pytest.raises(LaunchRejected):
        launcher.launch(request_for(5, "true", resources=Resources(memory_bytes=10**12)))

    assert launcher.reap(SWEEP) == 2
    launcher.launch(request_for(3, "true", resources=Resources(cpu=2)))


COUNTING = "echo ran >> {file}; sleep 0.2"


def _launch(root: Path, request: LaunchRequest) -> None:
    make_launcher(root).launch(request)


def test_a_race_of_launchers_executes_once(tmp_path: Path) -> None:
    file = tmp_path / "count"
    request = request_for(1, "sh", "-c", COUNTING.format(file=file))
    context = multiprocessing.get_context("spawn")
    racers = [context.Process(target=_launch, args=(tmp_path, request)) for _ in range(6)]

    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    wait_for(make_launcher(tmp_path), request.attempt_id, AttemptPhase.EXITED)
    assert file.read_text() == "ran\n"


@pytest.mark.slow
def test_a_launcher_killed_at_any_moment_leads_to_one_execution(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    launcher = make_launcher(tmp_path)
    for number in range(1, 21):
        file = tmp_path / f"count-{number}"
        request = request_for(number, "sh", "-c", COUNTING.format(file=file))
        victim = context.Process(target=_launch, args=(tmp_path, request))
        victim.start()
        time.sleep(0.003 * number)
        victim.kill()
        victim.join()

        launcher.launch(request)

        status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
        assert status.exit is not None
        assert status.exit.reason is ExitReason.COMPLETED, (number, status)
        assert file.read_text() == "ran\n", number
