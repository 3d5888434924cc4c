"""Independent draws that never repeat themselves where that can be avoided."""

import pytest

from sweeps.journal import Journal
from sweeps.searchers.random_search import RandomSearch
from sweeps.spaces import Categorical, Configuration, Constant, Float, Int, SearchSpace
from sweeps.strategies import suggestion_rng
from tests.factories import LOSS, a_space, a_suggestion

_MIXED = a_space(
    n=Int(low=1, high=4), kind=Categorical(choices=(1, "1", True)), k=Constant(value=0)
)


def draws(space: SearchSpace, n: int, *, seed: int = 7) -> list[Configuration | None]:
    """What the search answers to that many questions."""
    search, journal = RandomSearch(space), Journal(LOSS)
    found: list[Configuration | None] = []
    for number in range(1, n + 1):
        rng = suggestion_rng(seed, number)
        configuration = search.suggest(number=number, history=journal.history(), rng=rng)
        found.append(configuration)
        if configuration is not None:
            journal.ask(a_suggestion(number, configuration=configuration))
    return found


def keys(found: list[Configuration | None]) -> set[tuple[object, ...]]:
    return {
        tuple((name, type(value), value) for name, value in (configuration or {}).items())
        for configuration in found
    }


def test_a_finite_space_is_used_up_without_repetition() -> None:
    found = draws(_MIXED, 14)

    assert len(keys(found[:12])) == 12
    assert found[12:] == [None, None]


def test_a_space_of_one_point_has_one_suggestion() -> None:
    assert draws(a_space(x=Float(low=1.0, high=1.0)), 2) == [{"x": 1.0}, None]


def test_a_space_that_cannot_be_listed_goes_on() -> None:
    assert None not in draws(a_space(n=Int(low=0, high=10**12)), 50)


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    space = a_space(x=Float(low=0.0, high=1.0), n=Int(low=1, high=1000))

    assert draws(space, 10, seed=1) == draws(space, 10, seed=1)
    assert draws(space, 10, seed=1) != draws(space, 10, seed=2)


def test_trials_of_one_sweep_differ() -> None:
    found = draws(a_space(x=Float(low=0.0, high=1.0)), 100)

    assert len(keys(found)) == 100


@pytest.mark.parametrize("log", [False, True])
def test_draws_cover_the_whole_range_and_stay_in_it(log: bool) -> None:
    found = draws(a_space(x=Float(low=1e-3, high=1.0, log=log)), 400)

    values = sorted(float(c["x"]) for c in found if c is not None)
    middle = 1e-3**0.5 if log else 0.5005
    assert 1e-3 <= values[0] < values[-1] <= 1.0
    assert 150 < sum(value < middle for value in values) < 250
