"""Search spaces: nothing outside, everything inside reachable, sizes right."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.spaces import Categorical, Constant, Float, Int, Parameter, SearchSpace, key

quick = settings(deadline=None, max_examples=100)
UNITS = st.floats(0.0, 1.0)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)


@quick
@given(st.tuples(FINITE, FINITE), UNITS)
def test_a_float_stays_in_its_range(pair: tuple[float, float], unit: float) -> None:
    low, high = sorted(pair)

    assert low <= Float(low=low, high=high).from_unit(unit) <= high


@quick
@given(st.tuples(POSITIVE, POSITIVE), UNITS)
def test_a_logarithmic_float_stays_in_its_range(pair: tuple[float, float], unit: float) -> None:
    low, high = sorted(pair)

    assert low <= Float(low=low, high=high, log=True).from_unit(unit) <= high


@quick
@given(st.tuples(FINITE, FINITE))
def test_both_ends_of_a_float_are_reached(pair: tuple[float, float]) -> None:
    low, high = sorted(pair)
    parameter = Float(low=low, high=high)

    assert (parameter.from_unit(0.0), parameter.from_unit(1.0)) == (low, high)


@quick
@given(st.tuples(POSITIVE, POSITIVE), UNITS, UNITS)
def test_a_larger_unit_is_no_smaller_value(
    pair: tuple[float, float], one: float, other: float
) -> None:
    low, high = sorted(pair)
    parameter = Float(low=low, high=high, log=True)
    less, more = sorted((one, other))

    assert parameter.from_unit(less) <= parameter.from_unit(more)


@pytest.mark.parametrize(("log", "middle"), [(False, 50.0005), (True, 0.31622776601683794)])
def test_the_middle_of_a_float_depends_on_its_scale(log: bool, middle: float) -> None:
    assert Float(low=0.001, high=100.0, log=log).from_unit(0.5) == pytest.approx(middle)


@quick
@given(st.integers(-(2**53), 2**53), st.integers(0, 2**53), UNITS)
def test_an_int_stays_in_its_range(low: int, width: int, unit: float) -> None:
    value = Int(low=low, high=low + width).from_unit(unit)

    assert isinstance(value, int)
    assert low <= value <= low + width


@quick
@given(st.integers(1, 2**53), st.integers(0, 2**53), UNITS)
def test_a_logarithmic_int_stays_in_its_range(low: int, width: int, unit: float) -> None:
    assert low <= Int(low=low, high=low + width, log=True).from_unit(unit) <= low + width


@quick
@given(st.integers(-500, 500), st.integers(0, 300))
def test_every_int_owns_an_equal_part_of_the_unit_interval(low: int, width: int) -> None:
    parameter, count = Int(low=low, high=low + width), width + 1

    drawn = [parameter.from_unit((index + 0.5) / count) for index in range(count)]

    assert drawn == list(range(low, low + width + 1))


@quick
@given(st.integers(1, 500), st.integers(0, 300))
def test_every_int_of_a_logarithmic_range_is_reached(low: int, width: int) -> None:
    parameter = Int(low=low, high=low + width, log=True)
    first, last = math.log(low - 0.5), math.log(low + width + 0.5)

    for value in range(low, low + width + 1):
        assert parameter.from_unit((math.log(value) - first) / (last - first)) == value


@quick
@given(st.lists(st.integers(), min_size=1, max_size=50, unique=True))
def test_every_choice_owns_an_equal_part_of_the_unit_interval(choices: list[int]) -> None:
    parameter, count = Categorical(choices=tuple(choices)), len(choices)

    assert [parameter.from_unit((i + 0.5) / count) for i in range(count)] == choices
    assert parameter.from_unit(1.0) == choices[-1]


def test_a_constant_never_varies() -> None:
    assert {Constant(value=3).from_unit(unit) for unit in (0.0, 0.5, 1.0)} == {3}
    assert Constant(value=3).values() == (3,)


SMALL: st.SearchStrategy[Parameter] = st.one_of(
    st.builds(lambda low, width: Int(low=low, high=low + width), st.integers(), st.integers(0, 4)),
    st.lists(st.integers(), min_size=1, max_size=4, unique=True).map(
        lambda choices: Categorical(choices=tuple(choices))
    ),
    st.integers().map(lambda value: Constant(value=value)),
    st.floats(-5, 5).map(lambda value: Float(low=value, high=value)),
)


@quick
@given(st.dictionaries(st.sampled_from("abcd"), SMALL, min_size=1))
def test_the_size_is_how_many_configurations_there_are(parameters: dict[str, Parameter]) -> None:
    values = [parameter.values() or () for parameter in parameters.values()]

    assert SearchSpace(parameters=parameters).size() == len(list(itertools.product(*values)))


def test_a_real_range_cannot_be_counted() -> None:
    space = SearchSpace(parameters={"x": Float(low=0.0, high=1.0), "n": Int(low=1, high=3)})

    assert space.size() is None
    assert Float(low=0.0, high=1.0).values() is None


def test_a_huge_range_is_counted_without_being_listed() -> None:
    space = SearchSpace(parameters={"n": Int(low=1, high=2**53), "m": Int(low=1, high=2**53)})

    assert space.size() == 2**106


@quick
@given(st.dictionaries(st.sampled_from("abcd"), SMALL, min_size=1), st.integers(0, 2**32 - 1))
def test_a_sample_has_every_parameter_in_order_and_in_range(
    parameters: dict[str, Parameter], seed: int
) -> None:
    space = SearchSpace(parameters=parameters)

    drawn = space.sample(np.random.default_rng(seed))

    assert list(drawn) == list(parameters)
    assert all(drawn[name] in (p.values() or ()) for name, p in parameters.items())
    assert drawn == space.sample(np.random.default_rng(seed))


def test_configurations_that_differ_in_type_only_are_different() -> None:
    keys = {key({"x": value}) for value in (1, 1.0, True, "1")}

    assert len({repr(k) for k in keys}) == len(keys) == 4


def test_the_order_of_parameters_makes_no_other_configuration() -> None:
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})
