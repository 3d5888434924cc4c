"""`sweepworks down`: the services of a home ended now, whoever uses them."""

import contextlib
import os
import signal
import time

from orchestration.settings import Settings
from orchestration.supervisor.file_lock import is_owned, try_exclusive
from orchestration.supervisor.status import SupervisorStatus
from storage.embedded.failures import filesystem_errors
from sweeps.errors import StorageUnavailable

_POLL_SECONDS = 0.03


def down(settings: Settings, *, timeout_seconds: float = 90.0) -> bool:
    """End the home's services now, whoever uses them, until a command starts them again.

    Controllers that use them notice, and end; their trials go on.

    Returns:
        False when nothing ran.

    Raises:
        StorageUnavailable: They did not end in time, or belong to somebody else.
    """
    home = settings.home
    if not home.folder.exists():
        return False
    with filesystem_errors(home.folder):
        home.down_file.touch(mode=0o600)
    if not is_owned(home.supervisor_lock):
        return _stop_leftovers(settings)
    deadline = time.monotonic() + timeout_seconds
    asked = None
    while is_owned(home.supervisor_lock):
        current = SupervisorStatus.read(home.status_file)
        process = None if current is None else current.mark.process()
        if process is not None and process.pid != asked:
            try:
                process.send_signal(signal.SIGTERM)
            except PermissionError as exc:
                raise StorageUnavailable(
                    f"the services in {home.folder} belong to another user; ask them to stop them"
                ) from exc
            asked = process.pid
        if time.monotonic() > deadline:
            raise StorageUnavailable(
                f"the services did not end within {timeout_seconds:.0f} s; "
                f"see {home.supervisor_log}"
            )
        time.sleep(_POLL_SECONDS)
    return True


def _stop_leftovers(settings: Settings) -> bool:
    """What a killed supervisor left; the lock keeps a new one away meanwhile."""
    from orchestration.supervisor.leftovers import stop_leftovers
    from storage.embedded.postgres_server import PostgresServer

    home = settings.home
    lock = try_exclusive(home.supervisor_lock)
    if lock is None:
        return down(settings)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, lock)
        stop_leftovers(SupervisorStatus.read(home.status_file))
        postgres = PostgresServer(
            home.postgres,
            log_file=home.logs / "postgres.log",
            root_folder=settings.postgres_folder,
        )
        was_running = postgres.is_running
        postgres.stop()
    return was_running
