"""Processes that outlive whoever starts them, and leave no zombie behind."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sweeps.errors import LauncherUnavailable


def spawn_detached(command: list[str], log: Path, *, environment: Mapping[str, str]) -> int:
    """Start `command` as nobody's child, so that no zombie keeps its number; return its pid.

    Raises:
        LauncherUnavailable: No process can be started, or no log written.
    """
    try:
        return _spawn(command, log, environment)
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        raise LauncherUnavailable(f"the controller's process cannot be started: {exc}") from exc


def _spawn(command: list[str], log: Path, environment: Mapping[str, str]) -> int:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.open("ab") as output:
        intermediate = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _DETACH, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            pass_fds=(output.fileno(),),
            env={**environment, "SWEEPWORKS_LOG_FD": str(output.fileno())},
            start_new_session=True,
            check=True,
        )
    return int(intermediate.stdout)


# Signals go back to their defaults: Dagster copies an ignored SIGINT onto SIGTERM, and a process
# started from a shell with `&` inherits an ignored one.
_DETACH = """
import os, signal, sys
log = int(os.environ.pop("SWEEPWORKS_LOG_FD"))
pid = os.fork()
if pid:
    print(pid)
    sys.stdout.flush()
    os._exit(0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.dup2(log, 1)
os.dup2(log, 2)
os.execv(sys.argv[1], sys.argv[1:])
"""
assert os.name == "posix", "the process launcher needs fork; use deploy/dagster.yaml elsewhere"
