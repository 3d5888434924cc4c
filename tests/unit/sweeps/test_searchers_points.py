"""Sobol' and Latin hypercube search: point n for trial n, evenly spread, nothing twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sweeps.journal import Journal
from sweeps.searchers.catalog import make_searcher
from sweeps.searchers.lhs_search import DEFAULT_BLOCK, lhs_search
from sweeps.searchers.sobol_search import SobolPoints, sobol_search
from sweeps.spaces import (
    Categorical,
    Configuration,
    Constant,
    Constraint,
    Float,
    Int,
    SearchSpace,
    key,
)
from sweeps.specs import SearcherSpec
from sweeps.strategies import Searcher, suggestion_rng
from tests.factories import LOSS, a_history, a_space, a_suggestion

KINDS = ["sobol", "lhs"]
FLOATS = a_space(x=Float(low=0.0, high=1.0), y=Float(low=0.0, high=1.0), k=Constant(value=3))


def a_searcher(kind: str, space: SearchSpace, *, seed: int = 7) -> Searcher:
    return make_searcher(SearcherSpec(name=kind), space, levels=(), seed=seed, trials=32)


def asked(searcher: Searcher, n: int) -> list[Configuration | None]:
    journal = Journal(LOSS)
    found: list[Configuration | None] = []
    for number in range(1, n + 1):
        configuration = searcher.suggest(
            number=number, history=journal.history(), rng=suggestion_rng(7, number)
        )
        found.append(configuration)
        if configuration is not None:
            journal.ask(a_suggestion(number, configuration=configuration))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_trials_point_depends_on_number_and_seed_only(kind: str) -> None:
    in_order = asked(a_searcher(kind, FLOATS), 100)
    later = a_searcher(kind, FLOATS).suggest(
        number=77, history=a_history(), rng=np.random.default_rng(1)
    )

    assert in_order[76] == later
    assert in_order != asked(a_searcher(kind, FLOATS, seed=8), 100)
    assert len({key(c) for c in in_order if c is not None}) == 100


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x", "y"])
def test_every_part_of_a_range_is_met_equally_often(kind: str, name: str) -> None:
    found = asked(a_searcher(kind, FLOATS), 32)

    parts = sorted(int(float(c[name]) * 32) for c in found if c is not None)
    assert parts == list(range(32))


@pytest.mark.parametrize("make", [sobol_search, lhs_search])
def test_what_was_tried_first_takes_no_point_away(make: Callable[..., Searcher]) -> None:
    alone, behind = make(FLOATS, seed=7), make(FLOATS, seed=7, tried_first=2)

    first = alone.suggest(number=1, history=a_history(), rng=np.random.default_rng(0))
    third = behind.suggest(number=3, history=a_history(), rng=np.random.default_rng(0))
    before = behind.suggest(number=1, history=a_history(), rng=np.random.default_rng(0))

    assert first == third
    assert before is not None


def test_a_latin_hypercube_of_unknown_length_comes_in_blocks() -> None:
    found = asked(lhs_search(FLOATS, seed=7), 2 * DEFAULT_BLOCK)

    for block in (found[:DEFAULT_BLOCK], found[DEFAULT_BLOCK:]):
        parts = sorted(int(float(c["x"]) * DEFAULT_BLOCK) for c in block if c is not None)
        assert parts == list(range(DEFAULT_BLOCK))


SMALL = SearchSpace(
    parameters={
        "kind": Categorical(choices=("a", "b")),
        "n": Int(low=1, high=4),
        "m": Int(low=1, high=4),
    },
    conditions={"m": {"kind": ("a",)}},
    constraints=(Constraint("n <= m"),),
)


@pytest.mark.parametrize("kind", [*KINDS, "random", "grid"])
def test_a_conditional_and_constrained_space_is_used_up_without_repetition(kind: str) -> None:
    found = asked(a_searcher(kind, SMALL), 16)

    assert {key(c) for c in found[:14] if c is not None} == {key(c) for c in SMALL.configurations()}
    assert SMALL.size() == 14
    assert found[14:] == [None, None]


@pytest.mark.parametrize("kind", [*KINDS, "random"])
def test_constraints_hold_and_absent_parameters_are_absent(kind: str) -> None:
    space = SearchSpace(
        parameters={
            "x": Float(low=0.0, high=1.0),
            "y": Float(low=0.0, high=1.0),
            "on": Categorical(choices=(True, False)),
            "z": Float(low=0.0, high=1.0),
        },
        conditions={"z": {"on": (True,)}},
        constraints=(Constraint("x + y < 0.5"),),
    )

    assert all(c is not None and space.contains(c) for c in asked(a_searcher(kind, space), 64))


@pytest.mark.parametrize("kind", KINDS)
def test_a_space_of_one_point_has_one_suggestion(kind: str) -> None:
    assert asked(a_searcher(kind, a_space(x=Constant(value=1))), 2) == [{"x": 1}, None]


def test_a_sequence_is_the_same_whoever_asks_for_it_at_once() -> None:
    alone = [SobolPoints(3, seed=1).at(index) for index in (0, 63, 64, 500, 4000)]

    for _ in range(20):
        shared = SobolPoints(3, seed=1)
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(shared.at, (4000, 500, 64, 63, 0, 4000, 500, 64)))
        assert [together[place] for place in (4, 3, 2, 1, 0)] == alone
