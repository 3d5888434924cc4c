"""How much of this machine the embedded server may use."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

_MB = 2**20
_SHARE_OF_MEMORY = 12  # trials, page cache and the rest of a person's desktop need the others
_SHARE_OF_DISK = 8


def machine_settings(folder: Path) -> Mapping[str, str]:
    """Settings that follow the machine: caches by its memory, the log's size by the free disk.

    The log is what is written before a checkpoint has to empty it. Right after a checkpoint pages
    are logged whole, so under a steady load of metrics a short log costs a second of stall every
    few seconds. With 8 GB, 300,000 points a second run into one every two minutes, not every one. A
    server that was killed then reads at most half of that again.

    Args:
        folder: A folder, which need not exist, on the disk of the cluster.
    """
    memory = psutil.virtual_memory().total
    here = next(path for path in (folder, *folder.parents) if path.exists())
    buffers = min(max(memory // _SHARE_OF_MEMORY, 128 * _MB), 1024 * _MB)
    log = min(max(shutil.disk_usage(here).free // _SHARE_OF_DISK, 256 * _MB), 8192 * _MB)
    return {
        "shared_buffers": f"{buffers // _MB}MB",
        "max_wal_size": f"{log // _MB}MB",
        "min_wal_size": f"{max(log // 8, 64 * _MB) // _MB}MB",
    }
