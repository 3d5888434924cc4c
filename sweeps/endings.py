"""When a sweep is over, and why. A function of the rows and the time, so a restart changes nothing."""

import datetime as dt
from dataclasses import dataclass, replace

from sweeps.outcomes import signature
from sweeps.specs import SweepSpec
from sweeps.states import ExitReason, RunState, SweepRequest, SweepState
from sweeps.trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the end of a sweep hangs on, counted as it goes on."""

    n_trials: int
    n_failed: int = 0
    first_ended: tuple[Trial, ...] = ()  #: at most `max_failures` of them
    last_failure: str = ""

    def with_new(self, n: int) -> "Tally":
        """After `n` more trials were started."""
        return replace(self, n_trials=self.n_trials + n)

    def with_ended(self, trial: Trial, *, limit: int) -> "Tally":
        """After `trial` has ended for good; the first `limit` ones are kept."""
        failed = trial.state is RunState.FAILED
        is_first = len(self.first_ended) < limit
        return replace(
            self,
            n_failed=self.n_failed + failed,
            first_ended=(*self.first_ended, trial) if is_first else self.first_ended,
            last_failure=trial.reason if failed else self.last_failure,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetVerdict:
    """What budgets mean for a sweep."""

    ends: str = ""  #: why no trial of it can ever start again; empty: one can, perhaps later
    stops: str = ""  #: why its live trials are to end now; empty: they go on


WITHIN_BUDGETS = BudgetVerdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Where the sweep is heading."""

    state: SweepState
    reason: str
    stop_live: ExitReason | None  #: how to end live trials now; None: let them finish
    starts_nothing: bool = False  #: whether also those do not start any more that were to


def ending(
    spec: SweepSpec,
    *,
    tally: Tally,
    requested: SweepRequest,
    started_at: dt.datetime,
    exhausted: bool,
    now: dt.datetime,
    budget: BudgetVerdict = WITHIN_BUDGETS,
    waits: bool = True,
) -> Ending | None:
    """The end that the sweep has reached or is heading for, or None while it goes on.

    Args:
        exhausted: Whether the searcher has no configuration left.
        waits: Whether any trial was to start that has not.
    """
    limits = spec.limits
    if requested is SweepRequest.CANCEL:
        return Ending(
            state=SweepState.CANCELLED,
            reason="cancelled by a person",
            stop_live=ExitReason.CANCELLED,
        )
    first = tally.first_ended
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
    may_start = waits or (tally.n_trials < limits.max_trials and not exhausted)
    if budget.ends and may_start:
        return replace(
            _finished(tally, budget.ends),
            stop_live=ExitReason.STOPPED if budget.stops else None,
            starts_nothing=True,
        )
    if tally.n_trials >= limits.max_trials:
        return _finished(tally, f"all {limits.max_trials} trials have run")
    if exhausted:
        return _finished(
            tally, f"the space has no other configuration after {tally.n_trials} trials"
        )
    return None


def _finished(tally: Tally, reason: str) -> Ending:
    """The end by itself; a failure when not one trial came to a result."""
    if tally.n_trials and tally.n_failed == tally.n_trials:
        return Ending(
            state=SweepState.FAILED,
            reason=f"{reason}, and every one failed, the last: {tally.last_failure}",
            stop_live=None,
        )
    return Ending(state=SweepState.COMPLETED, reason=reason, stop_live=None)
