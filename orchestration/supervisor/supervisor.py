"""The process that owns a home's services: it starts them, looks after them and ends them.

It runs as long as somebody needs it. Who does is read from locks that the kernel keeps, so a
client that is killed is a client that has left.
"""

import dataclasses
import json
import logging
import os
import signal
import time
from types import FrameType

from compute.process_mark import ProcessMark
from orchestration.private_files import keep_private, write_private
from orchestration.settings import Settings, child_environment, dagster_url
from orchestration.supervisor.child_process import ChildProcess, Launch
from orchestration.supervisor.children import ServicePlan, write_dagster_home
from orchestration.supervisor.dagster_ui import DagsterUi
from orchestration.supervisor.file_lock import has_holders, try_exclusive
from orchestration.supervisor.leftovers import stop_leftovers
from orchestration.supervisor.ports import LOOPBACK, PortBook
from orchestration.supervisor.probes import answers_ok
from orchestration.supervisor.rerun_upkeep import RerunUpkeep
from orchestration.supervisor.spool_upkeep import SpoolUpkeep
from orchestration.supervisor.status import SupervisorState, SupervisorStatus
from storage.embedded.failures import filesystem_errors
from storage.embedded.postgres_server import PostgresServer
from sweeps.errors import DiskFull, StorageUnavailable, SweepsError

_TICK_SECONDS = 0.1
_POSTGRES_CHECK_SECONDS = 1.0
_GATEWAY_START_SECONDS = 60.0
_GATEWAY_STOP_SECONDS = 10.0
_START_ATTEMPTS = 3  # ends of the gateway before it was ever ready, until we give up

logger = logging.getLogger(__name__)


class Supervisor:
    """One life, from `starting` to the end.

    Args:
        settings: Of an embedded home.
        lock: Descriptor of the home's supervisor lock, held exclusively.
        stays_up: Run Dagster's UI and stay until told to stop, clients or not.
    """

    def __init__(
        self, settings: Settings, plan: ServicePlan, *, lock: int, stays_up: bool = False
    ) -> None:
        self._settings = settings  # becomes the settings of what we run, URLs filled in
        self._home = settings.home
        self._plan = plan
        self._lock = lock
        self._stays_up = stays_up
        self._postgres = PostgresServer(
            self._home.postgres,
            log_file=self._home.logs / "postgres.log",
            root_folder=settings.postgres_folder,
            settings=plan.postgres_settings,
        )
        self._ports = PortBook(self._home.ports_file)
        self._gateway = ChildProcess(
            "gateway",
            self._launch_gateway,
            log_file=self._home.logs / "gateway.log",
            holds_input=True,
        )
        self._ui = DagsterUi(settings, plan, self._ports)
        self._must_stop = False
        self._status = SupervisorStatus(
            mark=ProcessMark.of(os.getpid()),
            state=SupervisorState.STARTING,
            changed_at=time.time(),
            phase="starting",
        )
        self._written: SupervisorStatus | None = None
        self._warned = ""
        self._needed_at = self._next_postgres_check = time.monotonic()

    def announce(self) -> None:
        """Replace the last supervisor's status by ours, after ending what it left running."""
        previous = SupervisorStatus.read(self._home.status_file)
        self._publish()
        stop_leftovers(previous)

    def run(self) -> int:
        """The whole life; returns the process' exit code."""
        try:
            self._start()
            self._serve()
        except SweepsError as exc:
            logger.error("%s", exc)  # noqa: TRY400  a sentence for a person, not a fault of ours
            self._fail(str(exc), is_disk_full=isinstance(exc, DiskFull))
            return 1
        except Exception as exc:
            logger.exception("the supervisor cannot go on")
            self._fail(f"unexpected {type(exc).__name__}: {exc}; see {self._home.supervisor_log}")
            return 1
        finally:
            self._stop()
        return 0

    def request_stop(self, signum: int, _frame: FrameType | None) -> None:
        """Signal handler: end in order, at the next look around."""
        logger.info("asked to stop by %s", signal.Signals(signum).name)
        self._must_stop = True

    def _start(self) -> None:
        write_dagster_home(self._home, dagster_yaml=self._plan.dagster_yaml)
        is_new = not self._postgres.is_created
        self._enter("creating the database" if is_new else "starting PostgreSQL")
        self._postgres.start()
        for name in ("sweepworks", "dagster"):
            self._postgres.ensure_database(name)
        url, dagster = self._postgres.url("sweepworks"), self._postgres.url("dagster")
        self._settings = dataclasses.replace(
            self._settings,
            database_url=url,
            dagster_database_url=dagster_url(dagster),
            dagster_home=self._home.dagster,
            token=self._home.token(),
            signing_key_hex=self._settings.signing_key().hex(),
            is_supervised=True,
        )
        with filesystem_errors(self._home.databases_file):
            databases = {
                "database_url": url,
                "dagster_database_url": self._settings.dagster_database_url,
            }
            write_private(self._home.databases_file, json.dumps(databases) + "\n")
        if self._must_stop:
            return
        self._enter("bringing the schema up to date")
        self._plan.migrate(url)
        self._enter("starting the gateway")
        self._start_gateway()
        self._change(state=SupervisorState.READY, phase="ready")
        SpoolUpkeep(self._home.spool, gateway=self._gateway_address).start()
        RerunUpkeep(self._home, database_url=url).start()

    def _gateway_address(self) -> tuple[str, str]:
        assert self._settings.gateway_url is not None  # since it was launched
        return self._settings.gateway_url, self._home.token()

    def _start_gateway(self) -> None:
        deadline = time.monotonic() + _GATEWAY_START_SECONDS
        while not self._gateway.is_ready and not self._must_stop:
            self._gateway.watch()
            log = self._gateway.status.log
            if self._gateway.failures >= _START_ATTEMPTS:
                raise StorageUnavailable(
                    f"the gateway ends with code {self._gateway.exit_code} when it is started: "
                    f"{self._gateway.last_words() or 'it said nothing'}; see {log}"
                )
            if time.monotonic() > deadline:
                raise StorageUnavailable(
                    f"the gateway did not answer within {_GATEWAY_START_SECONDS:.0f} s; see {log}"
                )
            time.sleep(_TICK_SECONDS / 4)

    def _serve(self) -> None:
        self._needed_at = self._next_postgres_check = time.monotonic()
        while not self._must_stop:
            try:
                self._look_around(time.monotonic())
            except (SweepsError, OSError) as exc:
                # A full disk, or one that is away: what runs goes on, the next look tries again.
                self._warn(str(exc))
            time.sleep(_TICK_SECONDS)

    def _look_around(self, now: float) -> None:
        if now >= self._next_postgres_check:
            self._next_postgres_check = now + _POSTGRES_CHECK_SECONDS
            self._watch_postgres()
        self._gateway.watch()
        self._watch_ui()
        self._try_to_publish()
        if self._is_needed(idle_seconds=now - self._needed_at):
            self._needed_at = now

    def _is_needed(self, *, idle_seconds: float) -> bool:
        if self._home_is_gone():
            logger.warning("%s was removed", self._home.folder)
            self._must_stop = True
            return False
        if self._stays_up:
            return True
        descriptor = try_exclusive(self._home.clients_lock)
        if descriptor is None:
            return True
        # Nobody can become a client while we hold the lock: whoever comes now reads `stopping`
        # after it, and starts another supervisor when this one has ended.
        if idle_seconds >= self._settings.idle_seconds:
            logger.info("no client for %.0f s", idle_seconds)
            self._must_stop = True
            self._try_to_publish(state=SupervisorState.STOPPING, phase="stopping")
        os.close(descriptor)
        return False

    def _home_is_gone(self) -> bool:
        try:
            return self._home.supervisor_lock.stat().st_ino != os.fstat(self._lock).st_ino
        except OSError:
            return True

    def _watch_postgres(self) -> None:
        if self._postgres.is_running or self._home_is_gone():
            return
        logger.warning("PostgreSQL has ended; starting it again")
        self._postgres.start()

    def _watch_ui(self) -> None:
        if self._stays_up or has_holders(self._home.up_lock):
            self._ui.watch(self._settings)
        elif self._ui.is_running:
            logger.info("stopping the Dagster UI")
            self._ui.request_stop()
            self._try_to_publish()
            self._ui.finish_stop()

    def _launch_gateway(self) -> Launch:
        port = self._ports.choose("gateway")
        url = f"http://{LOOPBACK}:{port}"
        self._settings = dataclasses.replace(self._settings, gateway_url=url)
        with filesystem_errors(self._home.client_file):
            client = {"gateway_url": url, "token": self._settings.token}
            keep_private(self._home.client_file, json.dumps(client) + "\n")
        # Not a client of ours: it must not keep us alive.
        exported = dataclasses.replace(self._settings, is_supervised=False).exported()
        return Launch(
            command=self._plan.gateway(port),
            environment=child_environment({**exported, "PYTHONUNBUFFERED": "1"}),
            is_ready=lambda: answers_ok(port, "/healthz"),
        )

    def _stop(self) -> None:
        if self._status.state is not SupervisorState.FAILED:
            self._try_to_publish(state=SupervisorState.STOPPING, phase="stopping")
        self._ui.request_stop()
        self._ui.finish_stop()
        self._gateway.request_stop()
        self._gateway.finish_stop(grace_seconds=_GATEWAY_STOP_SECONDS)
        try:
            self._postgres.stop()
        except (SweepsError, OSError) as exc:
            logger.warning("%s", exc)
        self._try_to_publish()
        logger.info("ended")

    def _enter(self, phase: str) -> None:
        logger.info("%s", phase)
        self._change(phase=phase)

    def _fail(self, reason: str, *, is_disk_full: bool = False) -> None:
        self._try_to_publish(
            state=SupervisorState.FAILED, phase="failed", reason=reason, is_disk_full=is_disk_full
        )

    def _try_to_publish(self, **changes: object) -> None:
        """As `_change`; a full disk or a removed home must not end what works."""
        try:
            self._change(**changes)
        except SweepsError as exc:
            self._warn(str(exc))

    def _warn(self, text: str) -> None:
        """Once, of what happens again at every look."""
        if text != self._warned:
            logger.warning("%s", text)
        self._warned = text

    def _change(self, **changes: object) -> None:
        if changes.get("state", self._status.state) is not self._status.state:
            changes["changed_at"] = time.time()
        self._status = dataclasses.replace(self._status, **changes)
        self._publish()

    def _publish(self) -> None:
        url = self._settings.gateway_url
        status = dataclasses.replace(
            self._status,
            gateway_url=url,
            webserver_url=self._ui.url if self._ui.is_running else None,
            phase=self._ui.phase
            if self._status.state is SupervisorState.READY
            and self._ui.is_running
            and self._ui.url is None
            else self._status.phase,
            children={
                child.name: child.status
                for child in (self._gateway, *(self._ui.children if self._ui.is_running else ()))
            },
        )
        if status != self._written:
            with filesystem_errors(self._home.status_file):
                status.write(self._home.status_file)
            self._written = status
