"""The local launcher with real processes: the contract, and everything that goes wrong."""

import datetime as dt
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from compute.local_launcher import LocalLauncher
from sweeps.errors import DiskFull, LaunchRejected, NoCapacity
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase
from sweeps.specs import Resources
from sweeps.states import ExitReason
from sweeps.trials import Exit, LaunchRequest
from tests.contracts.launcher_contract import SWEEP, TrialLauncherContract, wait_for
from tests.integration.compute.launching import (
    OtherProcess,
    folder_of,
    make_launcher,
    output_of,
    python,
    request_for,
)


class TestLocalLauncher(TrialLauncherContract):
    """The contract, on processes."""


def processes_of(root: Path, request: LaunchRequest) -> list[psutil.Process]:
    """All that works in the attempt's folder and is alive, its shim left out."""
    work = str(folder_of(root, request) / "work")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == work and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def shim_of(root: Path, request: LaunchRequest) -> psutil.Process:
    return psutil.Process(json.loads((folder_of(root, request) / "shim.json").read_text())["pid"])


def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def end_of(launcher: LocalLauncher, request: LaunchRequest) -> Exit:
    ended = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED).exit
    assert ended is not None
    return ended


def start(launcher: LocalLauncher, request: LaunchRequest) -> None:
    """Launch, and wait until the script has said that it runs."""
    launcher.launch(request)
    until(lambda: output_of(launcher, request) != b"")


@pytest.mark.parametrize(
    ("command", "reason", "words"),
    [
        (("no-such-program",), ExitReason.LAUNCH_FAILED, "no-such-program: command not found"),
        (("python", "missing.py"), ExitReason.LAUNCH_FAILED, "missing.py: there is no such file"),
        (("./plain.txt",), ExitReason.LAUNCH_FAILED, "is not executable"),
        (("bad\0name",), ExitReason.LAUNCH_FAILED, "null"),
        (("python", "-c", "# " + "long" * 200), ExitReason.COMPLETED, ""),
        (("python", "-c", "1/0"), ExitReason.SCRIPT_FAILED, "ZeroDivisionError"),
        (("sh", "-c", "kill -SEGV $$"), ExitReason.SCRIPT_FAILED, ""),
        (("sh", "-c", "kill -KILL $$"), ExitReason.KILLED, ""),
        (("sh", "-c", "sh -c 'kill -KILL $$'; exit $?"), ExitReason.KILLED, ""),
        (("sh", "-c", "sh -c 'kill -TERM $$'; exit $?"), ExitReason.KILLED, ""),
        (("python", "-c", "import os; os.kill(os.getpid(), 2)"), ExitReason.KILLED, "Interrupt"),
        (("sh", "-c", "head -c 9000 /dev/urandom >&2; exit 1"), ExitReason.SCRIPT_FAILED, ""),
    ],
)
def test_each_way_to_die_has_its_reason(
    launcher: LocalLauncher,
    tmp_path: Path,
    command: tuple[str, ...],
    reason: ExitReason,
    words: str,
) -> None:
    (tmp_path / "plain.txt").write_text("")
    request = request_for(1, *command, source_dir=str(tmp_path))

    launcher.launch(request)

    ended = end_of(launcher, request)
    assert ended.reason is reason
    assert words in ended.message
    assert "\0" not in ended.message


COUNTED = """
import os
import sys
from pathlib import Path
from compute import attempt_process, control_group, oom_kills

root = Path(sys.argv[1])
group = control_group.ControlGroup(proc=root / "x", mount=root / "y", vmstat=root / "vmstat")
oom_kills.ControlGroup = lambda: group
request = {
    "folder": str(root), "refusal": "", "environment": {}, "leases": [], "timeout_seconds": None,
    "command": ["/bin/sh", "-c", sys.argv[2]], "grace_seconds": 1, "live_marker": str(root / "m"),
    "reader": [], "working_folder": "", "lock": os.open(root / "lock", os.O_CREAT),
}
attempt_process.execute(request, started_at=1.0)
"""


@pytest.mark.parametrize("death", ["kill -KILL $$", "sh -c 'kill -KILL $$'; exit $?"])
def test_a_death_that_the_kernel_counts_is_for_memory(tmp_path: Path, death: str) -> None:
    events = tmp_path / "vmstat"
    events.write_text("oom_kill 4\n")
    (tmp_path / "work").mkdir()
    script = f"echo oom_kill 5 > {events}; {death}"

    subprocess.run([sys.executable, "-c", COUNTED, tmp_path, script], check=True)

    assert json.loads((tmp_path / "exit.json").read_text())["reason"] == "out_of_memory"


def test_nothing_is_left_of_a_script_that_forks_and_ignores_sigterm(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    script = "(setsid env -i sh -c 'trap \"\" TERM; sleep 60') & trap '' TERM; echo up; sleep 60"
    request = request_for(1, "sh", "-c", script)
    start(launcher, request)
    until(lambda: len(processes_of(tmp_path, request)) >= 3)

    launcher.stop(request.attempt_id, reason=ExitReason.TIMED_OUT)

    assert end_of(launcher, request).reason is ExitReason.TIMED_OUT
    assert processes_of(tmp_path, request) == []


def test_children_of_a_script_that_has_ended_are_ended_too(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "setsid sleep 60 & sleep 60 & exit 0")

    launcher.launch(request)

    assert end_of(launcher, request).reason is ExitReason.COMPLETED
    assert processes_of(tmp_path, request) == []


def test_a_killed_shim_is_a_lost_attempt_and_leaves_no_process(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    script = "setsid sleep 60 & env -i sleep 60 & setsid -f sleep 60; echo up; sleep 60"
    request = request_for(1, "sh", "-c", script)
    start(launcher, request)
    until(lambda: len(processes_of(tmp_path, request)) >= 5)

    shim_of(tmp_path, request).kill()

    assert end_of(launcher, request).reason is ExitReason.LOST
    assert processes_of(tmp_path, request) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a script outlives its shim")
def test_an_attempt_that_died_with_its_shim_ended_then_and_not_when_somebody_looked(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "echo up; exec sleep 60")
    start(launcher, request)
    until(lambda: processes_of(tmp_path, request) != [])
    time.sleep(3.0)
    shim_of(tmp_path, request).kill()
    killed_at = dt.datetime.now(dt.UTC)
    until(lambda: processes_of(tmp_path, request) == [])
    time.sleep(4.0)

    end_of(launcher, request)

    ended_at = launcher.poll(SWEEP, [request.attempt_id])[request.attempt_id].ended_at
    assert ended_at is not None
    assert killed_at - dt.timedelta(seconds=2.5) < ended_at <= killed_at


def test_an_attempt_that_outlived_its_shim_ended_when_somebody_ended_it(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "setsid -f sleep 60; echo up; sleep 60")
    start(launcher, request)
    until(lambda: len(processes_of(tmp_path, request)) >= 2)
    shim_of(tmp_path, request).kill()
    time.sleep(3.0)
    looked_at = dt.datetime.now(dt.UTC)

    end_of(launcher, request)

    ended_at = launcher.poll(SWEEP, [request.attempt_id])[request.attempt_id].ended_at
    assert ended_at is not None
    assert ended_at >= looked_at


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no such signal")
def test_a_script_dies_with_its_shim_although_nobody_looks(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "echo up; exec sleep 60")
    start(launcher, request)

    shim_of(tmp_path, request).kill()

    until(lambda: processes_of(tmp_path, request) == [])


def test_a_script_killed_by_somebody_else_is_told_so(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "echo up; exec sleep 60")
    start(launcher, request)

    processes_of(tmp_path, request)[0].kill()

    ended = end_of(launcher, request)
    assert (ended.reason, ended.signal) == (ExitReason.KILLED, signal.SIGKILL)


def test_who_asked_for_the_end_of_a_lost_attempt_gets_that_reason(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "echo up; sleep 60")
    start(launcher, request)
    shim = shim_of(tmp_path, request)
    shim.suspend()

    launcher.stop(request.attempt_id, reason=ExitReason.STALLED)
    shim.kill()

    assert end_of(launcher, request).reason is ExitReason.STALLED


def test_reaping_ends_an_attempt_whose_shim_does_not_answer(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "echo up; sleep 60")
    start(launcher, request)
    shim_of(tmp_path, request).suspend()

    assert launcher.reap(SWEEP) == 1

    assert end_of(launcher, request).reason is ExitReason.CANCELLED
    assert processes_of(tmp_path, request) == []


def test_a_shim_that_is_asked_to_end_takes_its_script_along(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "sh", "-c", "echo up; sleep 60")
    start(launcher, request)

    shim_of(tmp_path, request).terminate()

    assert end_of(launcher, request).reason is ExitReason.KILLED
    assert processes_of(tmp_path, request) == []


def test_a_script_that_runs_too_long_is_ended_without_a_controller(
    launcher: LocalLauncher,
) -> None:
    request = replace(request_for(1, "sleep", "60"), timeout=dt.timedelta(seconds=0.2))

    launcher.launch(request)

    assert end_of(launcher, request).reason is ExitReason.TIMED_OUT


def test_a_script_may_clean_up_when_it_is_asked_to_end(launcher: LocalLauncher) -> None:
    script = "trap 'echo saved; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    request = request_for(1, "sh", "-c", script)
    start(launcher, request)

    launcher.stop(request.attempt_id, reason=ExitReason.PAUSED)

    ended = end_of(launcher, request)
    assert (ended.reason, ended.code, ended.signal) == (ExitReason.PAUSED, 0, None)
    assert output_of(launcher, request) == b"up\nsaved\n"


def test_a_stop_that_comes_before_the_script_leaves_it_unexecuted(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    request = request_for(1, "touch", str(tmp_path / "ran"))
    folder_of(tmp_path, request).mkdir(parents=True)

    launcher.stop(request.attempt_id, reason=ExitReason.CANCELLED)
    launcher.launch(request)

    assert end_of(launcher, request).reason is ExitReason.CANCELLED
    assert not (tmp_path / "ran").exists()


def test_another_launcher_adopts_and_stops(tmp_path: Path) -> None:
    request = request_for(1, "sh", "-c", "echo up; sleep 60")
    other = OtherProcess(tmp_path, request)
    other.wait_until_ready()
    other.go()
    assert other.answer() == "launched"  # and that process has ended
    launcher = make_launcher(tmp_path)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    launcher.stop(request.attempt_id, reason=ExitReason.CANCELLED)

    assert end_of(launcher, request).reason is ExitReason.CANCELLED
    assert processes_of(tmp_path, request) == []


def test_a_shim_is_nobodys_child(launcher: LocalLauncher, tmp_path: Path) -> None:
    request = request_for(1, "sh", "-c", "echo up; sleep 60")

    start(launcher, request)

    shim = shim_of(tmp_path, request)
    assert shim.pid not in {child.pid for child in psutil.Process().children(recursive=True)}
    assert os.getsid(shim.pid) != os.getsid(0)


def test_a_live_attempt_keeps_the_homes_services_up(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    def is_held() -> bool:
        with (tmp_path / "clients.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    request = request_for(1, "sh", "-c", "echo up; sleep 60")
    start(launcher, request)
    assert is_held()

    launcher.reap(SWEEP)

    until(lambda: not is_held())


def test_output_moves_the_time_of_the_last_output(launcher: LocalLauncher) -> None:
    request = request_for(1, "sh", "-c", "sleep 1; echo up; sleep 60")
    launcher.launch(request)
    silent = wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)
    until(lambda: output_of(launcher, request) != b"")

    talking = wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    assert silent.last_output_at is None
    assert talking.last_output_at is not None
    assert talking.started_at is not None
    assert talking.last_output_at > talking.started_at


def test_secrets_reach_a_script_as_far_as_they_are_its_own_and_never_the_disk(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    code = (
        "import os; get = os.environ.get;"
        "print(get('SWEEPWORKS_DATABASE_URL'), get('SWEEPWORKS_RUN_TOKEN'), os.getcwd());"
        "shim = open(f'/proc/{os.getppid()}/environ').read() if os.path.exists('/proc') else '';"
        "print('the-' 'password' in shim, 'the-' 'token' in shim)"
    )
    request = python(1, code)

    launcher.launch(request)

    assert end_of(launcher, request).reason is ExitReason.COMPLETED
    printed = output_of(launcher, request).decode()
    folder = folder_of(tmp_path, request)
    assert printed.split() == ["None", "the-token", str(folder / "work"), "False", "False"]
    described = json.loads((folder / "attempt.json").read_text())
    assert described["command"] == [sys.executable, "-c", code]
    assert "SWEEPWORKS_RUN_TOKEN" in described["variables"]
    for path in (tmp_path / "runs").rglob("*"):
        if path.is_dir():
            assert path.stat().st_mode & 0o077 == 0, path
        elif path.name != "stdout.log":
            content = path.read_bytes()
            assert b"the-token" not in content, path
            assert b"the-password" not in content, path


def test_files_of_the_sweeps_folder_are_found_from_anywhere(
    launcher: LocalLauncher, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("import helper; print(helper.WORD)")
    (tmp_path / "helper.py").write_text("WORD = 'found'")
    request = request_for(1, "python", "train.py", source_dir=str(tmp_path))

    launcher.launch(request)

    assert end_of(launcher, request).reason is ExitReason.COMPLETED
    assert output_of(launcher, request) == b"found\n"


def test_an_attempt_says_which_gpus_it_has_and_had(tmp_path: Path) -> None:
    launcher = make_launcher(tmp_path, devices=("0", "1"))
    request = request_for(1, "sleep", "60", resources=Resources(cpu=0.1, gpu=2))
    launcher.launch(request)
    live = wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)
    launcher.stop(request.attempt_id, reason=ExitReason.CANCELLED)
    ended = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)

    for status in (live, ended):
        assert (status.gpus, status.gpu_count) == (("0", "1"), 2)
        assert status.gpu_model == "model of 0 and 1"


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


def test_what_an_attempt_had_is_free_as_soon_as_its_end_is_seen(tmp_path: Path) -> None:
    launcher = make_launcher(tmp_path, devices=("0",), cores=1)
    for number in range(1, 6):
        request = request_for(number, "true", resources=Resources(cpu=1, gpu=1))
        launcher.launch(request)
        assert end_of(launcher, request).reason is ExitReason.COMPLETED


def test_what_a_lost_attempt_had_is_free_again(tmp_path: Path) -> None:
    launcher = make_launcher(tmp_path, devices=("0",), cores=1)
    first, second = (
        request_for(n, "sh", "-c", "echo up; sleep 60", resources=Resources(cpu=1, gpu=1))
        for n in (1, 2)
    )
    start(launcher, first)

    shim_of(tmp_path, first).kill()
    assert end_of(launcher, first).reason is ExitReason.LOST

    launcher.launch(second)
    assert launcher.reap(SWEEP) == 1


def test_processes_that_race_for_devices_share_them(tmp_path: Path) -> None:
    gpu = Resources(cpu=0.1, gpu=1)
    requests = [request_for(n, "sleep", "60", resources=gpu) for n in range(1, 6)]
    others = [OtherProcess(tmp_path, request, devices=("0", "1", "2")) for request in requests]
    for other in others:
        other.wait_until_ready()
    for other in others:
        other.go()

    answers = sorted(other.answer() for other in others)

    launcher = make_launcher(tmp_path, devices=("0", "1", "2"))
    statuses = launcher.poll(SWEEP, [request.attempt_id for request in requests])
    assert answers == ["NoCapacity"] * 2 + ["launched"] * 3
    assert sorted(status.gpus for status in statuses.values()) == [("0",), ("1",), ("2",)]
    assert launcher.reap(SWEEP) == 3


def test_no_device_is_seen_by_those_who_asked_for_none(tmp_path: Path) -> None:
    request = request_for(1, "sh", "-c", "echo ${CUDA_VISIBLE_DEVICES-unset}")
    expected = {("0",): b"\n", (): b"unset\n"}

    for devices, printed in expected.items():
        launcher = make_launcher(tmp_path / str(len(devices)), devices=devices)
        launcher.launch(request)
        assert end_of(launcher, request).reason is ExitReason.COMPLETED
        assert output_of(launcher, request) == printed


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


def test_a_name_that_is_no_name_never_becomes_a_path(launcher: LocalLauncher) -> None:
    name = AttemptId("../../etc-a1")

    with pytest.raises(LaunchRejected):
        launcher.launch(replace(request_for(1, "true"), attempt_id=name))

    launcher.stop(name, reason=ExitReason.CANCELLED)
    assert launcher.poll(SWEEP, [name, AttemptId("no-attempt")]) == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("only root on Linux may mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_starts_nothing_and_is_forgiven_once_there_is_space(small_disk: Path) -> None:
    launcher = make_launcher(small_disk)
    filler = small_disk / "filler"
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={filler}", "bs=4k"], check=False, capture_output=True
    )
    request = request_for(1, "true")

    with pytest.raises(DiskFull):
        launcher.launch(request)
    assert launcher.poll(SWEEP, [request.attempt_id]) == {}
    filler.unlink()
    launcher.launch(request)

    assert end_of(launcher, request).reason is ExitReason.COMPLETED


def test_a_disk_with_too_little_space_for_a_record_starts_nothing(small_disk: Path) -> None:
    launcher = make_launcher(small_disk)
    (small_disk / "filler").write_bytes(bytes(2**20 - 60 * 1024))  # of 64 KiB that are reserved
    request = request_for(1, "true")

    with pytest.raises(DiskFull):
        launcher.launch(request)

    assert launcher.poll(SWEEP, [request.attempt_id]) == {}
    assert not list(folder_of(small_disk, request).glob(".*"))


def test_a_script_that_fills_the_disk_still_ends_for_its_own_reason(small_disk: Path) -> None:
    launcher = make_launcher(small_disk)
    request = request_for(1, "sh", "-c", "echo boom >&2; cat /dev/zero > big; exit 3")

    launcher.launch(request)

    ended = end_of(launcher, request)
    assert (ended.reason, ended.code) == (ExitReason.SCRIPT_FAILED, 3)
    assert "boom" in ended.message


@pytest.mark.parametrize("how", ["stop", "reap"])
def test_an_attempt_that_has_filled_the_disk_can_be_ended(small_disk: Path, how: str) -> None:
    launcher = make_launcher(small_disk)
    script = "cat /dev/zero > big; echo up > /dev/null; sleep 60"
    request = request_for(1, "sh", "-c", script)
    launcher.launch(request)
    until(lambda: shutil.disk_usage(small_disk).free == 0)

    if how == "stop":
        launcher.stop(request.attempt_id, reason=ExitReason.TIMED_OUT)
        assert end_of(launcher, request).reason is ExitReason.TIMED_OUT
    else:
        assert launcher.reap(SWEEP) == 1
    assert processes_of(small_disk, request) == []


def test_a_race_of_launchers_executes_once(tmp_path: Path) -> None:
    file = tmp_path / "count"
    request = request_for(1, "sh", "-c", f"echo ran >> {file}; sleep 0.2")
    racers = [OtherProcess(tmp_path, request) for _ in range(8)]
    for racer in racers:
        racer.wait_until_ready()
    for racer in racers:
        racer.go()

    answers = {racer.answer() for racer in racers}

    assert answers == {"launched"}
    assert end_of(make_launcher(tmp_path), request).reason is ExitReason.COMPLETED
    assert file.read_text() == "ran\n"


@pytest.mark.slow
def test_a_launcher_killed_at_any_moment_leads_to_one_execution(tmp_path: Path) -> None:
    launcher = make_launcher(tmp_path, cores=0.1)  # so that a leak is seen as well
    moments = random.Random(7)
    for first in range(1, 21, 5):  # five at a time: what takes long is to start Python
        victims: list[tuple[OtherProcess, LaunchRequest, Path]] = []
        for number in range(first, first + 5):
            file = tmp_path / f"count-{number}"
            request = request_for(number, "sh", "-c", f"echo ran >> {file}; sleep 0.1")
            victims.append((OtherProcess(tmp_path, request), request, file))
        for victim, request, file in victims:
            victim.wait_until_ready()
            victim.go()
            time.sleep(moments.uniform(0, 0.06))
            victim.kill()

            launcher.launch(request)

            assert end_of(launcher, request).reason is ExitReason.COMPLETED, request.attempt_id
            assert file.read_text() == "ran\n", request.attempt_id
