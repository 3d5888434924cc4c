"""The folder that holds everything of one embedded installation, and the names of what is in it.

Everything in it is private to its owner. Files appear whole: a reader never sees half of one.
"""

import contextlib
import platform
import secrets
from dataclasses import dataclass
from pathlib import Path

from orchestration.private_files import write_once
from storage.embedded.failures import filesystem_errors
from sweeps.places import Place

FOLDER_NAME = ".sweepworks"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one home. Nothing exists before `prepare`."""

    folder: Path

    @property
    def supervisor_lock(self) -> Path:
        """Held exclusively by the supervisor as long as it lives."""
        return self.folder / "supervisor.lock"

    @property
    def status_file(self) -> Path:
        """What the supervisor is doing; see `orchestration.supervisor.status`."""
        return self.folder / "supervisor.json"

    @property
    def start_lock(self) -> Path:
        """Held by the one command that is starting a supervisor."""
        return self.folder / "start.lock"

    @property
    def clients_lock(self) -> Path:
        """Held *shared* by every command and every live trial: the supervisor stays for them."""
        return self.folder / "clients.lock"

    @property
    def up_lock(self) -> Path:
        """Held *shared* by every `sweepworks up`: Dagster's UI and daemon run for them."""
        return self.folder / "up.lock"

    @property
    def down_file(self) -> Path:
        """There since a person said `down`, until the next command that starts something."""
        return self.folder / "down"

    @property
    def is_down(self) -> bool:
        """Whether a person has said `down`, and no person has started anything since."""
        return self.down_file.exists()

    def forget_down(self) -> None:
        """For a person who starts something.

        Raises:
            StorageUnavailable: The place cannot be written.
        """
        with filesystem_errors(self.down_file):
            self.down_file.unlink(missing_ok=True)

    @property
    def ports_file(self) -> Path:
        """The ports chosen once."""
        return self.folder / "ports.json"

    @property
    def identity_file(self) -> Path:
        """What tells this home from the same folder on another machine."""
        return self.folder / "id"

    @property
    def client_file(self) -> Path:
        """Where training scripts outside a trial find the gateway and a token."""
        return self.folder / "client.json"

    @property
    def secrets(self) -> Path:
        """Folder of what must not leak."""
        return self.folder / "secrets"

    @property
    def signing_key_file(self) -> Path:
        """32 random bytes in hexadecimal that sign run tokens and uploads."""
        return self.secrets / "signing_key"

    @property
    def token_file(self) -> Path:
        """The API token of this home's own commands."""
        return self.secrets / "token"

    @property
    def databases_file(self) -> Path:
        """The databases' URLs with their password, written when PostgreSQL is ready."""
        return self.secrets / "databases.json"

    @property
    def postgres(self) -> Path:
        """The database cluster, or as root only a file that says where it is."""
        return self.folder / "postgres"

    @property
    def artifacts(self) -> Path:
        """Artifacts, when they are kept in a folder."""
        return self.folder / "artifacts"

    @property
    def runs(self) -> Path:
        """Working folders of trials."""
        return self.folder / "runs"

    @property
    def reruns(self) -> Path:
        """Work trees and environments of runs that are repeated; made by who needs it."""
        return self.folder / "reruns"

    @property
    def gpus(self) -> Path:
        """Leases of local GPUs."""
        return self.folder / "gpus"

    @property
    def spool(self) -> Path:
        """Flushes that no gateway has acknowledged yet."""
        return self.folder / "spool"

    @property
    def dagster(self) -> Path:
        """Dagster's home: a copy of `dagster.yaml` and its logs."""
        return self.folder / "dagster"

    @property
    def logs(self) -> Path:
        """Logs of the supervisor and of everything it runs."""
        return self.folder / "logs"

    @property
    def supervisor_log(self) -> Path:
        """Where to look first when something does not start."""
        return self.logs / "supervisor.log"

    def prepare(self) -> None:
        """Create folders and secrets that are missing; safe in many processes at once.

        Raises:
            DiskFull: No space.
            StorageUnavailable: The place cannot be written.
        """
        with filesystem_errors(self.folder):
            for folder in (
                self.folder,
                self.secrets,
                self.artifacts,
                self.runs,
                self.gpus,
                self.spool,
                self.dagster,
                self.logs,
            ):
                _make_private(folder)
            # The folder sits in somebody's project; secrets must not be committed with it.
            write_once(self.folder / ".gitignore", "*\n")
            write_once(self.signing_key_file, secrets.token_hex(32) + "\n")
            write_once(self.token_file, f"swt_{secrets.token_urlsafe(32)}\n")

    def identity(self) -> str:
        """The home's own name, the same wherever its folder is moved."""
        with filesystem_errors(self.identity_file):
            write_once(self.identity_file, secrets.token_hex(16) + "\n")
            return self.identity_file.read_text(encoding="ascii").strip()

    def place(self) -> Place:
        """Where the processes of this home are."""
        return Place(key=self.identity(), name=f"home {self.folder} on host {platform.node()}")

    def signing_key(self) -> bytes:
        """The key that signs, 32 bytes."""
        with filesystem_errors(self.signing_key_file):
            return bytes.fromhex(self.signing_key_file.read_text(encoding="ascii"))

    def token(self) -> str:
        """The API token of this home."""
        with filesystem_errors(self.token_file):
            return self.token_file.read_text(encoding="ascii").strip()


def _make_private(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
