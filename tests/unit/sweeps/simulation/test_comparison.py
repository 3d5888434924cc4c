"""Strategies on the same curves: regret, what it cost, and what random search's result is worth."""

import math

import pytest

from sweeps.simulation.comparison import Comparison, compare
from sweeps.simulation.curves import Outcome
from sweeps.simulation.simulated_run import simulate
from sweeps.spaces import Configuration, Float, SearchSpace
from sweeps.specs import SchedulerSpec, SearcherSpec, StrategySpec, SweepSpec
from tests.factories import LOSS, SCORE, a_spec

LEVELS = (1, 3, 9)
SPACE = SearchSpace(parameters={"x": Float(low=0.0, high=1.0)})
RANDOM = StrategySpec(name="random")
ASHA = StrategySpec(name="asha", scheduler=SchedulerSpec(name="asha", max_resource=9))
GRID = StrategySpec(name="grid", searcher=SearcherSpec(name="grid", points_per_parameter=5))
STRATEGIES = {"random": RANDOM, "asha": ASHA, "grid": GRID}


def curves(configuration: Configuration, level: int) -> Outcome:
    return Outcome(value=abs(float(configuration["x"]) - 0.3) + 1 / level, seconds=2.0 * level)


def a_sweep(**changes: object) -> SweepSpec:
    return a_spec(**{"space": SPACE, "max_trials": 20, "max_parallel": 2, "seed": 5, **changes})  # type: ignore[arg-type]


def compared(**changes: object) -> Comparison:
    options = {"seeds": 5, "reference": 1 / 9, "goal_strategy": "random", **changes}
    return compare(a_sweep(), STRATEGIES, curves, LEVELS, **options)  # type: ignore[arg-type]


def test_every_strategy_meets_the_same_seeds_in_the_order_asked_for() -> None:
    comparison = compared()

    assert [figures.strategy for figures in comparison.strategies] == list(STRATEGIES)
    assert [run.seed for run in comparison.runs] == [5, 6, 7, 8, 9] * 3


def test_the_same_comparison_twice_is_the_same() -> None:
    assert compared() == compared()


def test_early_stopping_gets_as_far_as_random_search_for_less() -> None:
    comparison = compared()
    random, asha, _ = comparison.strategies

    assert asha.resource < random.resource / 2
    assert random.resource_to_goal <= random.resource == 20 * 9
    assert asha.resource_to_goal < random.resource_to_goal
    assert asha.cost_to_goal == 2.0 * asha.resource_to_goal
    assert 0 < asha.stopped_share < 1
    assert random.stopped_share == random.n_stopped == 0


def test_a_budget_in_whole_trainings_is_spent_by_all() -> None:
    comparison = compared(evaluations=10)

    for run in comparison.runs:
        if run.strategy != "grid":
            assert 90 <= run.resource < 90 + 2 * 9
    assert max(run.n_trials for run in comparison.runs if run.strategy == "asha") > 20


def test_a_grid_ends_when_it_is_exhausted() -> None:
    grid = compared().strategies[-1]

    assert grid.n_trials == 5
    assert grid.best == pytest.approx(1 / 9 + 0.05)
    assert grid.regret == pytest.approx(0.05)


def test_regret_is_measured_against_the_best_found_when_nobody_knows_better() -> None:
    comparison = compared(reference=None)

    best = min(run.best for run in comparison.runs if run.best is not None)
    assert comparison.reference == best
    assert min(comparison.regret(run.best) for run in comparison.runs) == 0


def test_a_reference_that_was_beaten_is_none() -> None:
    assert compared(reference=5.0).reference < 1.0


def test_regret_falls_while_resource_is_spent() -> None:
    comparison = compared()
    regrets = [comparison.regret_at("asha", resource) for resource in range(0, 100, 5)]

    assert regrets[0] == math.inf
    assert regrets == sorted(regrets, reverse=True)
    assert regrets[-1] == comparison.strategies[1].regret


@pytest.mark.parametrize("objective", [LOSS, SCORE])
def test_a_strategy_that_never_trains_to_the_end_is_infinitely_bad(objective: object) -> None:
    def broken(configuration: Configuration, level: int) -> Outcome:
        return Outcome(value=math.nan, seconds=1.0)

    spec = a_sweep(objective=objective, max_failures=100)
    comparison = compare(spec, {"asha": ASHA, "random": RANDOM}, broken, LEVELS, seeds=2)

    for figures in comparison.strategies:
        assert figures.best is None
        assert figures.best_range is None
        assert figures.regret == figures.resource_to_goal == math.inf


def test_maximising_is_minimising_turned_around() -> None:
    def turned(configuration: Configuration, level: int) -> Outcome:
        outcome = curves(configuration, level)
        return Outcome(value=-outcome.value, seconds=outcome.seconds)

    one = compare(a_sweep(objective=LOSS), STRATEGIES, curves, LEVELS, seeds=2)
    other = compare(a_sweep(objective=SCORE), STRATEGIES, turned, LEVELS, seeds=2)

    assert [f.regret for f in one.strategies] == [f.regret for f in other.strategies]
    assert one.reference == -other.reference


def test_a_run_counts_its_repetitions() -> None:
    space = SearchSpace(parameters={"x": Float(low=0.0, high=1.0, step=0.5)})

    run = simulate(a_sweep(space=space, max_trials=3), curves, LEVELS)

    assert run.strategy == "random"
    assert run.n_trials == 3
    assert run.duplicate_rate == 0
