"""What the end of an attempt means for its trial. Pure; one rule a branch."""

import datetime as dt
import math
import re
from dataclasses import dataclass, replace

from sweeps.objectives import Objective
from sweeps.specs import Limits, MetricsSpec
from sweeps.states import Decision, ExitReason, RunState, SweepState
from sweeps.trials import Exit, Trial

#: A last report may be on its way through the gateway when the process is gone already.
REPORT_GRACE = dt.timedelta(seconds=5)

_CLUSTER_WORDS = {
    ExitReason.EVICTED: "evicted from its node",
    ExitReason.PREEMPTED: "preempted by something more important",
    ExitReason.NODE_LOST: "its node was lost",
    ExitReason.DELETED: "deleted in the cluster",
    ExitReason.UNSCHEDULABLE: "no node had room for it",
    ExitReason.IMAGE_PULL_FAILED: "its image cannot be had",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The machine was to blame: execute the trial again."""

    reason: str


def conclude(
    trial: Trial,
    *,
    ended: Exit,
    n_attempts: int,
    taken_back: bool = False,
    limits: Limits,
    objective: Objective,
    decision: Decision,
    now: dt.datetime,
    max_resource: int | None = None,
    metrics: MetricsSpec | None = None,
    stopped_since: str = "its sweep had come to its end",
) -> Trial | Retry:
    """The trial in its new state, or the wish for another attempt.

    Args:
        ended: How its latest attempt ended.
        n_attempts: Executions so far that ended like this one, it included: by a fault, or because
            their places were taken back.
        taken_back: See `Attempt.was_taken_back`.
        decision: The search's last word on the trial.
        max_resource: Resource level at which a trial is complete.
        metrics: Where its metrics are read; None: the script reports them itself.
        stopped_since: Why it was ended, if it was, and not by the search.
    """
    is_complete = max_resource is not None and (trial.resource_level or 0) >= max_resource
    match ended.reason:
        case unasked if decision is Decision.STOP and is_complete and _is_innocent(unasked):
            state, reason = _own_end(trial, objective, metrics)
        case unasked if (
            decision is Decision.STOP and _is_no_number(trial) and _is_innocent(unasked)
        ):
            state, reason = _own_end(trial, objective, metrics)  # not worse than others: broken
        case unasked if decision is Decision.STOP and _is_innocent(unasked):
            state, reason = RunState.STOPPED, "stopped early by the search"
        case unasked if decision is Decision.PAUSE and _is_innocent(unasked):
            state, reason = RunState.PAUSED, "paused at a rung by the search"
        case ExitReason.COMPLETED:
            state, reason = _own_end(trial, objective, metrics)
        case ExitReason.STOPPED:
            state, reason = RunState.STOPPED, f"stopped: {stopped_since}"
        case ExitReason.PAUSED:
            state, reason = RunState.PAUSED, "paused at a rung by the search"
        case ExitReason.CANCELLED:
            state, reason = RunState.CANCELLED, "cancelled with its sweep"
        case infrastructure if infrastructure.is_infrastructure:
            what = describe(ended, limits)
            again = _again(n_attempts, limits, taken_back=taken_back)
            if again:
                return Retry(reason=f"{what}; {again}")
            times = "preemptions" if taken_back else "attempts"
            state, reason = RunState.FAILED, f"{what}; gave up after {n_attempts} {times}"
        case _:
            state, reason = RunState.FAILED, describe(ended, limits)
    return replace(trial, state=state, reason=reason, ended_at=now if state.is_terminal else None)


def _again(n_attempts: int, limits: Limits, *, taken_back: bool) -> str:
    """How many of how many that was; empty when there are no more."""
    if taken_back:
        most = limits.max_preemptions
        return f"preemption {n_attempts} of at most {most}" if n_attempts <= most else ""
    most = limits.max_attempts
    return f"attempt {n_attempts} of {most}" if n_attempts < most else ""


def not_promoted(trial: Trial, ended_as: SweepState, *, now: dt.datetime, why: str = "") -> Trial:
    """A paused trial at the end of its sweep; without a reason others were better."""
    if ended_as is SweepState.CANCELLED:
        state, reason = RunState.CANCELLED, "cancelled with its sweep"
    else:
        why = why or f"others were better at level {trial.resource_level}"
        state, reason = RunState.STOPPED, f"not promoted: {why}"
    return replace(trial, state=state, reason=reason, ended_at=now)


def _is_innocent(reason: ExitReason) -> bool:
    """Whether the script did nothing wrong, so that what the search wanted of the trial holds."""
    return (
        reason in {ExitReason.COMPLETED, ExitReason.STOPPED, ExitReason.PAUSED}
        or reason.is_infrastructure
    )


def _is_no_number(trial: Trial) -> bool:
    return trial.objective is not None and not math.isfinite(trial.objective)


def _own_end(
    trial: Trial, objective: Objective, metrics: MetricsSpec | None
) -> tuple[RunState, str]:
    if trial.objective is None:
        return RunState.FAILED, f"no objective: {_what_is_missing(objective.metric, metrics)}"
    if not math.isfinite(trial.objective):
        return (
            RunState.FAILED,
            f"{objective.metric} is {trial.objective} at resource level {trial.resource_level}",
        )
    return RunState.COMPLETED, ""


def _what_is_missing(metric: str, metrics: MetricsSpec | None) -> str:
    if metrics is None:
        return f"the script ended without reporting {metric!r}; call run.report(level, {metric}=…)"
    if metrics.tensorboard is not None:
        return f"no event file in {metrics.tensorboard} has a scalar {metric!r}"
    where = "what the script printed" if metrics.file is None else metrics.file
    if metrics.format is not None:
        return f"no line of {where} is a JSON object with a number {metric!r}"
    return f"the pattern of trial.metrics found no {metric!r} in {where}"


def describe(ended: Exit, limits: Limits) -> str:
    """One sentence on how an attempt ended, with the last thing its script had to say."""
    last = last_line(ended.message)
    tail = f": {last}" if last else ""
    match ended.reason:
        case ExitReason.SCRIPT_FAILED if ended.signal is not None:
            return f"the script crashed with signal {ended.signal}{tail}"
        case ExitReason.SCRIPT_FAILED:
            return f"the script exited with code {ended.code}{tail}"
        case ExitReason.OUT_OF_MEMORY:
            return "the kernel killed it for lack of memory; ask for less, or set resources.memory"
        case ExitReason.TIMED_OUT:
            return f"ran longer than trial_timeout ({limits.trial_timeout})"
        case ExitReason.STALLED:
            return f"no output, report or heartbeat for stalled_after ({limits.stalled_after})"
        case ExitReason.KILLED if ended.signal is None:
            return f"killed from outside{tail}"
        case ExitReason.KILLED:
            return f"killed by signal {ended.signal} from outside"
        case ExitReason.LOST:
            return f"its process vanished without a trace{tail}"
        case ExitReason.LAUNCH_FAILED:
            return f"could not be started{tail}"
        case ExitReason.COMPLETED | ExitReason.STOPPED | ExitReason.PAUSED | ExitReason.CANCELLED:
            return ended.reason.value
        case _:
            return f"{_CLUSTER_WORDS[ended.reason]}{tail}"


def last_line(text: str) -> str:
    """The last line that says something, cut to 300 characters, fit for any screen."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else ""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in last)


def signature(reason: str) -> str:
    """What makes two failures the same: the sentence without its numbers and addresses."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", reason)
