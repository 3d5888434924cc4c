"""GPUs of this machine as slots: a lock file a device, held by the attempt that uses it.

The lock is taken by the launcher and inherited by the shim, so a lease ends with its attempt
whatever happens, and works across sweeps and processes.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import LaunchRejected, NoCapacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Devices taken, and the descriptors that hold them."""

    devices: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()

    def close(self) -> None:
        """Give up this process' hold; a shim that inherited it keeps its own."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class GpuSlots:
    """Devices that attempts may lease."""

    def __init__(self, folder: Path, devices: Sequence[str]) -> None:
        self._folder = folder
        self.devices = tuple(devices)

    def lease(self, count: int, *, among: Sequence[str] | None = None) -> Lease:
        """Take `count` devices; of `among`, if it is given.

        Raises:
            LaunchRejected: There are not so many at all.
            NoCapacity: They are taken.
        """
        self.check(count, among=among)
        if count == 0:
            return Lease()
        devices = self.devices if among is None else tuple(among)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken: dict[str, int] = {}
        with contextlib.ExitStack() as undo:
            for device in devices:
                descriptor = self._try(device)
                if descriptor is not None:
                    undo.callback(os.close, descriptor)
                    taken[device] = descriptor
                if len(taken) == count:
                    undo.pop_all()
                    return Lease(devices=tuple(taken), descriptors=tuple(taken.values()))
        raise NoCapacity(f"{count} GPUs asked for, {len(taken)} of {len(devices)} are free")

    def check(self, count: int, *, among: Sequence[str] | None = None) -> None:
        """Refuse what can never be. `LaunchRejected`."""
        there = len(self.devices if among is None else among)
        if count > there:
            of_type = "" if among is None else " of that type"
            raise LaunchRejected(f"resources.gpu is {count}, this machine has {there}{of_type}")

    def _try(self, device: str) -> int | None:
        # Names of slices may have a slash in them.
        path = self._folder / f"{urllib.parse.quote(device, safe='')}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


@functools.cache
def local_devices() -> tuple[str, ...]:
    """Indices of the GPUs that `nvidia-smi` lists; none where there is no such program."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        listed = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=20, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return ()
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return tuple(str(index) for index in range(count))
