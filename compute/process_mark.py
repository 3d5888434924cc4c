"""Processes that are recognised later, though numbers are used again and clocks are set."""

from dataclasses import dataclass
from typing import Self

import psutil

from compute.process_start import start_since_boot

# Where only the clock tells when a process began, two readings differ by its tick, and by more
# when it was corrected in between.
_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMark:
    """A process, told apart from every other one that has had its number or will."""

    pid: int
    #: `start_since_boot`, which ends in the name of the boot; where the kernel does not tell that,
    #: and in marks of earlier versions, seconds since 1970
    start: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this number now.

        Raises:
            psutil.NoSuchProcess: There is none.
        """
        return cls(pid=pid, start=start_since_boot(pid) or repr(psutil.Process(pid).create_time()))

    def process(self) -> psutil.Process | None:
        """The process itself; None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            is_ended = process.status() == psutil.STATUS_ZOMBIE or not self._is_of(process)
        except psutil.Error:
            return None
        return None if is_ended else process

    def is_reused(self) -> bool:
        """Whether the number is that of another process by now; of itself there may be a zombie."""
        try:
            return not self._is_of(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return False

    def began_before(self, process: psutil.Process) -> bool:
        """Whether it began before that living process, or at the same moment."""
        ticks, at, boot = self.start.partition("@")
        if not at:
            return float(ticks) - _TOLERANCE_SECONDS <= process.create_time()
        others, _, others_boot = (start_since_boot(process.pid) or "").partition("@")
        return others_boot == boot and int(ticks) <= int(others)

    def _is_of(self, process: psutil.Process) -> bool:
        if "@" in self.start:
            return start_since_boot(process.pid) == self.start
        return abs(process.create_time() - float(self.start)) < _TOLERANCE_SECONDS
