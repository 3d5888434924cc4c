"""When a live attempt must be ended: too long, too silent, or no longer wanted by the search."""

import datetime as dt

from sweeps.ports import AttemptStatus
from sweeps.specs import Limits
from sweeps.states import Decision, ExitReason

#: A script that was told to stop may save what it has; then its process is ended.
STOP_GRACE = dt.timedelta(seconds=10)


def verdict(
    status: AttemptStatus,
    *,
    limits: Limits,
    last_seen_at: dt.datetime | None,
    decision: Decision,
    decided_at: dt.datetime | None,
    hears: bool = True,
    heard_from: dt.datetime,
    now: dt.datetime,
) -> ExitReason | None:
    """Why the attempt must end now, or None while it may go on.

    Args:
        last_seen_at: Its last report, points or beat that reached the store.
        decision: The search's last word on the trial, given at `decided_at`.
        hears: Whether the script learns of decisions, and may end by itself.
        heard_from: Since when a sign of life would have been noticed.
    """
    if status.started_at is None:
        return None
    if decision is not Decision.CONTINUE and decided_at is not None:
        if not hears or now - decided_at >= STOP_GRACE:
            return ExitReason.STOPPED if decision is Decision.STOP else ExitReason.PAUSED
        return None
    if limits.trial_timeout is not None and now - status.started_at >= limits.trial_timeout:
        return ExitReason.TIMED_OUT
    if limits.stalled_after is not None:
        signs = (status.started_at, status.last_output_at, last_seen_at, heard_from)
        last = max(sign for sign in signs if sign is not None)
        if now - last >= limits.stalled_after:
            return ExitReason.STALLED
    return None
