"""The operating system's user that PostgreSQL runs as: ourselves, or somebody else when we are root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from sweeps.errors import StorageUnavailable

_CANDIDATES = ("postgres", "nobody")


class ProcessIdentity(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that change who the child is."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user without privileges."""

    name: str
    uid: int
    gid: int

    def take(self, path: Path) -> None:
        """Make this user the owner of `path`, which we have just created."""
        os.chown(path, self.uid, self.gid)


def identity(account: Account | None) -> ProcessIdentity:
    """How to start a child as `account`; as ourselves when that is None."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def server_account(data: Path) -> Account | None:
    """Who has to run the server over `data`; None when we can run it ourselves.

    PostgreSQL refuses to run as root. Data that already belong to an ordinary user (root works in
    that user's home) keep their owner, everything else goes to a system user.

    Raises:
        StorageUnavailable: We are root and there is no other user.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(name=_name(owner.st_uid), uid=owner.st_uid, gid=owner.st_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise StorageUnavailable(
        "PostgreSQL does not run as root and there is neither a user 'postgres' nor 'nobody'; "
        "use an ordinary user, or a server of your own with SWEEPWORKS_DATABASE_URL"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without an entry
        return str(uid)
