"""Configurations to try first: in their order, completed, never twice; then the searcher's."""

import pytest

from sweeps.journal import Journal
from sweeps.searchers.catalog import make_searcher
from sweeps.spaces import Categorical, Configuration, Float, Int, SearchSpace, key
from sweeps.specs import SearcherSpec
from sweeps.strategies import suggestion_rng
from tests.factories import LOSS, a_space, a_suggestion

SPACE = a_space(n=Int(low=1, high=3), kind=Categorical(choices=("a", "b")))


def asked(
    kind: str, space: SearchSpace, first: list[Configuration], n: int
) -> list[Configuration | None]:
    searcher = make_searcher(
        SearcherSpec(name=kind), space, levels=(), seed=7, trials=n, initial_configurations=first
    )
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


def test_they_come_first_in_their_order_and_complete() -> None:
    space = a_space(x=Float(low=0.0, high=1.0), n=Int(low=1, high=99))

    found = asked("random", space, [{"x": 0.25, "n": 5}, {"x": 0.75}], 3)

    first, second, third = (c or {} for c in found)
    assert first == {"x": 0.25, "n": 5}
    assert second["x"] == 0.75
    assert list(second) == ["x", "n"]
    assert space.contains(second)
    assert third["x"] not in {0.25, 0.75}
    assert found == asked("random", space, [{"x": 0.25, "n": 5}, {"x": 0.75}], 3)


@pytest.mark.parametrize("kind", ["grid", "random", "sobol", "lhs"])
def test_together_with_the_searchers_they_use_up_the_space_without_repetition(kind: str) -> None:
    first: list[Configuration] = [{"n": 2, "kind": "b"}, {"n": 2}, {"n": 2}, {"kind": "a"}]

    found = asked(kind, SPACE, first, 8)

    assert found[0] == {"n": 2, "kind": "b"}
    assert found[1] == {"n": 2, "kind": "a"}
    assert {key(c) for c in found[:6] if c is not None} == {key(c) for c in SPACE.configurations()}
    assert found[6:] == [None, None]


def test_a_grid_loses_no_combination_to_them() -> None:
    space = a_space(x=Float(low=0.0, high=1.0))

    found = asked("grid", space, [{"x": 0.5}, {"x": 0.3}], 8)

    assert [c and c["x"] for c in found] == [0.5, 0.3, 0.0, 0.25, 0.75, 1.0, None, None]
