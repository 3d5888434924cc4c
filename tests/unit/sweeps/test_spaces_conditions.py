"""Conditional parameters and constraints: what is drawn, listed and counted is the same."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.spaces import (
    Categorical,
    Condition,
    Configuration,
    Constant,
    Constraint,
    ConstraintFault,
    Float,
    Int,
    Ordinal,
    Parameter,
    SearchSpace,
    key,
)
from sweeps.spaces.constraint_kinds import ValueKind, check

quick = settings(deadline=None, max_examples=100)
NAMES = ("a", "b", "c", "d", "e", "f")
SEEDS = st.integers(0, 2**32 - 1)
SMALL: st.SearchStrategy[Parameter] = st.one_of(
    st.builds(lambda low, width: Int(low=low, high=low + width), st.integers(-3, 3), st.integers(0, 3)),
    st.builds(lambda n, step: Int(low=0, high=n, step=step), st.integers(2, 6), st.integers(1, 2)),
    st.integers(1, 3).map(lambda n: Categorical(choices=tuple(range(n)))),
    st.integers(1, 3).map(lambda n: Ordinal(choices=tuple(range(n)))),
    st.integers(0, 2).map(lambda value: Constant(value=value)),
    st.just(Float(low=0.0, high=0.3, step=0.1)),
)  # fmt: skip
TEXTS = [
    "a <= b",
    "c != 1",
    "a + b < 4",
    "a * b >= 0 or c == 2",
    "not (d > 1 and e > 1)",
    "f / a > 0",
]


@st.composite
def spaces(draw: st.DrawFn, *, constrained: bool = True) -> SearchSpace:
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, 6))]
    parameters = {name: draw(SMALL) for name in names}
    conditions: dict[str, Condition] = {}
    order = draw(st.permutations(names))  # not the order of the file
    for index, name in enumerate(order):
        parents = [p for p in order[:index] if not isinstance(parameters[p], Float)]
        chosen = (
            draw(st.lists(st.sampled_from(parents), max_size=2, unique=True)) if parents else []
        )
        condition: dict[str, tuple[Any, ...]] = {}
        for parent in chosen:
            values = parameters[parent].values() or ()
            some = draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
            condition[parent] = tuple(some)
        if condition:
            conditions[name] = condition
    texts = draw(st.lists(st.sampled_from(TEXTS), max_size=2, unique=True)) if constrained else []
    return SearchSpace(
        parameters=parameters,
        conditions=conditions,
        constraints=tuple(map(Constraint, texts)),
    )


def brute_force(space: SearchSpace) -> set[object]:
    """Every configuration, found by trying all values of all parameters, absent ones included."""
    found: set[object] = set()
    axes = [(*(parameter.values() or ()), None) for parameter in space.parameters.values()]
    for row in itertools.product(*axes):
        pairs = zip(space.parameters, row, strict=True)
        configuration: Configuration = {name: v for name, v in pairs if v is not None}
        if space.contains(configuration):
            found.add(key(configuration))
    return found


@quick
@given(spaces())
def test_what_is_listed_is_every_configuration_once(space: SearchSpace) -> None:
    listed = [key(configuration) for configuration in space.configurations()]

    assert len(listed) == len(set(listed))
    assert set(listed) == brute_force(space)


@quick
@given(spaces())
def test_the_size_is_the_number_of_configurations(space: SearchSpace) -> None:
    assert space.size() == len(list(space.configurations()))


@quick
@given(spaces(constrained=False), SEEDS)
def test_a_sample_is_in_the_space_and_in_the_order_of_the_file(
    space: SearchSpace, seed: int
) -> None:
    drawn = space.sample(np.random.default_rng(seed))

    assert space.contains(drawn)
    assert list(drawn) == [name for name in space.parameters if name in drawn]
    assert drawn == space.sample(np.random.default_rng(seed))
    assert all(space.is_active(name, drawn) == (name in drawn) for name in space.parameters)


@quick
@given(spaces(), SEEDS)
def test_constraints_always_hold_in_what_is_drawn(space: SearchSpace, seed: int) -> None:
    drawn = space.complete({}, np.random.default_rng(seed), draws=50)

    if drawn is not None:
        assert all(constraint.holds(drawn) for constraint in space.constraints)
        assert key(drawn) in {key(c) for c in space.configurations()}


@quick
@given(spaces(constrained=False), SEEDS, st.data())
def test_a_part_of_a_configuration_is_completed(
    space: SearchSpace, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    whole = space.sample(rng)
    kept = data.draw(st.sets(st.sampled_from(sorted(whole))))

    partial = {name: whole[name] for name in kept}
    completed = space.complete(partial, rng)

    if completed is not None:  # parents that are drawn may exclude each other
        assert space.contains(completed)
        assert partial.items() <= completed.items()
    assert space.complete(whole, rng) == whole


def test_what_a_part_needs_to_be_there_is_chosen_for_it() -> None:
    space = SearchSpace(
        parameters={"n": Int(low=1, high=2**50), "x": Float(low=0.0, high=1.0)},
        conditions={"x": {"n": (5, 7)}},
    )

    completed = space.complete({"x": 0.5}, np.random.default_rng(0))

    assert completed is not None
    assert completed["n"] in {5, 7}
    assert space.size() is None


def test_huge_conditional_spaces_are_counted_without_being_listed() -> None:
    parameters: dict[str, Parameter] = {"kind": Int(low=1, high=10**9)}
    conditions: dict[str, Condition] = {}
    for index in range(60):
        parameters[f"x{index}"] = Int(low=1, high=10)
        conditions[f"x{index}"] = {"kind": (index % 3 + 1,)}
    space = SearchSpace(parameters=parameters, conditions=conditions)

    assert space.size() == 3 * 10**20 + (10**9 - 3)


def test_a_chain_of_conditions_is_counted() -> None:
    names = [f"x{index}" for index in range(50)]
    space = SearchSpace(
        parameters={name: Categorical(choices=("on", "off")) for name in names},
        conditions={name: {before: ("on",)} for before, name in itertools.pairwise(names)},
    )

    assert space.size() == 51


def test_conditions_in_a_circle_are_an_error() -> None:
    space = SearchSpace(
        parameters={"a": Int(low=1, high=2), "b": Int(low=1, high=2)},
        conditions={"a": {"b": (1,)}, "b": {"a": (1,)}},
    )

    with pytest.raises(ValueError, match="circle"):
        space.sample(np.random.default_rng(0))


def test_constraints_that_nothing_satisfies_are_an_error_and_not_a_hang() -> None:
    space = SearchSpace(
        parameters={"x": Float(low=0.0, high=1.0)}, constraints=(Constraint("x > 2"),)
    )

    with pytest.raises(ValueError, match="no configuration"):
        space.sample(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("text", "configuration", "holds"),
    [
        ("a <= b", {"a": 1, "b": 1}, True),
        ("a < b", {"a": 1, "b": 1}, False),
        ("a < b", {"a": 1}, True),
        ("0 < a < b ** 2", {"a": 3, "b": 2}, True),
        ("a / b > 1", {"a": 1, "b": 0}, False),
        ("b ** a > 1", {"a": 1e9, "b": 1e9}, False),
        ("9 ** 9 ** 9 ** a > 1", {"a": 9}, False),
        ("a ** 0.5 < 9", {"a": -1}, False),
        ("kind in ['x', 'y']", {"kind": "y"}, True),
        ("kind not in ('x',)", {"kind": "x"}, False),
        ("use == true and net.depth % 2 == 0", {"use": True, "net.depth": 4}, True),
        ("not use or min(a, 3) == max(a) == abs(-a)", {"use": True, "a": 2}, True),
        ("a // 2 - 1 == +0", {"a": 3}, True),
    ],
)
def test_a_constraint_says_what_it_says(
    text: str, configuration: Configuration, holds: bool
) -> None:
    assert Constraint(text).holds(configuration) is holds


def test_constraints_are_what_their_text_is() -> None:
    assert Constraint("a<b") == Constraint("a<b")
    assert Constraint("net.a < b - b").names == ("net.a", "b")


BITS = st.sampled_from(
    ["a", "b", "word", "net.x", " ", "1", "0.5", "1e9", "'x'", "(", ")", "[", "]", ",", "+", "-", "*",
     "**", "/", "//", "%", "<", "<=", "==", "!=", " in ", " not ", " and ", " or ", "min(", "max(",
     "abs(", "lambda ", ":", ".", "__class__", "true", "None", "\\", "\n", "{", "}", "@", "~", ":="]
)  # fmt: skip
KINDS = {
    "a": ValueKind.NUMBER,
    "b": ValueKind.TRUTH,
    "word": ValueKind.TEXT,
    "net.x": ValueKind.MIXED,
}


@settings(deadline=None, max_examples=500)
@given(st.lists(BITS | st.characters(), max_size=14).map("".join))
def test_any_text_is_refused_in_words_or_can_be_evaluated(text: str) -> None:
    constraint = Constraint(text)
    try:
        check(constraint, KINDS)
    except ConstraintFault:
        return
    for a, b in ((0, True), (-3, False), (2.5, True)):
        configuration = {"a": a, "b": b, "word": "x", "net.x": 1}
        assert constraint.holds(configuration) in {True, False}


@pytest.mark.parametrize(
    "text", ["-" * 190 + "a < 1", "not " * 45 + "a < 1", "(" * 90 + "a" + ")" * 90 + "<1"]
)
def test_deep_nesting_is_read_or_refused(text: str) -> None:
    check(Constraint(text), KINDS)

    assert Constraint(text).holds({"a": 0}) in {True, False}
