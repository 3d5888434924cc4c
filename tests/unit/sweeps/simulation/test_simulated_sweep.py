"""Sweeps in simulated time: when things happen, what they cost, and that nothing is left to chance."""

import math
from collections import Counter

import pytest

from sweeps.ids import AttemptId
from sweeps.journal import Measurement
from sweeps.simulation.curves import Outcome
from sweeps.simulation.simulated_sweep import SimulatedSweep, SimulationStuck
from sweeps.spaces import Configuration, Float, SearchSpace
from sweeps.specs import SchedulerSpec, SweepSpec
from sweeps.states import Decision, ExitReason, RunState, SweepState
from sweeps.strategies import Strategy
from tests.factories import a_spec, seconds
from tests.fakes import ScriptedScheduler

LEVELS = (1, 3, 9)
SPACE = SearchSpace(parameters={"x": Float(low=0.0, high=1.0)})


def in_step(configuration: Configuration, level: int) -> Outcome:
    """A second a level, and the same order of trials at every level."""
    return Outcome(value=float(configuration["x"]) + 1 / level, seconds=float(level))


def asha(variant: str, **changes: object) -> SchedulerSpec:
    return SchedulerSpec(**{"name": "asha", "variant": variant, "max_resource": 9, **changes})  # type: ignore[arg-type]


def a_sweep(scheduler: SchedulerSpec | None = None, **limits: object) -> SweepSpec:
    return a_spec(
        space=SPACE, scheduler=scheduler, **{"max_trials": 30, "max_parallel": 4, **limits}
    )


def first_whole(sweep: SimulatedSweep) -> float:
    return next(step.seconds for step in sweep.steps if step.best is not None)


@pytest.mark.parametrize(("resumes", "expected"), [(False, 13.0), (True, 9.0)])
def test_the_first_configuration_is_whole_when_the_asha_paper_says(
    resumes: bool, expected: float
) -> None:
    # Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, section 3.2: with 9
    # workers, R = 9, eta = 3 a configuration is trained in 13/9 time(R), and in time(R) where
    # training goes on from a checkpoint.
    spec = a_sweep(asha("promotion"), max_trials=9, max_parallel=9)
    sweep = SimulatedSweep(spec, in_step, LEVELS, resume_from_checkpoint=resumes)

    snapshot = sweep.run()

    assert first_whole(sweep) == expected
    assert Counter(report.resource_level for report in snapshot.reports) == {1: 9, 3: 3, 9: 1}


def test_training_anew_costs_what_a_checkpoint_saves() -> None:
    spec = a_sweep(asha("promotion"), max_trials=9, max_parallel=9)
    kept, anew = (
        SimulatedSweep(spec, in_step, LEVELS, resume_from_checkpoint=resumes)
        for resumes in (True, False)
    )
    kept.run()
    anew.run()

    assert kept.steps[-1].resource == 9 * 1 + 3 * 2 + 1 * 6
    assert anew.steps[-1].resource == 9 * 1 + 3 * 3 + 1 * 9
    assert kept.steps[-1].cost_seconds == kept.steps[-1].resource
    assert anew.steps[-1].cost_seconds == anew.steps[-1].resource


@pytest.mark.parametrize("scheduler", [None, asha("stopping"), asha("promotion")])
def test_the_same_seed_is_the_same_sweep(scheduler: SchedulerSpec | None) -> None:
    sweeps = [SimulatedSweep(a_sweep(scheduler), in_step, LEVELS) for _ in range(2)]

    one, other = (sweep.run() for sweep in sweeps)

    assert one == other
    assert sweeps[0].steps == sweeps[1].steps


def test_another_seed_is_another_sweep() -> None:
    one, other = (
        SimulatedSweep(a_spec(space=SPACE, seed=seed), in_step, LEVELS).run() for seed in (1, 2)
    )

    assert [t.configuration for t in one.trials] != [t.configuration for t in other.trials]


def test_slots_are_never_oversubscribed_and_time_is_what_they_make_of_it() -> None:
    sweep = SimulatedSweep(a_sweep(max_trials=8, max_parallel=4), in_step, LEVELS)

    snapshot = sweep.run()

    assert sweep.clock.seconds == 18.0  # eight trials of nine seconds on four slots
    assert sweep.steps[-1].resource == 72
    assert {t.state for t in snapshot.trials} == {RunState.COMPLETED}


def test_a_stopped_trial_costs_no_more_than_its_rung() -> None:
    sweep = SimulatedSweep(a_sweep(asha("stopping"), max_parallel=1), in_step, LEVELS)

    snapshot = sweep.run()

    reached = {trial.run_id: trial.resource_level for trial in snapshot.trials}
    assert sweep.resource_by_run == reached
    assert {trial.state for trial in snapshot.trials} == {RunState.STOPPED, RunState.COMPLETED}


def test_a_sweep_ends_when_it_has_spent_its_resource() -> None:
    sweep = SimulatedSweep(a_sweep(max_parallel=1), in_step, LEVELS)

    sweep.run(resource=40)

    assert sweep.steps[-1].resource == 45


def test_attempts_of_machines_that_die_are_taken_up_again() -> None:
    def fails(attempt_id: AttemptId, level: int) -> ExitReason | None:
        return ExitReason.LOST if attempt_id.endswith("-a1") and level == 3 else None

    spec = a_sweep(asha("stopping"), max_trials=9)
    sweep, calm = (SimulatedSweep(spec, in_step, LEVELS, fails=f) for f in (fails, _nobody))

    snapshot, undisturbed = sweep.run(), calm.run()

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert len(snapshot.attempts) > len(undisturbed.attempts)
    assert {t.state for t in snapshot.trials} <= {RunState.STOPPED, RunState.COMPLETED}


def _nobody(attempt_id: AttemptId, level: int) -> None:
    return None


def test_broken_scripts_fail_their_trials_and_what_they_trained_is_paid_for() -> None:
    sweep = SimulatedSweep(
        a_sweep(max_trials=4, max_parallel=2, max_failures=100),
        in_step,
        LEVELS,
        fails=lambda attempt_id, level: ExitReason.SCRIPT_FAILED,
    )

    snapshot = sweep.run()

    assert {t.state for t in snapshot.trials} == {RunState.FAILED}
    assert sweep.steps[-1].best is None
    assert sweep.steps[-1].resource == 4 * 9


def test_timeouts_hold_in_simulated_time() -> None:
    spec = a_sweep(max_trials=2, max_failures=100, trial_timeout=seconds(5))
    sweep = SimulatedSweep(spec, in_step, LEVELS)

    snapshot = sweep.run()

    assert {t.state for t in snapshot.trials} == {RunState.FAILED}
    assert "trial_timeout" in snapshot.trials[0].reason
    assert (sweep.clock.seconds, sweep.steps[-1].resource) == (5.0, 10)


def test_deadlines_hold_in_simulated_time() -> None:
    sweep = SimulatedSweep(a_sweep(max_parallel=1, deadline=seconds(13)), in_step, LEVELS)

    snapshot = sweep.run()

    assert "deadline" in snapshot.sweep.reason
    assert sweep.clock.seconds == 13.0
    assert sweep.steps[-1].cost_seconds == 13.0  # one whole trial, and four seconds of another


def test_nobody_is_taken_for_stalled_between_two_reports() -> None:
    sweep = SimulatedSweep(a_sweep(max_trials=3, stalled_after=seconds(2)), in_step, LEVELS)

    assert {t.state for t in sweep.run().trials} == {RunState.COMPLETED}


def test_values_that_are_no_numbers_are_never_the_best() -> None:
    def half_of_them(configuration: Configuration, level: int) -> Outcome:
        outcome = in_step(configuration, level)
        broken = Outcome(value=math.nan, seconds=outcome.seconds)
        return broken if float(configuration["x"]) < 0.5 else outcome

    sweep = SimulatedSweep(a_sweep(max_failures=100), half_of_them, LEVELS)
    sweep.run()

    best = sweep.steps[-1].best
    assert best is not None
    assert best >= 0.5


def test_a_strategy_that_waits_for_nothing_is_told_so() -> None:
    class Sulking(ScriptedScheduler):
        def decide(self, measurement: Measurement) -> Decision:
            return Decision.PAUSE

        def promotable(self, *, is_closed: bool) -> int | None:
            return 1  # whoever it was, and again, although nobody is paused

    def strategy(spec: SweepSpec) -> Strategy:
        return Sulking({1: Decision.PAUSE}).strategy(spec)

    sweep = SimulatedSweep(a_sweep(max_trials=1), in_step, LEVELS, make_strategy=strategy)

    with pytest.raises(SimulationStuck):
        sweep.run(resource=10_000)
