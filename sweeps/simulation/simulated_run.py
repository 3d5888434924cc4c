"""A simulated sweep in figures: what it found, what that cost, what was wasted."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sweeps.search_report import duplicate_rate
from sweeps.simulation.curves import Curves
from sweeps.simulation.simulated_sweep import SimulatedSweep, Step
from sweeps.specs import SweepSpec
from sweeps.states import RunState

_ENDED_EARLY = frozenset({RunState.STOPPED, RunState.PAUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """One simulated sweep in figures. Resource is in levels, over all trials."""

    strategy: str
    seed: int
    best: float | None  #: of the trials trained to the end; None: there were none
    resource: int
    cost_seconds: float  #: of training, over all trials
    seconds: float  #: from the sweep's first moment to its last
    n_trials: int
    n_stopped: int  #: early, by the search
    n_failed: int
    stopped_share: float  #: of the resource, spent on trials that were stopped
    duplicate_rate: float
    steps: tuple[Step, ...]


def simulate(
    spec: SweepSpec,
    curves: Curves,
    levels: tuple[int, ...],
    *,
    name: str = "",
    evaluations: int | None = None,
    resume_from_checkpoint: bool = True,
    on_step: Callable[[Step], None] = lambda _: None,
) -> SimulatedRun:
    """Simulate a sweep to its end.

    Args:
        levels: Of the curves, ascending.
        name: Of the strategy; the spec's own when left out.
        evaluations: So many trainings to the end are what the sweep may spend, however many
            trials that makes; None: its limits hold as they are.
    """
    resource = None
    if evaluations is not None:
        resource = evaluations * levels[-1]
        limits = replace(spec.limits, max_trials=_most_trials(spec, levels, evaluations))
        spec = replace(spec, limits=limits)
    sweep = SimulatedSweep(spec, curves, levels, resume_from_checkpoint=resume_from_checkpoint)
    snapshot = sweep.run(on_step, resource=resource)
    stopped = [trial for trial in snapshot.trials if trial.state in _ENDED_EARLY]
    wasted = sum(sweep.resource_by_run.get(trial.run_id, 0) for trial in stopped)
    last = sweep.steps[-1] if sweep.steps else None
    return SimulatedRun(
        strategy=name or spec.strategy.name,
        seed=spec.seed,
        best=last.best if last else None,
        resource=last.resource if last else 0,
        cost_seconds=last.cost_seconds if last else 0.0,
        seconds=sweep.clock.seconds,
        n_trials=len(snapshot.trials),
        n_stopped=len(stopped),
        n_failed=sum(trial.state is RunState.FAILED for trial in snapshot.trials),
        stopped_share=wasted / last.resource if last and last.resource else 0.0,
        duplicate_rate=duplicate_rate(snapshot.trials),
        steps=tuple(sweep.steps),
    )


def _most_trials(spec: SweepSpec, levels: tuple[int, ...], evaluations: int) -> int:
    """As many as the resource of so many whole trainings could ever start."""
    scheduler = spec.strategy.scheduler
    if scheduler.name == "none":
        return evaluations
    return evaluations * (levels[-1] // min(levels[0], scheduler.min_resource))
