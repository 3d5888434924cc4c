"""A home's supervisor: found, or started, and waited for until it is ready."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from orchestration.home import Home
from orchestration.settings import Settings, child_environment
from orchestration.supervisor.children import PACKAGES
from orchestration.supervisor.file_lock import is_owned, try_exclusive
from orchestration.supervisor.status import (
    BUSY,
    DISK_FULL,
    DOWN,
    STARTED,
    SupervisorState,
    SupervisorStatus,
)
from storage.embedded.failures import filesystem_errors
from sweeps.errors import DiskFull, StorageUnavailable, SweepsError

Progress = Callable[[str], None]
SUPERVISOR = (sys.executable, "-m", "orchestration.supervisor")  #: how one is started

_POLL_SECONDS = 0.03
_LOG_LIMIT_BYTES = 8_000_000
_UI_ATTEMPTS = 3  # ends of a UI service before it was ready, until a command stops waiting


class ServicesDown(StorageUnavailable):
    """A person has said `down`; only a command of a person starts the services again."""

    def __init__(self) -> None:
        super().__init__("stopped by `sweepworks down`")


def wait_until_ready(
    home: Home,
    settings: Settings,
    progress: Progress,
    *,
    up: bool,
    deadline: float,
    command: Sequence[str],
) -> SupervisorStatus:
    """What a supervisor that is ready says of itself.

    Raises:
        ServicesDown: A person has said `down`.
        SweepsError: None gets ready before the deadline; why, in one sentence.
    """
    former, reported = SupervisorStatus.read(home.status_file), ""
    while time.monotonic() < deadline:
        current = SupervisorStatus.read(home.status_file)
        phase = "starting the supervisor"
        if (
            current is not None
            and current.state is SupervisorState.FAILED
            and not current.is_moment_of(former)  # that failure is history: try again
        ):
            raise _failure(home, current.reason or "", is_disk_full=current.is_disk_full)
        if not is_owned(home.supervisor_lock):
            _start_supervisor(home, settings, command)
        elif current is not None and current.mark.process() is not None:
            phase = current.phase
            if current.state is SupervisorState.READY:
                if not up or current.webserver_url is not None:
                    return current
                _check_ui(current)
            elif current.state is SupervisorState.STOPPING:
                phase = "waiting for the last supervisor to end"
        if phase != reported:
            progress(phase)
            reported = phase
        time.sleep(_POLL_SECONDS)
    raise StorageUnavailable(
        f"the services are not ready in time (still {reported}); see {home.supervisor_log}"
    )


def _check_ui(current: SupervisorStatus) -> None:
    for name, child in current.children.items():
        if name != "gateway" and not child.is_ready and child.failures >= _UI_ATTEMPTS:
            raise StorageUnavailable(
                f"the {name} ends as soon as it is started; the reason is in {child.log}"
            )


def _failure(home: Home, reason: str, *, is_disk_full: bool) -> SweepsError:
    text = reason if "; see " in reason else f"{reason}; see {home.supervisor_log}"
    return DiskFull(text) if is_disk_full else StorageUnavailable(text)


def _start_supervisor(home: Home, settings: Settings, command: Sequence[str]) -> None:
    """Start one unless another command is doing so; returns when it has answered."""
    with filesystem_errors(home.folder):
        lock = try_exclusive(home.start_lock)
    if lock is None:
        return
    try:
        if is_owned(home.supervisor_lock):
            return
        with filesystem_errors(home.supervisor_log):
            log_file = home.supervisor_log
            if log_file.exists() and log_file.stat().st_size > _LOG_LIMIT_BYTES:
                log_file.rename(log_file.with_suffix(".log.1"))
            log = log_file.open("ab")
        with log:
            finished = subprocess.run(
                [*command, "--home", str(home.folder), "--detach"],
                env=child_environment(settings.exported()),
                cwd=PACKAGES,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
                start_new_session=True,
            )
    finally:
        os.close(lock)
    answer, _, reason = finished.stdout.strip().partition("\n")
    if answer == DOWN:
        raise ServicesDown
    if answer not in (STARTED, BUSY):
        reason = reason or f"the supervisor ended at once with code {finished.returncode}"
        raise _failure(home, reason, is_disk_full=answer == DISK_FULL)
