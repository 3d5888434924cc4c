"""The control group that this process is in: its limits, and what the kernel killed in it.

Both versions of control groups, and none at all, occur in the wild; whatever cannot be read is
"not limited" or "not counted". Standard library only: the shim uses it.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """Reads one process' control group.

    Args:
        proc: Where the kernel tells about this process.
        mount: Where control groups are mounted.
        vmstat: Counters of the whole machine.
    """

    proc: Path = Path("/proc/self/cgroup")
    mount: Path = Path("/sys/fs/cgroup")
    vmstat: Path = Path("/proc/vmstat")

    def oom_kills(self) -> int:
        """Processes the kernel has killed for memory: in this group, else on this machine."""
        for file in ("memory.events", "memory.oom_control"):
            for folder in self._folders("memory")[:1]:
                count = _count(folder / file)
                if count is not None:
                    return count
        return _count(self.vmstat) or 0

    def memory_bytes(self) -> float:
        """The smallest memory limit of this group and those around it."""
        limits = [float("inf")]
        for folder in self._folders("memory"):
            for file in ("memory.max", "memory.limit_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    limits.append(int((folder / file).read_text()))
        return min(limits)

    def cores(self) -> float:
        """The smallest processor quota of this group and those around it."""
        limits = [float("inf")]
        for folder in self._folders("cpu"):
            with contextlib.suppress(OSError, ValueError):
                quota, period = (folder / "cpu.max").read_text().split()
                limits.append(int(quota) / int(period))  # "max" is no number: not limited
            with contextlib.suppress(OSError, ValueError):
                quota = int((folder / "cpu.cfs_quota_us").read_text())
                if quota > 0:
                    limits.append(quota / int((folder / "cpu.cfs_period_us").read_text()))
        return min(limits)

    def _folders(self, controller: str) -> list[Path]:
        """The group's folder and those above it, innermost first."""
        try:
            lines = self.proc.read_text().splitlines()
        except OSError:
            return []
        for line in lines:
            _, controllers, group = line.split(":", 2)
            if controller in controllers.split(","):
                return _upwards(self.mount / controller, group)
        for line in lines:
            if line.startswith("0::"):
                return _upwards(self.mount, line[3:])
        return []


def _upwards(mount: Path, group: str) -> list[Path]:
    folder = mount / group.strip("/")
    return [path for path in (folder, *folder.parents) if path.is_relative_to(mount)]


def _count(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None
