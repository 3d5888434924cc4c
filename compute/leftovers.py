"""What a killed shim leaves behind, and how to end it without hitting anyone else."""

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import Any

import psutil

from compute.attempt_folder import AttemptFolder

#: In the environment of all that an attempt starts: its folder, which no two attempts share.
MARK = "SWEEPWORKS_ATTEMPT_DIR"
_CLOCK_SECONDS = 2.0  # start times come in coarse ticks, and clocks are corrected
_ROUNDS = 50  # one that forks while it is killed is found in the next round


def kill_leftovers(folders: Collection[AttemptFolder]) -> None:
    """Kill every process of attempts whose shims are gone."""
    for _ in range(_ROUNDS if folders else 0):
        found = list(_leftovers(folders))
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            return
        psutil.wait_procs(found, timeout=0.2)


def _leftovers(folders: Collection[AttemptFolder]) -> Iterator[psutil.Process]:
    marks = {str(folder.path) for folder in folders}
    records = [record for folder in folders if (record := folder.shim()) is not None]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) in marks or any(
                _is_of(process, record) for record in records
            ):
                yield process


def _is_of(process: psutil.Process, shim: dict[str, Any]) -> bool:
    """Whether it is in the shim's session and in the group of its command.

    Both numbers stay taken while the group has a member. Once it is empty they may be given to
    others, so neither a process older than the shim counts, nor one in a session whose number
    belongs to another process by now.
    """
    return (
        os.getsid(process.pid) == shim["pid"]
        and os.getpgid(process.pid) == shim.get("process_group")
        and process.create_time() >= shim["started_at"] - _CLOCK_SECONDS
        and not _is_recycled(shim)
    )


def _is_recycled(shim: dict[str, Any]) -> bool:
    """Whether the shim's number is another process' now; of itself there may be a zombie."""
    try:
        started_at = psutil.Process(shim["pid"]).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started_at - shim["started_at"]) > _CLOCK_SECONDS
