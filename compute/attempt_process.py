"""The execution of one attempt inside its shim. Standard library only."""

import contextlib
import errno
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, TypedDict

from compute import process_tree
from compute.control_group import ControlGroup
from compute.records import read_json, tail, write_json, write_json_reserved

_LOOK_SECONDS = 0.25  # between looks at stop.json: how late a stop may be
_LEFTOVER_SECONDS = 1.0  # from SIGTERM to SIGKILL for what a script left behind when it ended
_GIVE_UP_SECONDS = 30.0  # on processes that survive SIGKILL in a driver, on a disk that stays full
_OOM_WINDOW_SECONDS = (
    60.0  # from the kernel's count to the death it is about: memory is freed in between
)
#: Signals by which people and machines end a process; any other is a crash of its own.
_FOREIGN = {
    signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
    signal.SIGUSR2,
}  # fmt: skip
#: How a shell tells that what it ran was ended so; of the others it may be a script's own code.
_FOREIGN_CODES = {128 + signal.SIGKILL, 128 + signal.SIGTERM}
#: What keeps a process from starting now, and not for ever.
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}


class ShimRequest(TypedDict):
    """The document on a shim's stdin."""

    folder: str  #: of the attempt, absolute
    lock: int  #: descriptor of the folder's lock, held
    leases: list[int]  #: descriptors of the locks of its GPUs, held
    hold_file: str | None  #: to be locked, shared, while the attempt lives
    live_marker: str  #: to be removed at the end
    command: list[str]
    refusal: str  #: why the command cannot be started; empty when it can
    environment: dict[str, str]  #: secrets included
    timeout_seconds: float | None
    grace_seconds: float  #: from SIGTERM to SIGKILL


class Outcome(TypedDict):
    """The part of ``exit.json`` that says why."""

    reason: str
    code: int | None
    signal: int | None
    message: str


def execute(request: ShimRequest, *, started_at: float) -> None:
    """Execute, wait, and leave the exit record."""
    folder = Path(request["folder"])
    process = AttemptProcess(request, folder=folder)
    try:
        outcome = process.run()
    except Exception as exc:  # noqa: BLE001 - the process' top; nobody else would tell
        process.kill()
        outcome = _outcome("killed", message=f"its shim failed: {exc!r}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    record = {
        **outcome,
        "started_at": started_at,
        "ended_at": time.time(),
        # Of the largest process. Linux counts in KiB, macOS in bytes.
        "peak_memory_bytes": peak if sys.platform == "darwin" else peak * 1024,
    }
    # Nothing runs any more. Whoever reads the record may take at once what this attempt had.
    for descriptor in request["leases"]:
        os.close(descriptor)
    Path(request["live_marker"]).unlink(missing_ok=True)
    _leave(folder, record)


def _leave(folder: Path, record: dict[str, Any]) -> None:
    """Write the exit record; some file systems need space even to replace what is there."""
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        try:
            write_json_reserved(folder / "exit.json", record, reserved=folder / ".exit.reserved")
        except OSError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(1.0)
        else:
            (folder / ".stop.reserved").unlink(missing_ok=True)
            return


class AttemptProcess:
    """The command of one attempt, and everything it starts."""

    def __init__(self, request: ShimRequest, *, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._has_children = True
        self._code: int | None = None  # of the main process, as Popen gives it
        self._why: str | None = None  # reason of the first stop request acted on
        self._message = ""
        self._terminated = False
        self._kill_at = float("inf")
        self._oom_counts: deque[tuple[float, int]] = deque()  # when, and how many until then

    def run(self) -> Outcome:
        """Execute until nothing is left of it, and say how it ended."""
        if self._request["refusal"]:
            return _outcome("launch_failed", message=self._request["refusal"])
        if (stop := read_json(self._folder / "stop.json")) is not None:
            return _outcome(stop["reason"], message="ended before it had begun")
        self._listen()
        self._count_oom_kills()
        try:
            self._start()
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            is_passing = isinstance(exc, OSError) and exc.errno in _PASSING
            return _outcome(
                "killed" if is_passing else "launch_failed",
                message=_sentence(exc, program=self._request["command"][0]),
            )
        self._wait()
        self._end_leftovers()
        return self._judge()

    def kill(self) -> None:
        """End all of it without asking."""
        if self._process is not None:
            self._kill_at = 0.0
            self._end_leftovers()

    def _listen(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the launcher may have blocked some
        for signum in (signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, self._on_child)
        self._wake, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def _on_terminate(self, signum: int, frame: object) -> None:  # noqa: ARG002 - a handler's signature
        self._terminated = True

    def _on_child(self, signum: int, frame: object) -> None:
        """Nothing to do: the signal's arrival wakes the loop."""

    def _start(self) -> None:
        process_tree.adopt_orphans()
        shim = os.getpid()

        def in_child() -> None:
            process_tree.die_with(shim)  # nothing trains unseen
            for signum in (signal.SIGINT, signal.SIGHUP):
                signal.signal(signum, signal.SIG_DFL)  # to be ignored is inherited

        with (
            (self._folder / "stdout.log").open("ab") as out,
            (self._folder / "stderr.log").open("ab") as err,
        ):
            self._process = subprocess.Popen(
                self._request["command"],
                cwd=self._folder / "work",
                env=self._request["environment"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
                preexec_fn=in_child,  # noqa: PLW1509 - the shim has one thread
            )
        shim_record = read_json(self._folder / "shim.json") or {}
        shim_record["process_group"] = self._process.pid
        with contextlib.suppress(OSError):  # it helps to find leftovers; not worth a trial
            write_json(self._folder / "shim.json", shim_record, is_durable=True)

    def _wait(self) -> None:
        timeout = self._request["timeout_seconds"]
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while not self._collect():
            now = time.monotonic()
            if self._why is None:
                self._look_for_reason(deadline, now)
                if self._why is not None:
                    if self._collect():  # it was quicker: it has ended by itself
                        self._why = None
                        return
                    self._signal(signal.SIGTERM)
                    self._kill_at = now + self._request["grace_seconds"]
            elif now >= self._kill_at:
                self._signal(signal.SIGKILL)
            ready, _, _ = select.select([self._wake], [], [], _LOOK_SECONDS)
            if ready:
                os.read(self._wake, 4096)
            else:
                self._count_oom_kills()

    def _look_for_reason(self, deadline: float, now: float) -> None:
        if (stop := read_json(self._folder / "stop.json")) is not None:
            self._why = stop["reason"]
        elif self._terminated:
            self._why, self._message = "killed", "its shim was asked to end (SIGTERM)"
        elif now >= deadline:
            self._why = "timed_out"

    def _collect(self) -> bool:
        """Collect every child that has ended; True once the main process is among them."""
        assert self._process is not None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_children = False
                break
            if pid == 0:
                break
            if pid == self._process.pid:
                self._code = self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def _signal(self, signum: signal.Signals) -> None:
        assert self._process is not None
        process_tree.send(signum, group=self._process.pid)

    def _end_leftovers(self) -> None:
        """End what the script started and did not wait for."""
        now = time.monotonic()
        give_up_at = now + _GIVE_UP_SECONDS
        kill_at = min(self._kill_at, now + _LEFTOVER_SECONDS)
        if self._has_leftovers():
            self._signal(signal.SIGTERM)
        while self._has_leftovers() and (now := time.monotonic()) < give_up_at:
            if (
                now >= kill_at
            ):  # again and again: one that forks meanwhile is found in the next round
                self._signal(signal.SIGKILL)
            time.sleep(0.02)

    def _has_leftovers(self) -> bool:
        assert self._process is not None
        self._has_children = True
        self._collect()
        # Orphans are children on Linux; elsewhere those that stayed in the group are found.
        return self._has_children or process_tree.group_is_alive(self._process.pid)

    def _count_oom_kills(self) -> None:
        now = time.monotonic()
        self._oom_counts.append((now, ControlGroup().oom_kills()))
        while len(self._oom_counts) > 1 and self._oom_counts[1][0] < now - _OOM_WINDOW_SECONDS:
            self._oom_counts.popleft()

    def _was_killed_for_memory(self) -> bool:
        # Lately: an older kill in the same control group was somebody else's.
        return ControlGroup().oom_kills() > self._oom_counts[0][1]

    def _judge(self) -> Outcome:
        assert self._code is not None
        code, signum = (self._code, None) if self._code >= 0 else (None, -self._code)
        message = self._message or tail(self._folder / "stderr.log")
        if self._why is not None:
            return _outcome(self._why, code, signum, message)
        if code == 0:
            return _outcome("completed", 0)
        # A shell tells by its exit code that what it ran was killed.
        if (signum == signal.SIGKILL or code == 128 + signal.SIGKILL) and (
            self._was_killed_for_memory()
        ):
            return _outcome("out_of_memory", code, signum, message)
        is_foreign = signum in _FOREIGN or code in _FOREIGN_CODES
        return _outcome("killed" if is_foreign else "script_failed", code, signum, message)


def _outcome(
    reason: str, code: int | None = None, signum: int | None = None, message: str = ""
) -> Outcome:
    # No database takes NUL in a text.
    message = message.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return {"reason": reason, "code": code, "signal": signum, "message": message}


def _sentence(exc: Exception, *, program: str) -> str:
    """Why a program did not start, for the person who wrote its command line."""
    match exc:
        case FileNotFoundError() if "/" in program and Path(program).exists():
            return f"{program}: the interpreter that its first line names is not there"
        case FileNotFoundError():
            return f"{program}: command not found"
        case PermissionError():
            return f"{program} is not executable; `chmod +x` it, or name its interpreter first"
        case OSError(errno=errno.ENOEXEC):
            return f"{program} is not a program; begin it with `#!`, or name its interpreter first"
        case OSError():
            return f"{program}: {exc.strerror}"
        case _:
            return f"{program}: {exc}"
