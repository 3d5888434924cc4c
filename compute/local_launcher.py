"""Attempts as processes of this machine, each under a shim of its own."""

import contextlib
import datetime as dt
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sweepworks import environment as env

from compute.attempt_folder import AttemptFolder
from compute.attempt_statuses import AttemptStatuses
from compute.capacity import Capacity, Machine
from compute.commands import (
    attempt_environment,
    missing_script,
    resolve_command,
    without_secrets,
)
from compute.errors import filesystem_errors
from compute.gpu_models import model_of
from compute.gpu_slots import GpuSlots, Lease
from compute.leftovers import MARK, kill_shim
from compute.shim_start import start_shim
from governance.gpu_types import is_gpu_type
from sweeps import ids
from sweeps.errors import LaunchRejected
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptStatus
from sweeps.specs import Resources
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest

#: Isolated: what a sweep file sets for its script, such as PYTHONPATH, is not for it.
_READER = [sys.executable, "-I", "-X", "utf8", "-m", "sweepworks.foreign"]
_REAP_MARGIN_SECONDS = 5.0  # beyond the grace period, for a shim to write its record


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class LocalLauncher:
    """A `sweeps.ports.TrialLauncher`.

    Any number of launchers, in any number of processes, may share a `root`. What they know is on
    the disk alone, so one that is killed at any moment leaves nothing that the next one misreads:

    - an attempt's lock is held from before it is counted until its shim has ended: the launcher
      takes it, the shim inherits it;
    - ``shim.json`` is written under that lock before the command starts, and never goes away, so an
      attempt executes at most once;
    - whatever else was written is either written again or recognised by the free lock.

    Args:
        root: Folder of all attempts of this home.
        slots: GPUs that may be leased.
        machine: What attempts share.
        environment: What attempts inherit, without the platform's own variables.
        gpu_model: What devices are, for the record.
        hold_file: Locked, shared, by every live attempt; see the supervisor.
        stop_grace_seconds: From SIGTERM to SIGKILL.
        clock: The time, for the end of attempts whose shims cannot tell it any more.
    """

    launches_at_once = 1  # one launcher at a time is let in

    def __init__(
        self,
        *,
        root: Path,
        slots: GpuSlots,
        machine: Machine,
        environment: Mapping[str, str],
        gpu_model: Callable[[Iterable[str]], str] = model_of,
        hold_file: Path | None = None,
        stop_grace_seconds: float = 10.0,
        clock: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._root = root.absolute()
        self._slots = slots
        self._capacity = Capacity(self._root, machine)
        self._environment = dict(environment)
        self._gpu_model = gpu_model
        self._hold_file = hold_file.absolute() if hold_file else None
        self._grace = stop_grace_seconds
        self._now = clock
        self._statuses = AttemptStatuses(has_gpus=bool(slots.devices), clock=clock)

    def launch(self, request: LaunchRequest) -> None:
        """Start an attempt, unless it was started before."""
        folder = AttemptFolder.of(self._root, request.attempt_id)
        if folder is None:
            raise LaunchRejected(f"{request.attempt_id!r} is not the name of an attempt")
        if not request.command:
            raise LaunchRejected(f"{request.attempt_id}: its command is empty")
        with filesystem_errors(f"launching {request.attempt_id}"):
            if folder.was_started:
                return
            devices = self.check(request.resources)
            folder.prepare()
            # In this order: who reaps leaves the mark first, and then looks for folders.
            if self._mark_of_reaped(request.sweep_id).exists():
                return
            lock = folder.claim()
            if lock is None:
                return
            try:
                with self._capacity.admission():
                    self._capacity.admit(request.attempt_id, request.resources)
                    lease = self._slots.lease(request.resources.gpu, among=devices)
                try:
                    self._start(folder, request, lock=lock, lease=lease)
                finally:
                    lease.close()
            finally:
                os.close(lock)

    def check(self, resources: Resources) -> Sequence[str] | None:
        """Refuse what this machine can never give; which devices would do, None: any of them.

        Raises:
            LaunchRejected: It has not so much, or no such GPUs.
        """
        self._capacity.check(resources)
        devices = self._devices_for(resources)
        self._slots.check(resources.gpu, among=devices)
        return devices

    def _devices_for(self, resources: Resources) -> Sequence[str] | None:
        """The devices of the type that is asked for; None: any will do. `LaunchRejected`."""
        if not resources.gpu_type or resources.gpu == 0 or not self._slots.devices:
            return None
        models = {device: self._gpu_model([device]) for device in self._slots.devices}
        found = [d for d, model in models.items() if is_gpu_type(resources.gpu_type, model)]
        if not found:
            there = ", ".join(dict.fromkeys(filter(None, models.values())))
            raise LaunchRejected(
                f"resources.gpu_type is {resources.gpu_type}, this machine has "
                f"{there or 'GPUs of no known type'}; ask for that, or leave gpu_type out"
            )
        return found

    def _start(
        self, folder: AttemptFolder, request: LaunchRequest, *, lock: int, lease: Lease
    ) -> None:
        source_dir = str(Path(request.source_dir).absolute()) if request.source_dir else ""
        command = resolve_command(request.command, source_dir=source_dir, is_file=os.path.isfile)
        timeout = request.timeout.total_seconds() if request.timeout else None
        gpus = {"CUDA_VISIBLE_DEVICES": ",".join(lease.devices)} if self._slots.devices else {}
        environment = attempt_environment(
            self._environment,
            request.environment,
            source_dir=source_dir,
            interpreter=Path(sys.executable),
        )
        folder.furnish(
            {
                "attempt_id": request.attempt_id,
                "run_id": request.run_id,
                "sweep_id": request.sweep_id,
                "command": command,
                "source_dir": source_dir,
                "variables": sorted(request.environment),  # names alone: some values are secrets
                "resources": {
                    "cpu": request.resources.cpu,
                    "memory_bytes": request.resources.memory_bytes,
                    "gpu": request.resources.gpu,
                },
                "gpus": lease.devices,
                "gpu_model": self._gpu_model(lease.devices),
                "timeout_seconds": timeout,
                "launched_at": self._now().timestamp(),
            }
        )
        start_shim(
            {
                "folder": str(folder.path),
                "lock": lock,
                "leases": list(lease.descriptors),
                "hold_file": str(self._hold_file) if self._hold_file else None,
                "live_marker": str(self._capacity.marker(request.attempt_id)),
                "command": command,
                "working_folder": request.working_folder,
                "refusal": missing_script(
                    request.command, source_dir=source_dir, is_file=os.path.isfile
                ),
                "environment": {**environment, **gpus, MARK: str(folder.path)},
                "timeout_seconds": timeout,
                "grace_seconds": self._grace,
                "reader": _READER if env.METRICS in request.environment else [],
            },
            environment=without_secrets(self._environment),
        )

    def poll(
        self,
        sweep_id: SweepId,  # noqa: ARG002 - names say it; other launchers list by it
        attempt_ids: Iterable[AttemptId],
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Status of those attempts that were started here."""
        statuses: dict[AttemptId, AttemptStatus] = {}
        for attempt_id in attempt_ids:
            folder = AttemptFolder.of(self._root, attempt_id)
            with filesystem_errors(f"looking at {attempt_id}"):
                status = self._statuses.of(folder, attempt_id) if folder else None
            if status is not None:
                statuses[attempt_id] = status
        return statuses

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """Ask the attempt's shim to end it, also the shim of a launch that is still to come."""
        folder = AttemptFolder.of(self._root, attempt_id)
        if folder is None:
            return
        with filesystem_errors(f"stopping {attempt_id}"):
            if folder.read_exit() is None:
                folder.prepare()
                folder.ask_to_stop(reason)

    def reap(self, sweep_id: SweepId) -> int:
        """End every attempt of the sweep that is still alive, wait for it, and start no other."""
        with filesystem_errors(f"ending what is left of {sweep_id}"):
            with contextlib.suppress(OSError):  # on a full disk those that are there still end
                mark = self._mark_of_reaped(sweep_id)
                mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                mark.touch(mode=0o600)
            unended = [
                folder
                for folder in AttemptFolder.of_sweep(self._root, sweep_id)
                if folder.read_exit() is None
            ]
            live = [folder for folder in unended if folder.is_locked()]
            for folder in unended:
                with contextlib.suppress(OSError):  # then its shim is killed further down
                    folder.ask_to_stop(ExitReason.CANCELLED)
            deadline = time.monotonic() + self._grace + _REAP_MARGIN_SECONDS
            for folder in live:
                while folder.is_locked() and time.monotonic() < deadline:
                    time.sleep(0.02)
                if folder.is_locked():
                    kill_shim(folder)
            self._statuses.bury(unended)
        return len(live)

    def _mark_of_reaped(self, sweep_id: SweepId) -> Path:
        if not ids.is_name(sweep_id):
            raise LaunchRejected(f"{sweep_id!r} is not the name of a sweep")
        return self._root / ".reaped" / sweep_id
