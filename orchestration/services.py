"""The services a command works with: given by URL, or the home's own, found or started.

Importing this module is cheap: `sweepworks --help` goes through it.
"""

import dataclasses
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestration.home import Home
from orchestration.settings import Settings, child_environment
from orchestration.supervisor.children import write_dagster_home
from orchestration.supervisor.file_lock import hold_shared
from orchestration.supervisor.finding import SUPERVISOR, Progress, ServicesDown, wait_until_ready
from storage.embedded.failures import filesystem_errors


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
    supervisor_command: Sequence[str] = SUPERVISOR,
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
        status = wait_until_ready(
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


def _with_dagster_home(settings: Settings) -> Settings:
    """Dagster's configuration of the embedded mode, unless `DAGSTER_HOME` names another."""
    settings.home.prepare()
    if settings.dagster_home is not None:
        return settings
    write_dagster_home(settings.home)
    return dataclasses.replace(settings, dagster_home=settings.home.dagster)
