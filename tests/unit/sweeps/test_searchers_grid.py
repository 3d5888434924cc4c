"""Every combination, in the order of the file, the last parameter fastest."""

import itertools

import numpy as np
import pytest

from sweeps.searchers.grid_search import GridSearch, axis, configuration_at, grid_size
from sweeps.spaces import Categorical, Constant, Float, Int, Parameter, Scalar
from tests.factories import a_history, a_space

_RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Float(low=0.0, high=1.0), (0.0, 0.5, 1.0)),
        (Float(low=2.0, high=2.0), (2.0,)),
        (Int(low=1, high=3), (1, 2, 3)),
        (Int(low=0, high=100), (0, 50, 100)),
        (Int(low=1, high=100, log=True), (1, 10, 100)),
        (Int(low=-1, high=0), (-1, 0)),
        (Categorical(choices=("b", "a")), ("b", "a")),
        (Constant(value=True), (True,)),
    ],
)
def test_an_axis_has_both_ends_and_no_value_twice(
    parameter: Parameter, values: tuple[Scalar, ...]
) -> None:
    found = axis(parameter, points_per_parameter=3)

    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_a_logarithmic_axis_has_equal_ratios() -> None:
    low, middle, high = axis(Float(low=1e-4, high=1e-2, log=True), points_per_parameter=3)

    assert (low, high) == (1e-4, 1e-2)
    assert middle == pytest.approx(1e-3)


def test_a_narrow_logarithmic_range_of_integers_has_no_value_twice() -> None:
    values = axis(Int(low=1, high=12, log=True), points_per_parameter=11)

    assert (values[0], values[-1]) == (1, 12)
    assert len(set(values)) == len(values) < 11


def test_combinations_come_in_the_order_of_the_file_the_last_parameter_fastest() -> None:
    space = a_space(a=Categorical(choices=("r", "g")), b=Int(low=1, high=3), c=Constant(value="k"))
    search = GridSearch(space, points_per_parameter=5)

    asked = [search.suggest(number=number, history=a_history(), rng=_RNG) for number in range(1, 9)]

    assert asked == [
        *({"a": a, "b": b, "c": "k"} for a, b in itertools.product(("r", "g"), (1, 2, 3))),
        None,
        None,
    ]


@pytest.mark.parametrize("points", [1, 2, 5, 7])
def test_the_size_is_the_number_of_combinations(points: int) -> None:
    space = a_space(
        lr=Float(low=1e-4, high=1.0, log=True),
        fixed=Float(low=1.0, high=1.0),
        n=Int(low=1, high=64, log=True),
        m=Int(low=0, high=3),
        kind=Categorical(choices=("a", "b")),
    )
    search = GridSearch(space, points_per_parameter=points)

    size = grid_size(space, points_per_parameter=points)
    found = [search.suggest(number=n, history=a_history(), rng=_RNG) for n in range(1, size + 2)]

    assert None not in found[:-1]
    assert found[-1] is None
    assert len({tuple((c or {}).items()) for c in found[:-1]}) == size


def test_the_size_of_a_huge_grid_is_counted_without_listing_it() -> None:
    space = a_space(**{f"n{i}": Int(low=0, high=10**9) for i in range(10)})

    assert grid_size(space, points_per_parameter=1000) == 1000**10


def test_any_combination_is_found_without_the_others() -> None:
    found = configuration_at({f"n{i}": range(10) for i in range(6)}, 123_456)

    assert list(found.values()) == [1, 2, 3, 4, 5, 6]
