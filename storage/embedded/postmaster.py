"""What `postmaster.pid` tells about a server that runs, or once ran, on a data folder."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

_LINES = 8  # the eighth is the state; it is the last to appear


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A living server process."""

    pid: int
    socket_folder: Path
    is_ready: bool  #: it accepts connections; otherwise it is starting or stopping


def find_postmaster(data: Path) -> Postmaster | None:
    """The server that runs on `data`; None when there is none, or none yet.

    The number alone proves nothing, since another process may have got it after a crash. A server
    works in its data folder, so the folder is compared instead of a clock.
    """
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not _works_in(pid, data):
        return None
    return Postmaster(
        pid=pid,
        socket_folder=Path(lines[4].strip()) if len(lines) > 4 else data,
        is_ready=len(lines) >= _LINES and lines[_LINES - 1].strip() == "ready",
    )


def remove_stale_lock(data: Path, socket_folder: Path) -> None:
    """Forget a server that is gone; call it only when `find_postmaster` finds none.

    PostgreSQL does so itself unless the dead server's number was given to another process.
    """
    for path in (data / "postmaster.pid", *socket_folder.glob(".s.PGSQL.*")):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def is_alive(pid: int) -> bool:
    """Whether a process of that number exists and has not ended yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _works_in(pid: int, data: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        try:
            return Path(process.cwd()).samefile(data)
        except psutil.AccessDenied:
            # Of another user's process even root may not see it: in a container without
            # CAP_SYS_PTRACE, for instance. Its arguments are open to everybody.
            arguments = process.cmdline()
            return "-D" in arguments and Path(arguments[arguments.index("-D") + 1]).samefile(data)
    except (psutil.Error, OSError, IndexError):
        return False
