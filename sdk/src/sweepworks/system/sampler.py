"""What is measured beside a script, every few seconds, in a thread of its own."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sweepworks.system.linux import LinuxMachine
from sweepworks.system.nvml import open_gpus
from sweepworks.system.portable import PortableMachine

DEFAULT_SECONDS = 15.0
_FIRST_SECONDS = 1.0  # so that a short run has something, too
_MOST_WAITING = 3 * 1_000  # entries that nobody took: the disk does not answer


class Source(Protocol):
    """Something to be read."""

    def read(self) -> dict[str, float]:
        """Names and numbers, now."""
        ...


class Sampler:
    """Reads sources, and leaves what they say for the thread that writes.

    It does not outlive `stop`, nor the process; in a forked child there is no thread of it.

    Args:
        entries: Gets time, number of the sample, and values, one after the other.
        sources: Called first in the thread: to find out what there is may take seconds.
        every_seconds: Between two samples.
        say: Prints one line for a person, once per subject.
    """

    def __init__(
        self,
        entries: deque[Any],
        *,
        sources: Callable[[], list[Source]],
        every_seconds: float,
        say: Callable[[str, str], None],
    ) -> None:
        self._entries = entries
        self._sources = sources
        self._every_seconds = every_seconds
        self._say = say
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sweepworks-system", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sample no more; does not wait for a device that hangs."""
        self._stopped.set()

    def _work(self) -> None:
        try:
            sources = self._sources()
        except Exception as exc:  # noqa: BLE001 - nothing that is measured is worth a run
            self._say("system", f"system metrics are left out: {exc!r}")
            return
        for source in sources:
            self._read(source)  # where rates begin
        number, wait = 0, min(_FIRST_SECONDS, self._every_seconds)
        while not self._stopped.wait(wait):
            values: dict[str, float] = {}
            for source in sources:
                values.update(self._read(source))
            if values and len(self._entries) < _MOST_WAITING and not self._stopped.is_set():
                self._entries.extend((time.time(), number, values))
            number, wait = number + 1, self._every_seconds

    def _read(self, source: Source) -> dict[str, float]:
        try:
            return source.read()
        except Exception as exc:  # noqa: BLE001 - nothing that is measured is worth a run
            kind = type(source).__name__
            self._say(f"system-{kind}", f"some system metrics are left out: {exc!r}")
            return {}


def sources_of(pid: int) -> list[Source]:
    """A process with the machine, and its GPUs where there are any."""
    disk = Path.cwd()
    machine: Source = PortableMachine(disk=disk, is_own=pid == os.getpid())
    if sys.platform == "linux":
        machine = LinuxMachine(pid=pid, disk=disk)
    gpus = open_gpus(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
    return [machine] if gpus is None else [machine, gpus]
