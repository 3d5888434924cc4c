"""Processes below this one. Standard library only: the shim uses it.

On Linux the kernel helps: orphans of a trial become children of its shim, and a trial dies with its
shim. Elsewhere both are done as well as they can be, from the list of all processes.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
# Loaded before any fork: a child between fork and exec should not look for libraries.
_libc = ctypes.CDLL(None)


def adopt_orphans() -> None:
    """Make descendants whose parent ends children of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Have this process killed when `parent` ends, or at once when it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def descendants(pid: int) -> list[int]:
    """Children of `pid` and theirs, as far as parents are alive."""
    children = _children()
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children[queue.pop()]
        found += below
        queue += below
    return found


def send(signum: signal.Signals, *, group: int, spare: int | None = None) -> None:
    """Signal a process group, and every descendant of this process, in whatever group it is.

    Args:
        spare: A process that is left alone.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)
    for pid in descendants(os.getpid()):
        if pid == spare:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signum)


def group_is_alive(group: int) -> bool:
    """Whether the group has a process, be it one that has ended and is not collected."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return sys.platform != "darwin"  # which says so of groups with nothing but zombies
    return True


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _libc.prctl(option, value, 0, 0, 0)


def _children() -> defaultdict[int, list[int]]:
    """Children by parent, of all processes that can be seen."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in _from_proc() if Path("/proc/self/stat").exists() else _from_ps():
        children[parent].append(pid)
    return children


def _from_proc() -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                # The program's name comes in parentheses and may contain any of them.
                pairs.append((int(folder.name), int(stat.rpartition(")")[2].split()[1])))
    return pairs


def _from_ps() -> list[tuple[int, int]]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False
    )
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return [(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2]
