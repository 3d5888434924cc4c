"""What the disk and the kernel say about attempts on this machine."""

import datetime as dt
import platform
from collections.abc import Callable, Iterable
from typing import TypedDict

from compute.attempt_folder import AttemptFolder, instant
from compute.leftovers import kill_leftovers
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase, AttemptStatus


class _Gpus(TypedDict):
    gpus: tuple[str, ...]
    gpu_count: int
    gpu_model: str


class AttemptStatuses:
    """Looks at folders of attempts.

    Args:
        has_gpus: Whether there are devices that an attempt may have.
        clock: The time, for the end of what outlived its shim until now.
    """

    def __init__(self, *, has_gpus: bool, clock: Callable[[], dt.datetime]) -> None:
        self._has_gpus = has_gpus
        self._now = clock
        self._node = platform.node()

    def of(self, folder: AttemptFolder, attempt_id: AttemptId) -> AttemptStatus | None:
        """Its status now; None when nothing was ever started. Buries it when its shim is gone."""
        exited = self._exited(folder, attempt_id)
        if exited is not None:
            return exited
        # First the lock: a shim writes its record before it lets go.
        is_locked = folder.is_locked()
        shim = folder.shim()
        if shim is None:
            # A launcher or shim before its first file; or nothing was ever started.
            pending = AttemptStatus(attempt_id=attempt_id, phase=AttemptPhase.PENDING)
            return pending if is_locked else None
        if not is_locked:
            self.bury([folder])
            return self._exited(folder, attempt_id)
        return AttemptStatus(
            attempt_id=attempt_id,
            phase=AttemptPhase.RUNNING,
            started_at=instant(shim["started_at"]),
            last_output_at=folder.last_output_at(),
            node=self._node,
            **self._gpus(folder),
        )

    def _exited(self, folder: AttemptFolder, attempt_id: AttemptId) -> AttemptStatus | None:
        record = folder.read_exit()
        if record is None:
            return None
        ended, started_at, ended_at = record
        return AttemptStatus(
            attempt_id=attempt_id,
            phase=AttemptPhase.EXITED,
            started_at=started_at,
            ended_at=ended_at,
            exit=ended,
            node=self._node,
            **self._gpus(folder),
        )

    def _gpus(self, folder: AttemptFolder) -> _Gpus:
        gpus = folder.gpus() if self._has_gpus else ()
        model = folder.gpu_model() if gpus else ""
        return {"gpus": gpus, "gpu_count": len(gpus), "gpu_model": model}

    def bury(self, folders: Iterable[AttemptFolder]) -> None:
        """Write the record of attempts whose shims were killed, once nothing is left of them.

        One of which nothing was left has ended when it gave its last sign of life, however long it
        takes until somebody looks.
        """
        lost = [f for f in folders if f.shim() is not None and f.read_exit() is None]
        killed = kill_leftovers(lost)
        for folder in lost:
            now = self._now()
            sign = None if folder in killed else folder.last_sign_at()
            folder.write_lost(at=now if sign is None else min(sign, now))
