"""A service that is kept running: started, watched, started again, stopped with all it started."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from compute.process_mark import ProcessMark
from orchestration.supervisor.status import ChildStatus
from storage.embedded.failures import filesystem_errors
from sweeps.errors import SweepsError

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 30.0  # after that long, an end is a new trouble and not the old one
_LOG_LIMIT_BYTES = 8_000_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One attempt to run a service."""

    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]


class ChildProcess:
    """One service.

    Signals that the supervisor handles are back at their defaults in the child, so that an
    interrupt ignored by some shell is not ignored there: the supervisor installs handlers for all
    of them before it starts anything, and handlers do not survive `exec`.

    Args:
        name: For logs and the status file.
        plan: Decides how to start, anew before every attempt: a port may have been lost.
        log_file: Gets output and errors.
        holds_input: Keep a pipe to its input open; it ends when the pipe closes, even when the
            supervisor is killed.
    """

    def __init__(
        self, name: str, plan: Callable[[], Launch], *, log_file: Path, holds_input: bool = False
    ) -> None:
        self.name = name
        self.failures = 0
        self.is_ready = False
        self.exit_code: int | None = None
        self._plan = plan
        self._log_file = log_file
        self._holds_input = holds_input
        self._launch: Launch | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._mark: ProcessMark | None = None
        self._next_start = 0.0
        self._ready_since = 0.0

    @property
    def status(self) -> ChildStatus:
        """For the status file."""
        return ChildStatus(
            mark=self._mark,
            is_ready=self.is_ready,
            failures=self.failures,
            log=str(self._log_file),
        )

    def watch(self) -> None:
        """Look after it once: start it when it is due, notice that it is ready or has ended."""
        if self._process is not None and self._process.poll() is not None:
            self._note_end(self._process)
        now = time.monotonic()
        if self._process is None:
            if now >= self._next_start:
                self._try_to_start()
        elif self.is_ready:
            if now - self._ready_since > _STEADY_SECONDS:
                self.failures = 0
        elif self._launch is not None and self._launch.is_ready():
            self.is_ready = True
            self._ready_since = now
            logger.info("the %s is ready", self.name)

    def request_stop(self) -> None:
        """Ask it, and everything it started, to end; returns at once."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._signal(signal.SIGTERM)

    def finish_stop(self, *, grace_seconds: float) -> None:
        """Wait for the end after `request_stop`; what is left after the grace period is killed."""
        if self._process is None:
            return
        deadline = time.monotonic() + grace_seconds
        while self._group_is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._forget()
        self.failures = 0
        self._next_start = 0.0

    def last_words(self) -> str:
        """The last line it wrote."""
        try:
            with self._log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 4_000))
                lines = log.read().decode("utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1].strip()[:300] if lines else ""

    def _try_to_start(self) -> None:
        try:
            self._start()
        except SweepsError as exc:  # no port, no space for its log: it may pass
            logger.warning("the %s cannot start: %s", self.name, exc)
            self._pause()

    def _start(self) -> None:
        launch = self._plan()
        with filesystem_errors(self._log_file):
            if self._log_file.exists() and self._log_file.stat().st_size > _LOG_LIMIT_BYTES:
                self._log_file.rename(self._log_file.with_suffix(".log.1"))
            log = self._log_file.open("ab")
        with log, filesystem_errors(Path(launch.command[0])):
            self._process = subprocess.Popen(
                launch.command,
                env=dict(launch.environment),
                stdin=subprocess.PIPE if self._holds_input else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its own group, so that all of it can be stopped
            )
        self._launch = launch
        with contextlib.suppress(psutil.Error):  # it may have ended already; the next watch tells
            self._mark = ProcessMark.of(self._process.pid)
        logger.info("started the %s as process %d", self.name, self._process.pid)

    def _note_end(self, process: subprocess.Popen[bytes]) -> None:
        self.exit_code = process.returncode
        self._signal(signal.SIGKILL)  # whatever it left behind in its group
        self._forget()
        logger.warning("the %s ended with code %d", self.name, process.returncode)
        self._pause()

    def _pause(self) -> None:
        self.failures += 1
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (self.failures - 1), _LONGEST_PAUSE_SECONDS)
        self._next_start = time.monotonic() + pause

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process = None
        self._mark = None
        self.is_ready = False

    def _group_is_alive(self) -> bool:
        assert self._process is not None
        self._process.poll()
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):  # macOS: only zombies are left
            return False
        return True

    def _signal(self, sign: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, sign)
