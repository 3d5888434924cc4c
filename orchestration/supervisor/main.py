"""Entry point of the supervisor's process: arguments, the lock, signals, the log."""

import argparse
import dataclasses
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from orchestration.settings import Settings
from orchestration.supervisor.children import PACKAGES, ServicePlan
from orchestration.supervisor.file_lock import try_exclusive
from orchestration.supervisor.status import BUSY, DISK_FULL, DOWN, REFUSED, STARTED
from orchestration.supervisor.supervisor import Supervisor
from storage.embedded.failures import filesystem_errors
from sweeps.errors import DiskFull, SweepsError

# Somebody who only looks whether the lock is held has it for microseconds.
_LOCK_PATIENCE_SECONDS = 1.0


def main(argv: Sequence[str], *, plan: ServicePlan | None = None) -> int:
    """Run a supervisor until it is done; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.supervisor")
    parser.add_argument("--home", type=Path, help="instead of SWEEPWORKS_HOME")
    parser.add_argument("--up", action="store_true", help="with Dagster's UI, until stopped")
    parser.add_argument("--idle-seconds", type=float, help="how long to stay without a client")
    parser.add_argument("--detach", action="store_true", help="leave the terminal")
    arguments = parser.parse_args(argv)
    answer = _detach() if arguments.detach else None
    try:
        settings = Settings.from_environment(home=arguments.home)
        if arguments.idle_seconds is not None:
            settings = dataclasses.replace(settings, idle_seconds=arguments.idle_seconds)
        os.umask(0o077)
        os.chdir(PACKAGES)
        settings.home.prepare()
        with filesystem_errors(settings.home.supervisor_lock):
            lock = _take_lock(settings.home.supervisor_lock)
        if lock is None:
            _tell(answer, BUSY)
            return 0
        if not arguments.detach:  # a person has typed this
            settings.home.forget_down()
        # Under the lock: from now on, whoever says `down` finds us.
        if settings.home.is_down:
            os.close(lock)
            _tell(answer, DOWN)
            return 0
        _log_to_stderr()
        supervisor = Supervisor(settings, plan or ServicePlan(), lock=lock, stays_up=arguments.up)
        _handle_signals(supervisor)
        supervisor.announce()
    except SweepsError as exc:
        _tell(answer, f"{DISK_FULL if isinstance(exc, DiskFull) else REFUSED}\n{exc}")
        return 1
    _tell(answer, STARTED)
    return supervisor.run()


def _take_lock(path: Path) -> int | None:
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while (descriptor := try_exclusive(path)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return descriptor


def _detach() -> int:
    """Go on as nobody's child; the process that was started waits for the first answer.

    Whoever starts us thus gets neither a zombie nor a child to look after, and still learns
    whether the start was good.
    """
    read_end, write_end = os.pipe()
    if os.fork() > 0:
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            answer = pipe.read()
        os.write(sys.stdout.fileno(), answer)
        os._exit(0 if answer else 1)
    os.close(read_end)
    os.setsid()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return write_end


def _tell(answer: int | None, text: str) -> None:
    if answer is None:
        sys.stderr.write(f"{text}\n")
    else:
        os.write(answer, text.encode())
        os.close(answer)


def _log_to_stderr() -> None:
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # six lines a start


def _handle_signals(supervisor: Supervisor) -> None:
    """Handlers for all that a shell may have set to ignored; children then get the defaults."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(sign, supervisor.request_stop)
