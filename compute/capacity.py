"""CPU and memory of this machine, shared by every attempt on it.

Each live attempt has a marker with what it asked for. Markers of dead attempts are recognised by
their free lock, so a crash leaks nothing.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import psutil

from compute.attempt_folder import AttemptFolder
from compute.shim import read_json, write_json
from sweeps.errors import LaunchRejected, NoCapacity
from sweeps.ids import AttemptId
from sweeps.specs import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is."""

    cores: float
    memory_bytes: int

    @classmethod
    def this(cls) -> "Machine":
        """This machine; the cores that this process may use."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return cls(cores=float(cores or 1), memory_bytes=psutil.virtual_memory().total)


class Capacity:
    """Admission of attempts to this machine."""

    def __init__(self, root: Path, machine: Machine) -> None:
        self._root = root
        self._folder = root / ".live"
        self._machine = machine

    @contextlib.contextmanager
    def admission(self) -> Generator[None, None, None]:
        """One launcher at a time, whichever process it is in."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def marker(self, attempt_id: AttemptId) -> Path:
        """The attempt's marker; its shim removes it at the end."""
        return self._folder / f"{attempt_id}.json"

    def admit(self, attempt_id: AttemptId, resources: Resources) -> None:
        """Count the attempt in; call within `admission`.

        Raises:
            LaunchRejected: It asks for more than the machine has.
            NoCapacity: Others use what it asks for.
        """
        cores, memory = resources.cpu, resources.memory_bytes
        if cores > self._machine.cores:
            raise LaunchRejected(
                f"resources.cpu is {cores:g}, this machine has {self._machine.cores:g} cores"
            )
        if memory > self._machine.memory_bytes:
            raise LaunchRejected(
                f"resources.memory is {memory} bytes, this machine has {self._machine.memory_bytes}"
            )
        used_cores, used_memory = self._used()
        if used_cores + cores > self._machine.cores + 1e-9:
            raise NoCapacity(
                f"{cores:g} cores asked for, {used_cores:g} of {self._machine.cores:g} in use"
            )
        if used_memory + memory > self._machine.memory_bytes:
            raise NoCapacity(f"{memory} bytes asked for, {used_memory} in use")
        write_json(self.marker(attempt_id), {"cpu": cores, "memory": memory})

    def forget(self, attempt_id: AttemptId) -> None:
        """Take the attempt out again, when it was not started after all."""
        self.marker(attempt_id).unlink(missing_ok=True)

    def live(self) -> list[AttemptId]:
        """Attempts that have a marker; some may have ended a moment ago."""
        if not self._folder.exists():
            return []
        return [AttemptId(path.stem) for path in self._folder.glob("[!.]*.json")]

    def _used(self) -> tuple[float, int]:
        cores, memory = 0.0, 0
        for attempt_id in self.live():
            if not AttemptFolder.of(self._root, attempt_id).is_locked():
                self.forget(attempt_id)
            elif (asked := read_json(self.marker(attempt_id))) is not None:
                cores += asked["cpu"]
                memory += asked["memory"]
        return cores, memory
