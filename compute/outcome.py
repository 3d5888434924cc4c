"""How an attempt has ended, from what its processes leave behind. Standard library only."""

import errno
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

#: Signals by which people and machines end a process; any other is a crash of its own.
_FOREIGN = {
    signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
    signal.SIGUSR2,
}  # fmt: skip
#: How a shell tells that what it ran was ended so; of the others it may be a script's own code.
_FOREIGN_CODES = {128 + signal.SIGKILL, 128 + signal.SIGTERM}
#: What keeps a process from starting now, and not for ever.
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}


class Outcome(TypedDict):
    """The part of ``exit.json`` that says why."""

    reason: str
    code: int | None
    signal: int | None
    message: str


def outcome(
    reason: str, code: int | None = None, signum: int | None = None, message: str = ""
) -> Outcome:
    """With a message that a database takes."""
    # No database takes NUL in a text.
    message = message.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return {"reason": reason, "code": code, "signal": signum, "message": message}


def of_a_start(exc: Exception, *, program: str) -> Outcome:
    """When the command could not be started at all."""
    is_passing = isinstance(exc, OSError) and exc.errno in _PASSING
    return outcome(
        "killed" if is_passing else "launch_failed", message=_sentence(exc, program=program)
    )


def of_an_end(
    code: int, *, why: str | None, message: str, was_for_memory: Callable[[], bool]
) -> Outcome:
    """When the main process has ended.

    Args:
        code: As `Popen` gives it: that of a signal is negative.
        why: Reason for which it was asked to end, if it was.
        was_for_memory: Whether the kernel has lately killed a process for memory.
    """
    exit_code, signum = (code, None) if code >= 0 else (None, -code)
    if why is not None:
        return outcome(why, exit_code, signum, message)
    if code == 0:
        return outcome("completed", 0)
    # A shell tells by its exit code that what it ran was killed.
    is_kill = signum == signal.SIGKILL or exit_code == 128 + signal.SIGKILL
    if is_kill and was_for_memory():
        return outcome("out_of_memory", exit_code, signum, message)
    is_foreign = signum in _FOREIGN or exit_code in _FOREIGN_CODES
    return outcome("killed" if is_foreign else "script_failed", exit_code, signum, message)


def _sentence(exc: Exception, *, program: str) -> str:
    """Why a program did not start, for the person who wrote its command line."""
    match exc:
        case FileNotFoundError() if "/" in program and Path(program).exists():
            return f"{program}: the interpreter that its first line names is not there"
        case FileNotFoundError():
            return f"{program}: command not found"
        case PermissionError():
            return f"{program} is not executable; `chmod +x` it, or name its interpreter first"
        case OSError(errno=errno.ENOEXEC):
            return f"{program} is not a program; begin it with `#!`, or name its interpreter first"
        case OSError():
            return f"{program}: {exc.strerror}"
        case _:
            return f"{program}: {exc}"
