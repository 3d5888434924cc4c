"""What the standard library tells of this process and the machine where there is no /proc."""

import os
import resource
import sys
from pathlib import Path

from sweepworks.system.linux import disk_use
from sweepworks.system.rates import Rates


class PortableMachine:
    """This process and its children that have ended, the load, and a disk.

    Args:
        disk: A path on the disk of which the use is told.
        is_own: Whether this process is the one to be measured; there is no way to look at another.
    """

    def __init__(self, *, disk: Path, is_own: bool = True, rates: Rates | None = None) -> None:
        self._disk = disk
        self._is_own = is_own
        self._rates = rates or Rates()

    def read(self) -> dict[str, float]:
        """What there is now, by name. Rates begin with the second call."""
        found = dict(disk_use(self._disk))
        found["machine/load_1m"] = os.getloadavg()[0]
        if not self._is_own:
            return found
        own = resource.getrusage(resource.RUSAGE_SELF)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
        # macOS counts in bytes, others in KiB.
        scale = 1 if sys.platform == "darwin" else 1024
        found["process/peak_memory_bytes"] = own.ru_maxrss * scale
        busy = self._rates.per_second("process", seconds)
        if busy is not None:
            found["process/cpu_percent"] = 100 * busy
        return found
