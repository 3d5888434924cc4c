"""Objectives that are no use, spaces with little in them, machines that die: every strategy ends."""

import math
import random
from collections.abc import Callable

import pytest

from sweeps.ids import AttemptId
from sweeps.simulation.curves import Outcome
from sweeps.simulation.simulated_sweep import SimulatedSweep
from sweeps.spaces import Categorical, Configuration, Constant, Float, SearchSpace
from sweeps.specs import SchedulerSpec
from sweeps.states import ExitReason, RunState, SweepState
from sweeps.trials import SweepSnapshot
from tests.factories import a_spec

LEVELS = (1, 3, 9)
N_TRIALS = 30
STRATEGIES: dict[str, tuple[str, SchedulerSpec | None]] = {
    "random": ("random", None),
    "grid": ("grid", None),
    "sobol": ("sobol", None),
    "lhs": ("lhs", None),
    "bayes": ("bayes", None),
    "asha stopping": ("random", SchedulerSpec(name="asha", max_resource=9)),
    "asha promotion": (
        "random", SchedulerSpec(name="asha", variant="promotion", max_resource=9),
    ),
    "hyperband": ("random", SchedulerSpec(name="hyperband", max_resource=9)),
    "bohb": ("bayes", SchedulerSpec(name="hyperband", max_resource=9)),
    "median stopping": ("random", SchedulerSpec(name="median_stopping", max_resource=9)),
}  # fmt: skip
VALUES: dict[str, Callable[[float], float]] = {
    "all equal": lambda _: 0.5,
    "all NaN": lambda _: math.nan,
    "all infinite": lambda _: -math.inf,
    "huge": lambda x: 1e300 * (x - 0.5),
    "tiny": lambda x: 1e-300 * x,
    "half of them NaN": lambda x: x if x < 0.5 else math.nan,
}
MIXED = SearchSpace(
    parameters={
        "x": Float(low=0.0, high=1.0),
        "kind": Categorical(choices=("1", 1, True, 1.0, "a")),
    }
)
every_strategy = pytest.mark.parametrize("strategy", list(STRATEGIES))


def play(
    strategy: str,
    value: Callable[[float], float],
    *,
    space: SearchSpace = MIXED,
    max_failures: int = 1000,
    fails: Callable[[AttemptId, int], ExitReason | None] = lambda attempt_id, level: None,
) -> SweepSnapshot:
    searcher, scheduler = STRATEGIES[strategy]
    spec = a_spec(
        strategy=searcher,
        scheduler=scheduler,
        space=space,
        max_trials=N_TRIALS,
        max_parallel=4,
        max_failures=max_failures,
        points_per_parameter=6,
        initial_points=4,
    )

    def curves(configuration: Configuration, level: int) -> Outcome:
        x = float(configuration.get("x", 0.5))
        return Outcome(value=value(x), seconds=level * (1 + x))

    return SimulatedSweep(spec, curves, LEVELS, fails=fails).run()


@pytest.mark.parametrize("values", list(VALUES))
@every_strategy
def test_any_objective_ends_with_every_trial_accounted_for(strategy: str, values: str) -> None:
    snapshot = play(strategy, VALUES[values])

    states = {trial.state for trial in snapshot.trials}
    expected = SweepState.FAILED if states == {RunState.FAILED} else SweepState.COMPLETED
    assert snapshot.sweep.state is expected
    assert snapshot.sweep.reason
    assert len(snapshot.trials) == N_TRIALS
    assert all(trial.state.is_terminal for trial in snapshot.trials)
    assert {c.number for c in snapshot.concluded} == {trial.number for trial in snapshot.trials}


@every_strategy
def test_trials_without_a_finite_value_fail_and_so_does_their_sweep(strategy: str) -> None:
    snapshot = play(strategy, VALUES["all NaN"])

    assert {trial.state for trial in snapshot.trials} == {RunState.FAILED}
    assert all("is nan at resource level" in trial.reason for trial in snapshot.trials)
    assert snapshot.sweep.state is SweepState.FAILED
    assert "is nan at resource level" in snapshot.sweep.reason


@every_strategy
def test_a_script_that_only_ever_reports_nan_is_not_repeated_for_long(strategy: str) -> None:
    snapshot = play(strategy, VALUES["all NaN"], max_failures=3)

    assert snapshot.sweep.state is SweepState.FAILED
    assert snapshot.sweep.reason.startswith("the first 3 trials all failed: ")
    assert len(snapshot.trials) < N_TRIALS


@every_strategy
def test_a_space_with_one_point_is_searched(strategy: str) -> None:
    space = SearchSpace(parameters={"epochs": Constant(value=9)})

    snapshot = play(strategy, VALUES["all equal"], space=space)

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert 1 <= len(snapshot.trials) <= N_TRIALS
    assert {tuple(trial.configuration.items()) for trial in snapshot.trials} == {(("epochs", 9),)}


@every_strategy
def test_machines_that_die_under_half_of_the_attempts_are_survived(strategy: str) -> None:
    def fails(attempt_id: AttemptId, level: int) -> ExitReason | None:
        is_bad = random.Random(f"{attempt_id} {level}").random() < 0.5
        return ExitReason.LOST if is_bad else None

    snapshot = play(strategy, VALUES["huge"], fails=fails)

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert all(trial.state.is_terminal for trial in snapshot.trials)
    assert len(snapshot.attempts) > len(snapshot.trials) == N_TRIALS
    assert any(trial.state is not RunState.FAILED for trial in snapshot.trials)
