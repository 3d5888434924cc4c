"""What a killed shim leaves behind, and how to end it without hitting anyone else."""

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import Any

import psutil

from compute.attempt_folder import AttemptFolder
from compute.process_mark import ProcessMark

#: In the environment of all that an attempt starts: its folder, which no two attempts share.
MARK = "SWEEPWORKS_ATTEMPT_DIR"
_ROUNDS = 50  # one that forks while it is killed is found in the next round


def kill_leftovers(folders: Collection[AttemptFolder]) -> set[AttemptFolder]:
    """Kill every process of attempts whose shims are gone; those of which there were any."""
    killed: set[AttemptFolder] = set()
    for _ in range(_ROUNDS if folders else 0):
        found = list(_leftovers(folders))
        for process, folder in found:
            killed.add(folder)
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            break
        psutil.wait_procs([process for process, _ in found], timeout=0.2)
    return killed


def kill_shim(folder: AttemptFolder) -> None:
    """Kill a shim that does not answer; its lock must be held, so that its number is still its own."""
    record = folder.shim()
    if record is None or not record["pid"]:
        return
    with contextlib.suppress(psutil.Error):
        psutil.Process(record["pid"]).kill()
        psutil.Process(record["pid"]).wait(timeout=5)


def _leftovers(
    folders: Collection[AttemptFolder],
) -> Iterator[tuple[psutil.Process, AttemptFolder]]:
    marks = {str(folder.path): folder for folder in folders}
    shims = [(folder, shim) for folder in folders if (shim := folder.shim()) is not None]
    groups = [(folder, _mark(shim), shim.get("process_group")) for folder, shim in shims]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            folder = marks.get(process.environ().get(MARK, ""))
            if folder is None:
                of = (f for f, shim, group in groups if _is_of(process, shim, group))
                folder = next(of, None)
            if folder is not None:
                yield process, folder


def _mark(shim: dict[str, Any]) -> ProcessMark:
    """The shim's own record as a mark; shims of an earlier version wrote the time alone."""
    return ProcessMark(pid=shim["pid"], start=str(shim.get("start", shim["started_at"])))


def _is_of(process: psutil.Process, shim: ProcessMark, group: int | None) -> bool:
    """Whether it is in the shim's session and in the group of its command.

    Both numbers stay taken while the group has a member. Once it is empty they may be given to
    others, so neither a process older than the shim counts, nor one in a session whose number
    belongs to another process by now.
    """
    return (
        os.getsid(process.pid) == shim.pid
        and os.getpgid(process.pid) == group
        and shim.began_before(process)
        and not shim.is_reused()
    )
