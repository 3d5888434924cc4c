"""The services a command works with: given by URL, or the home's own, found or started.

Importing this module is cheap: `sweepworks --help` goes through it.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestration.home import Home
from orchestration.settings import Settings, child_environment
from orchestration.supervisor.children import PACKAGES, write_dagster_home
from orchestration.supervisor.file_lock import has_holders, hold_shared, is_owned, try_exclusive
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

_POLL_SECONDS = 0.03
_LOG_LIMIT_BYTES = 8_000_000
_UI_ATTEMPTS = 3  # ends of a UI service before it was ready, until a command stops waiting
_SUPERVISOR = (sys.executable, "-m", "orchestration.supervisor")


class ServicesDown(StorageUnavailable):
    """A person has said `down`; only a command of a person starts the services again."""

    def __init__(self) -> None:
        super().__init__("stopped by `sweepworks down`")


class Services:
    """What `connect` found. Embedded services stay for as long as this, or the process, lives.

    Attributes:
        settings: Those of the environment with every URL filled in.
        webserver_url: Dagster's UI, when it is up.
    """

    def __init__(
        self, settings: Settings, *, webserver_url: str | None = None, locks: Sequence[int] = ()
    ) -> None:
        self.settings = settings
        self.webserver_url = webserver_url
        self._locks = list(locks)

    @property
    def home(self) -> Home:
        """The home, also with services given by URL: spool and working folders are there."""
        return self.settings.home

    @property
    def database_url(self) -> str:
        """Our database, with its password."""
        assert self.settings.database_url is not None
        return self.settings.database_url

    @property
    def dagster_database_url(self) -> str | None:
        """Dagster's database, with its password; None when `DAGSTER_HOME` knows it alone."""
        return self.settings.dagster_database_url

    @property
    def dagster_home(self) -> Path | None:
        """For `DAGSTER_HOME`; None when services are given by URL and that is not set."""
        return self.settings.dagster_home

    @property
    def gateway_url(self) -> str | None:
        """The gateway; None when services are given by URL without it."""
        return self.settings.gateway_url

    @property
    def token(self) -> str | None:
        """API token for that gateway."""
        return self.settings.token

    def variables(self) -> dict[str, str]:
        """For `settings.export`, or for a child: everything in it finds the same services."""
        return self.settings.exported()

    def environment(self) -> dict[str, str]:
        """Whole environment for a child process."""
        return child_environment(self.variables())

    def close(self) -> None:
        """Stop being a client; the supervisor ends a little later when there is no other."""
        while self._locks:
            os.close(self._locks.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    settings: Settings,
    progress: Progress | None = None,
    *,
    up: bool = False,
    by_person: bool = True,
    timeout_seconds: float = 120.0,
    supervisor_command: Sequence[str] = _SUPERVISOR,
) -> Services:
    """Find the services, or start them and wait until they answer.

    Args:
        progress: Called with a few words whenever the start enters another phase.
        up: Dagster's UI and daemon as well. They stay as long as one such handle does.
        by_person: Start them also when a person has said `down`: another one has typed a command.
        supervisor_command: Instead of the real one, in tests.

    Raises:
        ServicesDown: They were stopped by a person, and are not to be started, or were so again.
        SweepsError: They do not start; one sentence says why, what to do and where the log is.
    """
    home = settings.home
    if not settings.is_embedded:
        # Under a supervisor the URLs come from it, and it has to stay for us.
        if not settings.is_supervised:
            return Services(_with_dagster_home(settings))
        with filesystem_errors(home.folder):
            return Services(settings, locks=(hold_shared(home.clients_lock),))
    home.prepare()
    if by_person:
        home.forget_down()
    elif home.is_down:
        raise ServicesDown
    locks: list[int] = []
    try:
        with filesystem_errors(home.folder):
            locks.append(hold_shared(home.clients_lock))
            if up:
                locks.append(hold_shared(home.up_lock))
        status = _wait_until_ready(
            home,
            settings,
            progress or (lambda _: None),
            up=up,
            deadline=time.monotonic() + timeout_seconds,
            command=supervisor_command,
        )
        with filesystem_errors(home.databases_file):
            databases = json.loads(home.databases_file.read_text(encoding="utf-8"))
        found = dataclasses.replace(
            settings,
            database_url=databases["database_url"],
            dagster_database_url=databases["dagster_database_url"],
            dagster_home=home.dagster,
            gateway_url=status.gateway_url,
            token=home.token(),
            signing_key_hex=settings.signing_key().hex(),
            is_supervised=True,
        )
    except BaseException:
        for descriptor in locks:
            os.close(descriptor)
        raise
    return Services(found, webserver_url=status.webserver_url, locks=locks)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HomeStatus:
    """What there is to say about a home."""

    is_running: bool  #: a supervisor holds the home
    is_down: bool  #: a person has said `down`; only another command of a person changes it
    has_clients: bool
    supervisor: SupervisorStatus | None  #: what it, or the last one, said
    log: Path


def status(settings: Settings) -> HomeStatus:
    """The home's state; starts and creates nothing."""
    home = settings.home
    with filesystem_errors(home.folder):
        return HomeStatus(
            is_running=is_owned(home.supervisor_lock),
            is_down=home.is_down,
            has_clients=has_holders(home.clients_lock),
            supervisor=SupervisorStatus.read(home.status_file),
            log=home.supervisor_log,
        )


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


def _with_dagster_home(settings: Settings) -> Settings:
    """Dagster's configuration of the embedded mode, unless `DAGSTER_HOME` names another."""
    settings.home.prepare()
    if settings.dagster_home is not None:
        return settings
    write_dagster_home(settings.home)
    return dataclasses.replace(settings, dagster_home=settings.home.dagster)


def _wait_until_ready(
    home: Home,
    settings: Settings,
    progress: Progress,
    *,
    up: bool,
    deadline: float,
    command: Sequence[str],
) -> SupervisorStatus:
    begun, reported = time.time(), ""
    while time.monotonic() < deadline:
        current = SupervisorStatus.read(home.status_file)
        phase = "starting the supervisor"
        if (
            current is not None
            and current.state is SupervisorState.FAILED
            and current.changed_at >= begun  # an older failure is history: try again
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
