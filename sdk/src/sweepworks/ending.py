"""How a script ends that does not say so itself.

What ends it is gone when `atexit` runs: a traceback is kept by the interpreter, the argument of
`sys.exit` is kept here. A bare ``raise SystemExit`` leaves no trace and counts as a good end.
"""

import sys
import threading
from typing import NoReturn

_exit = sys.exit
_argument: object = None


class _Leaving(SystemExit):
    """What `sys.exit` raises: it knows whether anybody has caught it.

    Whoever catches an exception drops it while his own code runs. The interpreter drops one that
    nobody has caught when no code runs any more.
    """

    def __del__(self) -> None:
        global _argument  # noqa: PLW0603 - there is one interpreter to leave
        if sys._getframe().f_back is None:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no other way
            _argument = self.code


_Leaving.__name__ = _Leaving.__qualname__ = "SystemExit"  # as it is printed


def watch() -> None:
    """Remember what `sys.exit` is called with, from now on; again is no more."""
    global _exit
    if sys.exit is not _remembering:
        _exit, sys.exit = sys.exit, _remembering


def failure() -> str | None:
    """Why the script ends; None when it ends well."""
    # Where a person types, an error ends a line or a cell, not the script, and is kept all the same.
    is_typed = hasattr(sys, "ps1") or "ipykernel" in sys.modules
    error = None if is_typed else getattr(sys, "last_value", None)
    if error is not None:
        return f"{type(error).__name__}: {error}"
    return exit_failure(_argument)


def exit_failure(argument: object) -> str | None:
    """What `sys.exit` with that argument says; None when it says that all is well."""
    if argument is None or argument == 0:
        return None
    return f"exit code {argument}" if isinstance(argument, int) else str(argument)


def _remembering(status: object = None, /) -> NoReturn:
    try:
        _exit(status)  # pyright: ignore[reportArgumentType] - whatever it takes
    except SystemExit as exc:
        if threading.current_thread() is not threading.main_thread():
            raise  # ends the thread, not the script
        leaving = _Leaving(*exc.args)
    raise leaving
