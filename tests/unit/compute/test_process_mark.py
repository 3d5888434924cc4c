"""Processes are recognised whatever becomes of their numbers and of the clock."""

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import replace

import psutil
import pytest

from compute import process_mark
from compute.process_mark import ProcessMark
from compute.process_start import start_since_boot

#: How a mark may tell when its process began.
KINDS = ["clock"] + (["kernel"] if sys.platform == "linux" else [])


@pytest.fixture(params=KINDS)
def mark_of(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], ProcessMark]:
    if request.param == "clock":
        monkeypatch.setattr(process_mark, "start_since_boot", lambda _pid: None)
    return ProcessMark.of


@pytest.fixture
def sleeper() -> Generator[subprocess.Popen[bytes], None, None]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_living_process_is_found_again(mark_of: Callable[[int], ProcessMark]) -> None:
    mark = mark_of(os.getpid())

    process = mark.process()

    assert process is not None
    assert process.pid == os.getpid()
    assert not mark.is_reused()


def test_a_process_that_has_ended_is_none_whether_it_was_collected_or_not(
    mark_of: Callable[[int], ProcessMark], sleeper: subprocess.Popen[bytes]
) -> None:
    mark = mark_of(sleeper.pid)

    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert mark.process() is None
    assert not mark.is_reused()
    sleeper.wait()
    assert mark.process() is None
    assert not mark.is_reused()


def test_another_process_with_the_number_is_not_meant(
    mark_of: Callable[[int], ProcessMark], sleeper: subprocess.Popen[bytes]
) -> None:
    earlier = replace(mark_of(1), pid=sleeper.pid)

    assert earlier.process() is None
    assert earlier.is_reused()


def test_who_began_first_is_known(
    mark_of: Callable[[int], ProcessMark], sleeper: subprocess.Popen[bytes]
) -> None:
    assert mark_of(1).began_before(psutil.Process(sleeper.pid))
    assert mark_of(sleeper.pid).began_before(psutil.Process(sleeper.pid))
    assert not mark_of(sleeper.pid).began_before(psutil.Process(1))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only the clock")
def test_a_clock_that_is_set_hides_nobody(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel derives times of start from the clock: they move when it is set."""
    told = psutil.Process.create_time
    mark, older = ProcessMark.of(sleeper.pid), ProcessMark.of(1)

    monkeypatch.setattr(psutil.Process, "create_time", lambda self: told(self) - 3600)

    assert mark.process() is not None
    assert not mark.is_reused()
    assert older.began_before(psutil.Process(sleeper.pid))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only the clock")
def test_another_boot_is_another_process() -> None:
    start = start_since_boot(os.getpid())
    assert start is not None
    ticks = start.partition("@")[0]

    assert ProcessMark(pid=os.getpid(), start=f"{ticks}@another").process() is None


def test_a_mark_of_an_earlier_version_is_understood() -> None:
    began = psutil.Process().create_time()

    assert ProcessMark(pid=os.getpid(), start=str(began)).process() is not None
    assert ProcessMark(pid=os.getpid(), start=str(began - 60)).process() is None


def test_a_process_without_a_number_has_no_start() -> None:
    assert start_since_boot(2**22 + 1) is None
