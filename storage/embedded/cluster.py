"""A database cluster on disk: the data, their password and the socket's folder.

It is made whole or not at all.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from storage.embedded.account import Account, identity
from storage.embedded.failures import filesystem_errors, no_space
from storage.embedded.programs import ENVIRONMENT, MAJOR, Programs
from sweeps.errors import StorageUnavailable

SUPERUSER = "sweepworks"

_LOCATION = "location"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_LIMIT = 103  # bytes; macOS allows that many, Linux four more


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data folder and what belongs to it."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        """The superuser's password, readable by us alone."""
        return self.folder / "password"

    def password(self) -> str:
        """The superuser's password.

        Raises:
            StorageUnavailable: It is gone, and with it the way in.
        """
        with filesystem_errors(self.password_file):
            return self.password_file.read_text(encoding="ascii").strip()

    def socket_folder(self, account: Account | None) -> Path:
        """A closed folder for the socket whose path is short enough, created when absent."""
        owner = os.geteuid() if account is None else account.uid
        folder = self.folder / "run"
        with filesystem_errors(folder):
            if len(os.fsencode(folder / _SOCKET_NAME)) > _SOCKET_LIMIT:
                folder = _short_socket_folder(self.folder)
                _closed_folder(folder.parent, mode=0o711, owner=os.geteuid(), account=None)
            _closed_folder(folder, mode=0o700, owner=owner, account=account)
        return folder

    def check(self) -> None:
        """Refuse data that this version cannot serve.

        Raises:
            StorageUnavailable: They are missing, or of another major version.
        """
        try:
            version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError as exc:
            raise StorageUnavailable(
                f"{self.folder} is no database (PG_VERSION is missing in {self.data}); "
                "restore it from a backup, or move it away to begin with an empty one"
            ) from exc
        if version != str(MAJOR):
            raise StorageUnavailable(
                f"{self.data} belongs to PostgreSQL {version}, this is {MAJOR}; "
                "dump it with the older version of sweepworks, or move it away"
            )


def digest(path: Path) -> str:
    """A short name for a folder, the same for every process that asks."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]


def find_cluster(folder: Path) -> Cluster | None:
    """The cluster of a home's `folder`: inside it, or where its `location` file points."""
    location = folder / _LOCATION
    with filesystem_errors(folder):
        if location.exists():
            return Cluster(Path(location.read_text(encoding="utf-8").strip()))
        if folder.exists() and any(folder.iterdir()):
            return Cluster(folder)
    return None


def create_cluster(
    folder: Path, *, account: Account | None, programs: Programs, root_folder: Path
) -> Cluster:
    """A new cluster for a home's `folder`.

    When another user has to run the server, the home stays closed to it: the cluster goes below
    `root_folder` and `folder` only says where. Parents that exist keep their permissions.

    Raises:
        DiskFull: No space; nothing is left behind.
        StorageUnavailable: `initdb` failed; nothing is left behind.
    """
    parent = folder.parent if account is None else root_folder
    final = folder if account is None else root_folder / f"{digest(folder)}-{secrets.token_hex(3)}"
    prefix = f".{digest(folder)}-new-"
    with filesystem_errors(parent):
        for leftover in parent.glob(f"{prefix}*"):  # of a start that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            _initialise(Cluster(staging), account=account, programs=programs)
            staging.rename(final)
            _sync_folder(parent)
            if account is not None:
                _write_location(folder, final)
        except BaseException:
            for path in (staging, final if account is not None else staging):
                shutil.rmtree(path, ignore_errors=True)
            raise
    return Cluster(final)


def remove_cluster(folder: Path) -> None:
    """Delete a home's cluster for good, wherever it is. The server must not run."""
    cluster = find_cluster(folder)
    if cluster is not None:
        for path in (cluster.folder, _short_socket_folder(cluster.folder)):
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _initialise(cluster: Cluster, *, account: Account | None, programs: Programs) -> None:
    if account is not None:
        cluster.folder.chmod(0o711)  # the account passes through and cannot look around
    cluster.data.mkdir(mode=0o700)
    descriptor = os.open(cluster.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    if account is not None:
        account.take(cluster.data)
        account.take(cluster.password_file)  # for initdb; taken back below
    finished = subprocess.run(
        [
            programs.initdb,
            f"--pgdata={cluster.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={cluster.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",  # the builtin provider sorts the same on every machine
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ],
        env=ENVIRONMENT,
        cwd=cluster.data,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        start_new_session=True,
        **identity(account),
    )
    if account is not None:
        os.chown(cluster.password_file, os.geteuid(), os.getegid())
    if finished.returncode != 0:
        raise _initdb_failed(cluster, finished.stdout, account)


def _initdb_failed(cluster: Cluster, output: str, account: Account | None) -> Exception:
    if "No space left" in output or "Disk quota" in output:
        return no_space(cluster.folder.parent)
    lines = [line.strip() for line in output.splitlines() if "error:" in line or "FATAL" in line]
    who = "" if account is None else f" as user {account.name!r}"
    return StorageUnavailable(
        f"PostgreSQL could not create a database in {cluster.folder.parent}{who}: "
        f"{lines[0] if lines else output.strip()[-300:] or 'initdb was killed'}"
    )


def _write_location(folder: Path, final: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{_LOCATION}"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(f"{final}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / _LOCATION)


def _closed_folder(folder: Path, *, mode: int, owner: int, account: Account | None) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=mode)
        folder.chmod(mode)  # whatever the umask
        if account is not None:
            account.take(folder)
    found = folder.lstat()  # a link planted in the shared temporary folder is not followed
    if (found.st_mode & 0o170000) != 0o040000 or found.st_uid != owner or found.st_mode & 0o022:
        raise StorageUnavailable(
            f"{folder} is not a folder of ours that others cannot write; remove it and try again"
        )


def _short_socket_folder(folder: Path) -> Path:
    return Path(tempfile.gettempdir()) / f"sweepworks-{os.geteuid()}" / digest(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
