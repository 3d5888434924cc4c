"""What there is to say about a home, without starting anything."""

from dataclasses import dataclass
from pathlib import Path

from orchestration.settings import Settings
from orchestration.supervisor.file_lock import has_holders, is_owned
from orchestration.supervisor.status import SupervisorStatus
from storage.embedded.failures import filesystem_errors


@dataclass(frozen=True, slots=True, kw_only=True)
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
