"""Attempts as processes of this machine, each under a shim of its own."""

import contextlib
import errno
import json
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path

import psutil

from compute import shim
from compute.attempt_folder import AttemptFolder
from compute.capacity import Capacity, Machine
from compute.commands import attempt_environment, resolve_command
from compute.gpu_slots import GpuSlots, Lease
from sweeps.errors import DiskFull, LauncherUnavailable
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest

_SHIM = (sys.executable, "-I", "-S", str(Path(shim.__file__)))
_START_SECONDS = 30.0  # for a shim to say that it has begun, on a machine that swaps


class LocalLauncher:
    """A `sweeps.ports.TrialLauncher` and `LogReader`.

    Args:
        root: Folder of all attempts of this home.
        slots: GPUs that may be leased.
        machine: What attempts share.
        environment: What attempts inherit, without the platform's own variables.
        hold_file: Locked, shared, by every live attempt; see the supervisor.
        stop_grace_seconds: From SIGTERM to SIGKILL.
    """

    def __init__(
        self,
        *,
        root: Path,
        slots: GpuSlots,
        machine: Machine,
        environment: Mapping[str, str],
        hold_file: Path | None = None,
        stop_grace_seconds: float = 10.0,
    ) -> None:
        self._root = root
        self._slots = slots
        self._capacity = Capacity(root, machine)
        self._environment = dict(environment)
        self._hold_file = hold_file
        self._grace = stop_grace_seconds
        self._node = platform.node()

    def launch(self, request: LaunchRequest) -> None:
        """Start an attempt, unless it was started before."""
        folder = AttemptFolder.of(self._root, request.attempt_id)
        with _filesystem_errors(), self._capacity.admission():
            folder.prepare()
            if folder.was_started or folder.is_locked():
                return
            self._capacity.admit(request.attempt_id, request.resources)
            lease = Lease()
            try:
                lease = self._slots.lease(request.resources.gpu)
                self._start(folder, request, lease)
            except BaseException:
                if not folder.was_started:
                    self._capacity.forget(request.attempt_id)
                raise
            finally:
                lease.close()

    def _start(self, folder: AttemptFolder, request: LaunchRequest, lease: Lease) -> None:
        message = {
            "folder": str(folder.path),
            "live_marker": str(self._capacity.marker(request.attempt_id)),
            "command": resolve_command(
                request.command, source_dir=request.source_dir, is_file=Path.is_file
            ),
            "environment": {
                **attempt_environment(
                    self._environment,
                    request.environment,
                    source_dir=request.source_dir,
                    interpreter=Path(sys.executable),
                ),
                **self._gpu_variables(lease),
            },
            "timeout_seconds": request.timeout.total_seconds() if request.timeout else None,
            "grace_seconds": self._grace,
            "hold_file": str(self._hold_file) if self._hold_file else None,
        }
        if lease.devices:
            shim.write_json(folder.path / "gpus.json", {"devices": lease.devices})
        answer = subprocess.run(
            _SHIM,
            input=json.dumps(message).encode(),
            capture_output=True,
            pass_fds=lease.descriptors,
            timeout=_START_SECONDS,
            check=False,
        )
        if answer.stdout not in (shim.STARTED, shim.ALREADY):
            reason = answer.stderr.decode("utf-8", "replace").strip().splitlines()
            raise LauncherUnavailable(
                f"{request.attempt_id}: its shim did not start: {reason[-1] if reason else 'no reason'}"
            )

    def _gpu_variables(self, lease: Lease) -> dict[str, str]:
        if not self._slots.devices:
            return {}
        return {"CUDA_VISIBLE_DEVICES": ",".join(lease.devices)}

    def poll(
        self,
        sweep_id: SweepId,  # noqa: ARG002 - names say it; other launchers list by it
        attempt_ids: Iterable[AttemptId],
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Status of those attempts that were started here."""
        statuses: dict[AttemptId, AttemptStatus] = {}
        with _filesystem_errors():
            for attempt_id in attempt_ids:
                status = self._status(attempt_id)
                if status is not None:
                    statuses[attempt_id] = status
        return statuses

    def _status(self, attempt_id: AttemptId) -> AttemptStatus | None:
        folder = AttemptFolder.of(self._root, attempt_id)
        exited = self._exited(folder, attempt_id)
        if exited is not None:
            return exited
        locked = folder.is_locked()
        started_at = folder.started_at()
        if started_at is None:
            # A shim between its lock and its first file; or nothing was ever started.
            return (
                AttemptStatus(attempt_id=attempt_id, phase=AttemptPhase.PENDING) if locked else None
            )
        if not locked:
            # It may have ended between the two looks.
            exited = self._exited(folder, attempt_id)
            if exited is None:
                self._kill_leftovers(attempt_id)
                folder.write_lost()
                self._capacity.forget(attempt_id)
                exited = self._exited(folder, attempt_id)
            return exited
        return AttemptStatus(
            attempt_id=attempt_id,
            phase=AttemptPhase.RUNNING,
            started_at=started_at,
            last_output_at=folder.last_output_at(),
            node=self._node,
            gpus=self._gpus(folder),
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
            gpus=self._gpus(folder),
        )

    def _gpus(self, folder: AttemptFolder) -> tuple[str, ...]:
        leased = shim.read_json(folder.path / "gpus.json") if self._slots.devices else None
        return tuple(leased["devices"]) if leased else ()

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """Ask the attempt's shim to end it."""
        folder = AttemptFolder.of(self._root, attempt_id)
        with _filesystem_errors():
            if folder.path.exists() and folder.read_exit() is None:
                folder.ask_to_stop(reason)

    def reap(self, sweep_id: SweepId) -> int:
        """End every attempt of the sweep that is still alive, and wait for it."""
        live = [
            attempt_id
            for attempt_id in self._capacity.live()
            if attempt_id.startswith(f"{sweep_id}-")
            and AttemptFolder.of(self._root, attempt_id).is_locked()
        ]
        for attempt_id in live:
            self.stop(attempt_id, reason=ExitReason.CANCELLED)
        deadline = time.monotonic() + self._grace + 5.0
        for attempt_id in live:
            folder = AttemptFolder.of(self._root, attempt_id)
            while folder.is_locked() and time.monotonic() < deadline:
                time.sleep(0.05)
            if folder.is_locked():
                self._kill_shim(folder)
            self._kill_leftovers(attempt_id)
        return len(live)

    def read(self, attempt_id: AttemptId, stream: str, *, offset: int = 0) -> bytes:
        """Captured output from `offset` on."""
        if stream not in {"stdout", "stderr"}:
            raise ValueError(f"{stream!r} is neither stdout nor stderr")
        path = AttemptFolder.of(self._root, attempt_id).path / f"{stream}.log"
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(offset)
            return file.read()
        return b""

    def _kill_shim(self, folder: AttemptFolder) -> None:
        record = shim.read_json(folder.path / "shim.json")
        if record is not None:  # its lock is held, so the number is still its own
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(record["pid"]).kill()

    def _kill_leftovers(self, attempt_id: AttemptId) -> None:
        """Kill what a dead shim left behind, found by the attempt's name in its environment."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("SWEEPWORKS_ATTEMPT_ID") == attempt_id:
                    process.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def _filesystem_errors() -> Generator[None, None, None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"no space left for trials: {exc.filename or exc}; free some") from exc
        raise LauncherUnavailable(f"trials cannot be started: {exc}") from exc
    except subprocess.TimeoutExpired as exc:
        raise LauncherUnavailable(
            "a shim did not start in time; the machine is overloaded"
        ) from exc
