"""The execution of one attempt inside its shim. Standard library only."""

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from compute import process_tree
from compute.metrics_reader import MetricsReader
from compute.oom_kills import OomKills
from compute.outcome import Outcome, of_a_start, of_an_end, outcome
from compute.records import read_json, tail, write_json, write_json_reserved
from compute.shim_request import ShimRequest

_LOOK_SECONDS = 0.25  # between looks at stop.json: how late a stop may be
_SIGN_SECONDS = 1.0  # between signs of life, by which its end is known when it is killed itself
_LEFTOVER_SECONDS = 1.0  # from SIGTERM to SIGKILL for what a script left behind when it ended
_GIVE_UP_SECONDS = 30.0  # on processes that survive SIGKILL in a driver, on a disk that stays full


def execute(request: ShimRequest, *, started_at: float) -> None:
    """Execute, wait, and leave the exit record."""
    folder = Path(request["folder"])
    process = AttemptProcess(request, folder=folder)
    try:
        ended = process.run()
    except Exception as exc:  # noqa: BLE001 - the process' top; nobody else would tell
        process.kill()
        ended = outcome("killed", message=f"its shim failed: {exc!r}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    record = {
        **ended,
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
        self._reader: MetricsReader | None = None
        self._has_children = True
        self._code: int | None = None  # of the main process, as Popen gives it
        self._why: str | None = None  # reason of the first stop request acted on
        self._message = ""
        self._terminated = False
        self._kill_at = float("inf")
        self._sign_at = 0.0
        self._oom_kills = OomKills()

    def run(self) -> Outcome:
        """Execute until nothing is left of it, and say how it ended."""
        if self._request["refusal"]:
            return outcome("launch_failed", message=self._request["refusal"])
        if (stop := read_json(self._folder / "stop.json")) is not None:
            return outcome(stop["reason"], message="ended before it had begun")
        self._listen()
        self._oom_kills.count()
        try:
            self._start()
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            return of_a_start(exc, program=self._request["command"][0])
        self._wait()
        self._finish_reading()
        self._end_leftovers()
        assert self._code is not None  # `_wait` has collected it
        return of_an_end(
            self._code,
            why=self._why,
            message=self._message or tail(self._folder / "stderr.log"),
            was_for_memory=self._oom_kills.was_one_lately,
        )

    def kill(self) -> None:
        """End all of it without asking."""
        if self._reader is not None:
            self._reader.kill()
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
                cwd=self._request["working_folder"] or self._folder / "work",
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
        if self._request["reader"]:
            self._reader = MetricsReader(
                self._request["reader"],
                self._request["environment"],
                folder=self._folder,
                script=self._process.pid,
            )

    def _finish_reading(self) -> None:
        if self._reader is not None:
            self._reader.finish(cut_short=self._why is not None)

    def _wait(self) -> None:
        timeout = self._request["timeout_seconds"]
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while not self._collect():
            now = time.monotonic()
            self._give_sign(now)
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
                self._oom_kills.count()

    def _give_sign(self, now: float) -> None:
        """Leave the time on the lock's file: that of the last sign outlives shim and script."""
        if now >= self._sign_at:
            self._sign_at = now + _SIGN_SECONDS
            with contextlib.suppress(OSError):  # a disk that fails is no reason to end a trial
                os.utime(self._request["lock"])

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
            elif self._reader is not None and pid == self._reader.pid:
                self._reader.collected(status)
        return self._code is not None

    def _signal(self, signum: signal.Signals) -> None:
        assert self._process is not None
        spare = None if self._reader is None else self._reader.pid
        process_tree.send(signum, group=self._process.pid, spare=spare)

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
