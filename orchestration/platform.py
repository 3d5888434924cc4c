"""The platform as one process sees it: services found or started, adapters on top of them.

Everything is made when it is first used: a command that only reads never imports Dagster.
"""

import contextlib
import datetime as dt
import functools
import secrets
import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from governance.page_access import PageGrant, signed_link
from orchestration.dagster_outages import dagster_outages
from orchestration.home_status import status
from orchestration.named_databases import prove_named
from orchestration.services import connect
from orchestration.settings import (
    InvalidSetting,
    Settings,
    export,
)
from orchestration.supervisor.finding import ServicesDown
from orchestration.supervisor.ports import LOOPBACK, PortBook
from orchestration.trial_adapters import TrialAdapters
from sweeps.ids import TenantId

if TYPE_CHECKING:
    import dagster as dg

_LINK_LIFETIME = dt.timedelta(seconds=60)
STOPPED = 75  #: exit code of a controller whose services were taken away: EX_TEMPFAIL


class Platform(TrialAdapters):
    """Adapters of this process; one connection pool, one launcher."""

    @property
    def dagster_database_url(self) -> str:
        """Dagster's own database."""
        url = self.services.dagster_database_url
        if url is None:
            raise InvalidSetting(
                "SWEEPWORKS_DAGSTER_DATABASE_URL",
                "",
                hint="with SWEEPWORKS_DATABASE_URL set, write the URL of Dagster's own database",
            )
        return url

    def page_link(self, path: str, tenant_id: TenantId) -> str:
        """Address of a page of the gateway that opens once, within a minute.

        Raises:
            InvalidSetting: Nobody has said where the gateway is.
        """
        url = self.settings.public_url or self.settings.gateway_url
        if url is None:
            raise InvalidSetting(
                "SWEEPWORKS_GATEWAY_URL", "", hint="set it to the gateway's address"
            )
        grant = PageGrant(
            tenant_id=tenant_id,
            path=path,
            nonce=secrets.token_urlsafe(16),
            expires_at=dt.datetime.now(dt.UTC) + _LINK_LIFETIME,
        )
        return url.rstrip("/") + signed_link(grant, key=self.settings.signing_key())

    @functools.cached_property
    def dagster_instance(self) -> "dg.DagsterInstance":
        """The instance that the UI shows."""
        import dagster as dg

        self.prove_dagster_database()
        export(self.services.variables())  # Dagster reads DAGSTER_HOME
        with dagster_outages():
            return self._stack.enter_context(dg.DagsterInstance.get())

    def prove_dagster_database(self) -> None:
        """Connect once: Dagster itself tries for seconds, warns of every try, ends in a traceback.

        Raises:
            StorageUnavailable: Its database does not answer.
        """
        url = self.services.dagster_database_url
        if not self.settings.is_supervised and url is not None:
            prove_named("SWEEPWORKS_DAGSTER_DATABASE_URL", url.replace("+psycopg2", "", 1))

    @property
    def has_daemon(self) -> bool:
        """Whether a Dagster daemon is up, now; beside servers of one's own there has to be one."""
        if not self.settings.is_supervised:
            return True
        supervisor = status(self.settings).supervisor
        return supervisor is not None and supervisor.webserver_url is not None

    @property
    def has_worker_processes(self) -> bool:
        """Whether Dagster runs are processes of this machine; elsewhere the daemon launches them."""
        launcher = self.dagster_instance.get_ref().run_launcher_data
        return launcher is not None and launcher.class_name == "ProcessRunLauncher"

    @property
    def webserver_url(self) -> str | None:
        """Dagster's UI while it is up."""
        return self.services.webserver_url

    @property
    def ui_url(self) -> str:
        """Where Dagster's UI is, or will be once it is up."""
        return self.webserver_url or f"http://{LOOPBACK}:{self.port('webserver', default=3000)}"

    def port(self, service: str, *, default: int) -> int:
        """Port of ``webserver`` or ``code_server``, also while they are down: they keep it."""
        return PortBook(self.settings.home.ports_file).known(service) or default


@contextlib.contextmanager
def open_platform(
    *, progress: Callable[[str], None] | None = None, up: bool = False, by_person: bool = True
) -> Generator[Platform, None, None]:
    """The platform for the length of a command.

    Args:
        by_person: See `services.connect`.

    Raises:
        SweepsError: The services do not start; one sentence says why and what to do.
    """
    with contextlib.ExitStack() as stack:
        found = connect(Settings.from_environment(), progress, up=up, by_person=by_person)
        stack.callback(found.close)
        yield Platform(found, stack)


@functools.cache
def platform() -> Platform:
    """The platform for the life of this process: for Dagster, which asks from many places.

    A controller that finds its services stopped by a person ends here.
    """
    settings = Settings.from_environment()
    try:
        found = connect(settings, by_person=not settings.is_controller)
    except ServicesDown as exc:
        if not settings.is_controller:
            raise
        sys.stderr.write(f"{exc}; trials go on\n")
        raise SystemExit(STOPPED) from exc
    return Platform(found, contextlib.ExitStack())
