"""A rerun's process or pod, followed to its end, and its record."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from orchestration.platform import Platform
from sweeps.errors import LaunchRejected, NoCapacity, SweepsError, TransientError
from sweeps.ids import RunId, TenantId
from sweeps.ports import AttemptPhase, AttemptStatus, TrialLauncher
from sweeps.runs import RunRecord, Scalar, ScratchRun
from sweeps.states import ExitReason, RunState
from sweeps.trials import Exit, LaunchRequest

_LOOK_SECONDS = 0.2
_BEAT_SECONDS = 20.0
_STOP_SECONDS = 30.0
_OUTAGE_SECONDS = 1800.0  # of what executes it, as controllers of sweeps wait
_DATABASE_SECONDS = 300.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """One that has ended."""

    run_id: RunId
    state: RunState
    reason: str
    logs: Path | None = None  #: folder of what it printed; None: a pod
    tree: Path | None = None  #: its work tree, when it was kept


def write_record(
    platform: Platform,
    old: RunRecord,
    run_id: RunId,
    *,
    params: Mapping[str, Scalar],
    by: str,
    tenant_id: TenantId,
) -> None:
    """Make the run that the script reports to."""
    platform.runs.create_scratch_run(
        ScratchRun(
            run_id=run_id,
            experiment=old.run.experiment,
            owner=by,
            seed=old.run.seed,
            params=params,
            tags={},
            rerun_of=old.run.run_id,
        ),
        tenant_id=tenant_id,
    )
    platform.reruns.copy_datasets(old.run.run_id, rerun=run_id)


def execute(
    platform: Platform, launcher: TrialLauncher, request: LaunchRequest, *, tenant_id: TenantId
) -> tuple[RunState, str]:
    """Launch it and wait; how it has ended, for a record that its script did not end itself.

    An outage of what executes it is waited out.

    Raises:
        SweepsError: It cannot be launched, or something does not answer for long. It is stopped
            then, as far as that can be asked for, and the record says so.
    """
    beating = _Beat(platform, request.run_id, tenant_id)
    try:
        _launch(launcher, request, beating)
        status = _follow(launcher, request, beating)
    except LaunchRejected as exc:
        conclude(platform, request.run_id, RunState.FAILED, str(exc))
        raise
    except BaseException as exc:
        _stop(launcher, request)
        if isinstance(exc, Exception):
            conclude(platform, request.run_id, RunState.FAILED, str(exc))
        else:  # Ctrl-C, or what Dagster ends an op with
            conclude(platform, request.run_id, RunState.CANCELLED, "interrupted by a person")
        raise
    if status.reason is ExitReason.COMPLETED:
        return RunState.COMPLETED, ""
    return RunState.FAILED, f"{status.reason}: {status.message[-1500:]}"


def conclude(platform: Platform, run_id: RunId, state: RunState, reason: str) -> None:
    """End the record, unless its script has; a database that restarts is waited for."""
    _patiently(lambda: platform.reruns.end(run_id, state, reason=reason), seconds=_DATABASE_SECONDS)


def _launch(launcher: TrialLauncher, request: LaunchRequest, beating: "_Beat") -> None:
    while True:
        try:
            _patiently(lambda: launcher.launch(request), seconds=_OUTAGE_SECONDS)
        except NoCapacity:
            beating.beat()
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _follow(launcher: TrialLauncher, request: LaunchRequest, beating: "_Beat") -> Exit:
    while True:
        status = _patiently(lambda: _status(launcher, request), seconds=_OUTAGE_SECONDS)
        if status is not None and status.exit is not None:
            return status.exit
        beating.beat()
        time.sleep(_LOOK_SECONDS)


def _patiently(call: Callable[[], T], *, seconds: float) -> T:
    """Do it again as long as it may succeed later."""
    give_up_at = time.monotonic() + seconds
    while True:
        try:
            return call()
        except NoCapacity:
            raise
        except TransientError as exc:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(exc.retry_after_seconds)


def _stop(launcher: TrialLauncher, request: LaunchRequest) -> None:
    """As far as it can be asked for: what is left without a record the reaper finds."""
    give_up_at = time.monotonic() + _STOP_SECONDS
    with contextlib.suppress(SweepsError):
        _patiently(
            lambda: launcher.stop(request.attempt_id, reason=ExitReason.CANCELLED),
            seconds=_STOP_SECONDS,
        )
        while time.monotonic() < give_up_at:
            status = _status(launcher, request)
            if status is None or status.phase is AttemptPhase.EXITED:
                return
            time.sleep(_LOOK_SECONDS)


def _status(launcher: TrialLauncher, request: LaunchRequest) -> AttemptStatus | None:
    return launcher.poll(request.sweep_id, [request.attempt_id]).get(request.attempt_id)


class _Beat:
    """Says that a rerun lives while its script has nothing to say: this command sees to it."""

    def __init__(self, platform: Platform, run_id: RunId, tenant_id: TenantId) -> None:
        self._platform = platform
        self._run_id = run_id
        self._tenant_id = tenant_id
        self._next = dt.datetime.now(dt.UTC)

    def beat(self) -> None:
        now = dt.datetime.now(dt.UTC)
        if now < self._next:
            return
        self._next = now + dt.timedelta(seconds=_BEAT_SECONDS)
        with contextlib.suppress(Exception):  # an outage is no reason to end a training
            self._platform.runs.beat(self._run_id, tenant_id=self._tenant_id)
