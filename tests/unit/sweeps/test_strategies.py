"""How a sweep file names a strategy, and where its random numbers come from."""

import numpy as np
import pytest

from sweeps.journal import Measurement
from sweeps.schedulers.run_to_completion import RunToCompletion
from sweeps.searchers.bayesian_search import BayesianSearch
from sweeps.searchers.grid_search import GridSearch
from sweeps.searchers.random_search import RandomSearch
from sweeps.states import Decision
from sweeps.strategies import make_strategy, suggestion_rng, trial_seed
from tests.factories import a_spec


@pytest.mark.parametrize(
    ("name", "searcher"),
    [("random", RandomSearch), ("grid", GridSearch), ("bayes", BayesianSearch)],
)
def test_every_strategy_has_its_searcher_and_runs_to_completion(
    name: str, searcher: type[object]
) -> None:
    strategy = make_strategy(a_spec(strategy=name))

    assert isinstance(strategy.searcher, searcher)
    assert isinstance(strategy.scheduler, RunToCompletion)


def test_a_strategy_that_nobody_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="astrology"):
        make_strategy(a_spec(strategy="astrology"))


def test_running_to_completion_never_intervenes() -> None:
    scheduler = RunToCompletion()

    measurement = Measurement(number=1, level=1, loss=float("nan"))
    assert scheduler.rungs(1) == ()
    assert scheduler.rung_at(1, 5) is None
    assert scheduler.decide(measurement) is Decision.CONTINUE
    assert scheduler.promotable(is_closed=True) is None


def test_suggestions_have_their_own_random_numbers_whenever_they_are_made() -> None:
    def draw(seed: int, number: int) -> float:
        return suggestion_rng(seed, number).random()

    draws = [draw(seed, number) for seed in range(10) for number in range(1, 50)]

    assert draw(3, 4) == draw(3, 4)
    assert len(set(draws)) == len(draws)


def test_seeds_of_trials_are_32_bits_and_far_apart() -> None:
    seeds = [trial_seed(seed, number) for seed in range(10) for number in range(1, 200)]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert np.std(seeds) > 2**29


def test_the_largest_seed_a_file_may_name_works() -> None:
    assert trial_seed(2**32 - 1, 1) != trial_seed(2**32 - 2, 1)
