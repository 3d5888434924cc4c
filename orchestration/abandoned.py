"""Sweeps whose Dagster run was cancelled, and whose controller could not end them itself."""

import datetime as dt
from collections.abc import Mapping

from sweeps.errors import LauncherUnavailable
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptPhase, SweepClaims, SweepLog, TrialLauncher


def close_abandoned(
    log: SweepLog,
    claims: SweepClaims,
    launcher: TrialLauncher,
    sweep_id: SweepId,
    *,
    dagster_run_id: str,
) -> bool:
    """Close such a sweep and end what is left of its trials; whether there was anything to do.

    A sweep that another Dagster run controls goes on, and its trials with it.

    Raises:
        RunsElsewhere: Its trials cannot be ended from here.
    """
    claims.check_place(sweep_id)
    # First the row: a controller that is not quite dead finds its lease gone and starts nothing.
    is_closed = claims.cancel_abandoned(
        sweep_id,
        dagster_run_id=dagster_run_id,
        reason="its Dagster run was cancelled",
        ended=_ended(claims, launcher, sweep_id),
    )
    if not is_closed and not log.get(sweep_id).state.is_terminal:
        return False
    n_reaped = launcher.reap(sweep_id)
    return is_closed or n_reaped > 0


def _ended(
    claims: SweepClaims, launcher: TrialLauncher, sweep_id: SweepId
) -> Mapping[AttemptId, dt.datetime]:
    """When attempts had ended that nobody has looked at since; they are charged until then."""
    if not (attempt_ids := claims.live_attempts(sweep_id)):
        return {}
    try:
        statuses = launcher.poll(sweep_id, attempt_ids)
    except LauncherUnavailable:
        return {}  # closing the sweep must not wait for a cluster that does not answer
    return {
        attempt_id: status.ended_at
        for attempt_id, status in statuses.items()
        if status.phase is AttemptPhase.EXITED and status.ended_at is not None
    }
