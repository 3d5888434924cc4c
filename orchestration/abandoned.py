"""Sweeps whose Dagster run was cancelled, and whose controller could not end them itself."""

from sweeps.ids import SweepId
from sweeps.ports import SweepClaims, SweepLog, TrialLauncher


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
        sweep_id, dagster_run_id=dagster_run_id, reason="its Dagster run was cancelled"
    )
    if not is_closed and not log.get(sweep_id).state.is_terminal:
        return False
    n_reaped = launcher.reap(sweep_id)
    return is_closed or n_reaped > 0
