"""How a script ends that does not say so itself.

What ends it is gone when `atexit` runs: a traceback is kept by the interpreter, the argument of
`sys.exit` is kept here. A bare ``raise SystemExit`` leaves no trace and counts as a good end.
"""

import sys
from typing import NoReturn

_exit = sys.exit
_argument: object = None


def watch() -> None:
    """Remember what `sys.exit` is called with, from now on; again is no more."""
    global _exit
    if sys.exit is not _remembering:
        _exit, sys.exit = sys.exit, _remembering


def failure() -> str | None:
    """Why the script ends; None when it ends well."""
    error = getattr(sys, "last_value", None)
    if error is not None:
        return f"{type(error).__name__}: {error}"
    if _argument is None or _argument == 0:
        return None
    return f"exit code {_argument}" if isinstance(_argument, int) else str(_argument)


def _remembering(status: object = None, /) -> NoReturn:
    global _argument  # noqa: PLW0603 - there is one interpreter to leave
    _argument = status
    _exit(status)  # pyright: ignore[reportArgumentType] - whatever it takes
    raise SystemExit(status)  # in case what was there before us returns
