"""A rerun's process or pod, followed to its end, and its record."""

import contextlib
import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.platform import Platform
from sweeps.errors import NoCapacity, SweepsError
from sweeps.ids import RunId, TenantId
from sweeps.ports import AttemptPhase, AttemptStatus, TrialLauncher
from sweeps.runs import RunRecord, Scalar, ScratchRun
from sweeps.states import ExitReason, RunState
from sweeps.trials import LaunchRequest

_LOOK_SECONDS = 0.2
_BEAT_SECONDS = 20.0
_STOP_SECONDS = 30.0


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

    Raises:
        SweepsError: It cannot be launched, or something does not answer; the record says so.
    """
    beating = _Beat(platform, request.run_id, tenant_id)
    try:
        while True:
            try:
                launcher.launch(request)
                break
            except NoCapacity:
                beating.beat()
                time.sleep(_LOOK_SECONDS)
        while (status := _status(launcher, request)) is None or status.exit is None:
            beating.beat()
            time.sleep(_LOOK_SECONDS)
    except SweepsError as exc:
        platform.reruns.end(request.run_id, RunState.FAILED, reason=str(exc))
        raise
    except Exception:
        raise
    except BaseException:  # Ctrl-C, or what Dagster ends an op with
        _stop(launcher, request)
        platform.reruns.end(request.run_id, RunState.CANCELLED, reason="interrupted by a person")
        raise
    if status.exit.reason is ExitReason.COMPLETED:
        return RunState.COMPLETED, ""
    return RunState.FAILED, f"{status.exit.reason}: {status.exit.message[-1500:]}"


def _stop(launcher: TrialLauncher, request: LaunchRequest) -> None:
    launcher.stop(request.attempt_id, reason=ExitReason.CANCELLED)
    give_up_at = time.monotonic() + _STOP_SECONDS
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
