"""A rerun's process or pod, followed to its end, and its record."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.platform import Platform
from orchestration.reruns.attempt import RerunAttempt
from orchestration.reruns.patience import DATABASE_SECONDS, OUTAGE_SECONDS, patiently
from orchestration.reruns.turn import launch_in_turn
from sweeps.errors import LaunchRejected, StorageUnavailable, SweepsError
from sweeps.ids import RunId
from sweeps.ports import AttemptStatus, TrialLauncher
from sweeps.rerun_demand import RerunDemand
from sweeps.runs import RunRecord, Scalar, ScratchRun
from sweeps.states import ExitReason, RunState
from sweeps.trials import Exit, LaunchRequest

_LOOK_SECONDS = 0.2
_BUDGET_SECONDS = 15.0
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
    demand: RerunDemand,
) -> None:
    """Make the run that the script reports to, and its attempt; it waits."""
    run = ScratchRun(
        run_id=run_id,
        experiment=demand.experiment,
        owner=demand.owner,
        seed=old.run.seed,
        params=params,
        tags={},
        rerun_of=demand.repeats,
        is_queued=True,
    )
    platform.reruns.create(run, tenant_id=demand.tenant_id)


def execute(
    platform: Platform,
    launcher: TrialLauncher,
    request: LaunchRequest,
    demand: RerunDemand,
    *,
    say: Callable[[str], None],
) -> tuple[RunState, str]:
    """Launch it when it is its turn, and wait; how it has ended, for a record that its script did not end.

    An outage of what executes it is waited out.

    Raises:
        SweepsError: It may not start, it cannot be launched, or something does not answer for long.
            It is stopped then, as far as that can be asked for, and the record says so.
    """
    attempt = RerunAttempt(platform.reruns, request.attempt_id)
    try:
        launch_in_turn(platform, launcher, request, attempt, demand, say=say)
        say(f"running {request.run_id}")
        return _follow(platform, launcher, request, attempt, demand)
    except LaunchRejected as exc:
        attempt.end(Exit(reason=ExitReason.LAUNCH_FAILED, message=str(exc)))
        conclude(platform, request.run_id, RunState.FAILED, str(exc))
        raise
    except BaseException as exc:
        is_failure = isinstance(exc, Exception)
        _end(launcher, request, attempt, message=str(exc) if is_failure else "")
        if is_failure:
            conclude(platform, request.run_id, RunState.FAILED, str(exc))
        else:  # Ctrl-C, or what Dagster ends an op with
            conclude(platform, request.run_id, RunState.CANCELLED, "interrupted by a person")
        raise


def conclude(platform: Platform, run_id: RunId, state: RunState, reason: str) -> None:
    """End the record, unless its script has; a database that restarts is waited for."""
    patiently(lambda: platform.reruns.end(run_id, state, reason=reason), seconds=DATABASE_SECONDS)


def _follow(
    platform: Platform,
    launcher: TrialLauncher,
    request: LaunchRequest,
    attempt: RerunAttempt,
    demand: RerunDemand,
) -> tuple[RunState, str]:
    look_at_budgets, stopped = time.monotonic() + _BUDGET_SECONDS, ""
    while True:
        status = patiently(
            lambda: _status(launcher, request), seconds=OUTAGE_SECONDS, meanwhile=attempt.beat
        )
        if status is not None and status.exit is not None:
            attempt.end(status.exit, status)
            return _outcome(status.exit, stopped=stopped)
        if status is None and attempt.has_started:
            lost = Exit(reason=ExitReason.LOST, message="nothing is known of it any more")
            attempt.end(lost)
            return _outcome(lost, stopped=stopped)
        if status is not None:
            attempt.see(status)
        if not attempt.beat() and not stopped:
            stopped = "others have ended it: nothing was heard of whoever made it for too long"
            _ask_to_stop(launcher, request, ExitReason.LOST)
        if not stopped and time.monotonic() >= look_at_budgets:
            look_at_budgets = time.monotonic() + _BUDGET_SECONDS
            with contextlib.suppress(StorageUnavailable):  # no reason to end a training
                stopped = platform.budget_gate.ends_rerun(demand)
            if stopped:
                _ask_to_stop(launcher, request, ExitReason.STOPPED)
        time.sleep(_LOOK_SECONDS)


def _outcome(ended: Exit, *, stopped: str) -> tuple[RunState, str]:
    if ended.reason is ExitReason.COMPLETED:
        return RunState.COMPLETED, ""
    if ended.reason is ExitReason.STOPPED and stopped:
        return RunState.STOPPED, stopped
    return RunState.FAILED, stopped or f"{ended.reason}: {ended.message[-1500:]}"


def _end(
    launcher: TrialLauncher, request: LaunchRequest, attempt: RerunAttempt, *, message: str
) -> None:
    """End what may be alive, and its attempt.

    One that cannot be ended now holds on: its row is ended once it is told that its run is over and
    nobody is heard of it, and the reaper ends what it finds without a row.
    """
    ended = Exit(reason=ExitReason.CANCELLED, message=message)
    if not attempt.may_be_alive:
        attempt.end(ended)
        return
    status = _stop(launcher, request)
    if status is not None and status.exit is not None:
        attempt.end(status.exit, status)


def _stop(launcher: TrialLauncher, request: LaunchRequest) -> AttemptStatus | None:
    """Ask it to end, and wait a while; what is known of it then."""
    give_up_at = time.monotonic() + _STOP_SECONDS
    status: AttemptStatus | None = None
    with contextlib.suppress(SweepsError):
        _ask_to_stop(launcher, request, ExitReason.CANCELLED)
        while time.monotonic() < give_up_at:
            status = _status(launcher, request)
            if status is None or status.exit is not None:
                break
            time.sleep(_LOOK_SECONDS)
    return status


def _ask_to_stop(launcher: TrialLauncher, request: LaunchRequest, reason: ExitReason) -> None:
    patiently(
        lambda: launcher.stop(request.attempt_id, reason=reason),
        seconds=_STOP_SECONDS,
    )


def _status(launcher: TrialLauncher, request: LaunchRequest) -> AttemptStatus | None:
    return launcher.poll(request.sweep_id, [request.attempt_id]).get(request.attempt_id)
