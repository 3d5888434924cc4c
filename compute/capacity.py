"""CPU and memory of this machine, shared by every attempt on it.

Each live attempt has a marker with what it asked for. A marker is written under the attempt's lock,
which its shim inherits; that of a dead attempt is recognised by the free lock, so a crash leaks
nothing.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import psutil

from compute.attempt_folder import AttemptFolder
from compute.control_group import ControlGroup
from compute.records import read_json, write_json
from sweeps.errors import LauncherUnavailable, LaunchRejected, NoCapacity
from sweeps.ids import AttemptId
from sweeps.specs import Resources

_ADMISSION_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is."""

    cores: float
    memory_bytes: int

    @classmethod
    def this(cls) -> "Machine":
        """This machine, as far as this process may use it."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        container = ControlGroup()
        return cls(
            cores=min(float(cores or 1), container.cores()),
            memory_bytes=int(min(psutil.virtual_memory().total, container.memory_bytes())),
        )


class Capacity:
    """Admission of attempts to this machine.

    What is asked for is counted, not enforced: an attempt that uses more is not stopped by us.
    """

    def __init__(self, root: Path, machine: Machine) -> None:
        self._root = root
        self._folder = root / ".live"
        self._machine = machine

    @contextlib.contextmanager
    def admission(self) -> Generator[None, None, None]:
        """One launcher at a time, whichever process it is in. `LauncherUnavailable`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def marker(self, attempt_id: AttemptId) -> Path:
        """The attempt's marker; its shim removes it at the end."""
        return self._folder / f"{attempt_id}.json"

    def check(self, resources: Resources) -> None:
        """Refuse what can never be. `LaunchRejected`."""
        cores, memory = resources.cpu, resources.memory_bytes
        if cores > self._machine.cores:
            raise LaunchRejected(
                f"resources.cpu is {cores:g}, this machine has {self._machine.cores:g} cores"
            )
        if memory > self._machine.memory_bytes:
            raise LaunchRejected(
                f"resources.memory is {memory} bytes, this machine has {self._machine.memory_bytes}"
            )

    def admit(self, attempt_id: AttemptId, resources: Resources) -> None:
        """Count the attempt in; call within `admission`, with the attempt's lock held.

        Raises:
            LaunchRejected: It asks for more than the machine has.
            NoCapacity: Others use what it asks for.
        """
        self.check(resources)
        cores, memory = resources.cpu, resources.memory_bytes
        used_cores, used_memory = self._used_by_others(attempt_id)
        if used_cores + cores > self._machine.cores + 1e-9:
            raise NoCapacity(
                f"{cores:g} cores asked for, {used_cores:g} of {self._machine.cores:g} in use"
            )
        if used_memory + memory > self._machine.memory_bytes:
            raise NoCapacity(f"{memory} bytes asked for, {used_memory} in use")
        write_json(self.marker(attempt_id), {"cpu": cores, "memory": memory})

    def _used_by_others(self, attempt_id: AttemptId) -> tuple[float, int]:
        cores, memory = 0.0, 0
        for marker in self._folder.glob("[!.]*.json"):
            if marker.stem == attempt_id:
                continue  # of an earlier launch that was cut off
            folder = AttemptFolder.of(self._root, AttemptId(marker.stem))
            if folder is None or not folder.is_locked():
                marker.unlink(missing_ok=True)
            elif (asked := read_json(marker)) is not None:
                cores += asked["cpu"]
                memory += asked["memory"]
        return cores, memory


def _lock(descriptor: int) -> None:
    """Take an exclusive lock; whoever has it needs milliseconds, unless it was suspended."""
    deadline = time.monotonic() + _ADMISSION_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LauncherUnavailable(
                    "another process is launching trials and does not get on with it"
                ) from None
            time.sleep(0.005)
        else:
            return
