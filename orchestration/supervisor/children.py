"""How the services are started: every command line the supervisor uses, and Dagster's two files."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assets.links import LOCATION_NAME
from orchestration.home import Home
from orchestration.private_files import keep_private
from orchestration.supervisor.ports import LOOPBACK
from storage.embedded.failures import filesystem_errors
from sweeps.errors import PermanentError

#: The folder that holds our packages. Children work there, so that `-m` finds the same code as we
#: run, and nothing in the folder where a user typed a command shadows a module.
PACKAGES = Path(__file__).resolve().parents[2]


def gateway_command(port: int) -> list[str]:
    """Ingest, control and queries; ends when its input does."""
    return [sys.executable, "-m", "gateway.serve", "--port", str(port)]


def code_server_command(port: int) -> list[str]:
    """Dagster's code server, shared by webserver and daemon.

    Without `--heartbeat`: only a parent that Dagster itself started would send one.
    """
    return [
        *(sys.executable, "-m", "dagster", "api", "grpc"),
        *("--module-name", "orchestration.definitions"),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--location-name", LOCATION_NAME),
        # Dagster runs start as `<this python> -m dagster`, not as whatever `dagster` is on PATH.
        "--use-python-environment-entry-point",
    ]


def webserver_command(port: int, workspace: Path) -> list[str]:
    """Dagster's UI."""
    return [
        *(sys.executable, "-m", "dagster_webserver"),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--workspace", str(workspace)),
    ]


def daemon_command(workspace: Path) -> list[str]:
    """Dagster's daemon: sensors, schedules, the queue."""
    return [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)]


def migrate(database_url: str) -> None:
    """Bring our database to this version's schema."""
    from storage.migrations_runner import upgrade

    upgrade(database_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What the supervisor runs; tests put small programs in place of the real ones."""

    migrate: Callable[[str], None] = migrate
    gateway: Callable[[int], Sequence[str]] = gateway_command
    code_server: Callable[[int], Sequence[str]] = code_server_command
    webserver: Callable[[int, Path], Sequence[str]] = webserver_command
    daemon: Callable[[Path], Sequence[str]] = daemon_command
    dagster_yaml: Path | None = None  #: instead of the one we ship
    postgres_settings: Mapping[str, str] = field(default_factory=dict[str, str])  #: beside ours


def write_dagster_home(home: Home, *, dagster_yaml: Path | None = None) -> None:
    """Copy our `dagster.yaml` into the folder that `DAGSTER_HOME` names.

    Raises:
        PermanentError: This installation lacks the file.
    """
    # In a checkout a link to the file at the root, in an installed package a file.
    source = dagster_yaml or PACKAGES / "orchestration" / "dagster.yaml"
    if not source.is_file():
        raise PermanentError(f"{source} is missing; install sweepworks-platform again")
    text, copy = source.read_text(encoding="utf-8"), home.dagster / "dagster.yaml"
    with filesystem_errors(copy):
        keep_private(copy, text)


def write_workspace(home: Home, *, code_server_port: int) -> Path:
    """The file that tells webserver and daemon where the code server listens."""
    path = home.dagster / "workspace.yaml"
    with filesystem_errors(path):
        keep_private(
            path,
            "load_from:\n"
            "  - grpc_server:\n"
            f"      host: {LOOPBACK}\n"
            f"      port: {code_server_port}\n"
            f"      location_name: {LOCATION_NAME}\n",
        )
    return path
