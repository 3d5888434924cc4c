"""What Linux tells of this process, those it started, and the machine, in /proc and /sys."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sweepworks.system.rates import Rates

_SECTOR_BYTES = 512  # in /proc/diskstats, whatever the disk has
_NO_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")  # or made of disks that count already
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MOST_PROCESSES = 1_000  # a look at more would take longer than it is worth


class LinuxMachine:
    """Reads a few small files; what the kernel does not tell is left out.

    Args:
        pid: Root of the tree of processes that count as this one.
        disk: A path on the disk of which the use is told.
    """

    def __init__(
        self,
        *,
        pid: int,
        disk: Path,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        rates: Rates | None = None,
    ) -> None:
        self._pid = pid
        self._disk = disk
        self._proc = proc
        self._sys = sys
        self._rates = rates or Rates()

    def read(self) -> dict[str, float]:
        """What there is now, by name. Rates begin with the second call."""
        found: dict[str, float] = {}
        for part in (self._processes, self._load, self._cpu, self._memory, self._disk_use,
                     self._disk_traffic, self._network):  # fmt: skip
            with contextlib.suppress(OSError, ValueError, IndexError, KeyError):
                found |= {name: value for name, value in part() if value is not None}
        return found

    def _processes(self) -> Iterator[tuple[str, float | None]]:
        """Memory that processes share counts in each of them."""
        n_processes, ticks, pages = 0, 0, 0
        for pid in self._tree():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it has just ended
                stat = (self._proc / str(pid) / "stat").read_bytes()
                # The program's name comes in parentheses and may contain any of them.
                fields = stat.rpartition(b")")[2].split()
                # Own ticks, and those of children that ended and were waited for.
                ticks += sum(map(int, fields[11:15]))
                pages += int(fields[21])
                n_processes += 1
        per_second = self._rates.per_second("process", ticks)
        yield "process/count", n_processes
        yield "process/cpu_percent", None if per_second is None else 100 * per_second / _TICKS
        yield "process/memory_bytes", pages * _PAGE_BYTES

    def _tree(self) -> list[int]:
        found, waiting = [self._pid], [self._pid]
        while waiting and len(found) < _MOST_PROCESSES:
            threads = self._proc / str(waiting.pop()) / "task"
            with contextlib.suppress(OSError):
                for thread in threads.iterdir():
                    with contextlib.suppress(OSError):  # some kernels do not tell
                        below = [int(pid) for pid in (thread / "children").read_bytes().split()]
                        found += below
                        waiting += below
        return found

    def _load(self) -> Iterator[tuple[str, float | None]]:
        yield "machine/load_1m", float((self._proc / "loadavg").read_text().split()[0])

    def _cpu(self) -> Iterator[tuple[str, float | None]]:
        first = (self._proc / "stat").read_text().partition("\n")[0]
        ticks = [int(word) for word in first.split()[1:9]]
        busy = self._rates.per_second("busy", sum(ticks) - ticks[3] - ticks[4])  # idle, waiting
        every = self._rates.per_second("ticks", sum(ticks))
        yield "machine/cpu_percent", 100 * busy / every if busy is not None and every else None

    def _memory(self) -> Iterator[tuple[str, float | None]]:
        kib: dict[str, int] = {}
        for line in (self._proc / "meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            kib[name] = int(value.split()[0])
        used = kib["MemTotal"] - kib["MemAvailable"]
        yield "machine/memory_used_bytes", used * 1024
        yield "machine/memory_percent", 100 * used / kib["MemTotal"]

    def _disk_use(self) -> Iterator[tuple[str, float | None]]:
        yield from disk_use(self._disk)

    def _disk_traffic(self) -> Iterator[tuple[str, float | None]]:
        disks = {
            path.name
            for path in (self._sys / "block").iterdir()
            if not path.name.startswith(_NO_DISKS)
        }
        read, written = 0, 0
        for line in (self._proc / "diskstats").read_text().splitlines():
            fields = line.split()
            if fields[2] in disks:
                read += int(fields[5])
                written += int(fields[9])
        yield "disk/read_bytes_per_second", self._bytes_per_second("read", read)
        yield "disk/written_bytes_per_second", self._bytes_per_second("written", written)

    def _bytes_per_second(self, name: str, sectors: int) -> float | None:
        return self._rates.per_second(name, sectors * _SECTOR_BYTES)

    def _network(self) -> Iterator[tuple[str, float | None]]:
        """Of the real devices; where there is none, as in a container, of all but the loopback."""
        folder = self._sys / "class" / "net"
        interfaces = {path.name for path in folder.iterdir()} - {"lo"}
        real = {name for name in interfaces if (folder / name / "device").exists()}
        received, sent = 0, 0
        for line in (self._proc / "net" / "dev").read_text().splitlines()[2:]:
            name, _, numbers = line.partition(":")
            if name.strip() in (real or interfaces):
                fields = numbers.split()
                received += int(fields[0])
                sent += int(fields[8])
        yield "network/received_bytes_per_second", self._rates.per_second("received", received)
        yield "network/sent_bytes_per_second", self._rates.per_second("sent", sent)


def disk_use(path: Path) -> Iterator[tuple[str, float]]:
    """How full the disk is that `path` is on."""
    total, used, _ = shutil.disk_usage(path)
    yield "disk/used_bytes", used
    yield "disk/used_percent", 100 * used / total
