"""When a sweep is over, and why. A function of the rows and the time, so a restart changes nothing."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.outcomes import signature
from sweeps.specs import SweepSpec
from sweeps.states import ExitReason, RunState, SweepRequest, SweepState
from sweeps.trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Where the sweep is heading."""

    state: SweepState
    reason: str
    stop_live: ExitReason | None  #: how to end live trials now; None: let them finish


def ending(
    spec: SweepSpec,
    *,
    trials: Sequence[Trial],
    in_order_of_end: Sequence[Trial],
    requested: SweepRequest,
    started_at: dt.datetime,
    exhausted: bool,
    now: dt.datetime,
) -> Ending | None:
    """The end that the sweep has reached or is heading for, or None while it goes on.

    Args:
        trials: All of them.
        in_order_of_end: Those that ended for good, first ended first.
        exhausted: Whether the searcher has no configuration left.
    """
    limits = spec.limits
    if requested is SweepRequest.CANCEL:
        return Ending(
            state=SweepState.CANCELLED,
            reason="cancelled by a person",
            stop_live=ExitReason.CANCELLED,
        )
    first = in_order_of_end[: limits.max_failures]
    if (
        len(first) == limits.max_failures
        and all(trial.state is RunState.FAILED for trial in first)
        and len({signature(trial.reason) for trial in first}) == 1
    ):
        return Ending(
            state=SweepState.FAILED,
            reason=f"the first {len(first)} trials all failed: {first[0].reason}",
            stop_live=ExitReason.CANCELLED,
        )
    if limits.deadline is not None and now - started_at >= limits.deadline:
        return Ending(
            state=SweepState.COMPLETED,
            reason=f"the deadline of {limits.deadline} has passed",
            stop_live=ExitReason.STOPPED,
        )
    if len(trials) >= limits.max_trials:
        return _finished(trials, f"all {limits.max_trials} trials have run")
    if exhausted:
        return _finished(trials, f"the space has no other configuration after {len(trials)} trials")
    return None


def _finished(trials: Sequence[Trial], reason: str) -> Ending:
    """The end by itself; a failure when not one trial came to a result."""
    if trials and all(trial.state is RunState.FAILED for trial in trials):
        return Ending(
            state=SweepState.FAILED,
            reason=f"{reason}, and every one failed, the last: {trials[-1].reason}",
            stop_live=None,
        )
    return Ending(state=SweepState.COMPLETED, reason=reason, stop_live=None)
