"""Search spaces: nothing outside, everything inside reachable, sizes right."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.spaces import (
    Categorical,
    Constant,
    Float,
    Int,
    LogNormal,
    Normal,
    Ordinal,
    Parameter,
    Prior,
    SearchSpace,
    key,
)

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


def test_values_with_a_step_are_what_a_person_would_write() -> None:
    parameter = Float(low=0.0, high=0.3, step=0.05)

    assert parameter.values() == (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    assert parameter.count() == 7
    assert Float(low=0.1, high=1.0, step=0.4).values() == (0.1, 0.5, 0.9)
    assert Int(low=16, high=70, step=16).values() == (16, 32, 48, 64)


PRIORS: st.SearchStrategy[Prior | None] = st.one_of(
    st.none(),
    st.builds(Normal, mean=st.floats(-2, 5), std=st.floats(0.5, 10)),
    st.builds(LogNormal, mean=st.floats(-1, 1), std=st.floats(0.5, 3)),
)


@st.composite
def numeric(draw: st.DrawFn) -> Float | Int:
    prior = draw(PRIORS)
    log = prior is None and draw(st.booleans())
    if draw(st.booleans()):
        low = draw(st.integers(1, 20))
        step = draw(st.integers(1, 5))
        return Int(
            low=low, high=low + step * draw(st.integers(0, 30)), log=log, step=step, prior=prior
        )
    low = draw(st.integers(1, 30)) / 10
    step = draw(st.none() | st.sampled_from([0.05, 0.1, 0.25, 1.0]))
    return Float(
        low=low, high=low + draw(st.integers(10, 40)) / 10, log=log, step=step, prior=prior
    )


@quick
@given(numeric(), UNITS)
def test_what_comes_from_the_unit_interval_is_contained_and_goes_back(
    parameter: Float | Int, unit: float
) -> None:
    value = parameter.from_unit(unit)
    place = parameter.to_unit(value)

    assert parameter.contains(value)
    assert 0.0 <= place <= 1.0
    # In the unit interval: far out, a prior has values too close there to be told apart.
    assert parameter.to_unit(parameter.from_unit(place)) == pytest.approx(place, abs=1e-9)


@quick
@given(numeric(), UNITS, UNITS)
def test_the_order_of_places_is_the_order_of_values(
    parameter: Float | Int, one: float, other: float
) -> None:
    less, more = sorted((one, other))

    assert parameter.from_unit(less) <= parameter.from_unit(more)
    assert parameter.to_unit(parameter.from_unit(less)) <= parameter.to_unit(
        parameter.from_unit(more)
    )


@quick
@given(numeric().filter(lambda parameter: parameter.prior is None))
def test_every_value_of_a_finite_range_has_a_cell_of_its_own(parameter: Float | Int) -> None:
    values = parameter.values() or ()

    assert [parameter.from_unit(parameter.to_unit(value)) for value in values] == [*values]
    assert all(parameter.contains(value) for value in values)
    assert len(values) == (parameter.count() or 0)


@pytest.mark.parametrize("prior", [Normal(mean=4.0, std=2.0), LogNormal(mean=1.0, std=0.5)])
def test_every_likely_value_of_a_rounded_prior_has_a_cell_of_its_own(prior: Prior) -> None:
    parameter = Int(low=1, high=9, prior=prior)

    values = list(range(1, 10))
    assert [parameter.from_unit(parameter.to_unit(value)) for value in values] == values


@pytest.mark.parametrize(
    ("prior", "median"),
    [(Normal(mean=3.0, std=1.0), 3.0), (LogNormal(mean=1.0, std=0.5), math.e)],
)
def test_half_of_the_draws_are_below_the_median_of_a_prior(prior: Prior, median: float) -> None:
    parameter = Float(low=-1000.0 if isinstance(prior, Normal) else 0.0, high=1000.0, prior=prior)

    assert parameter.from_unit(0.5) == pytest.approx(median)
    assert (parameter.from_unit(0.0), parameter.from_unit(1.0)) != (median, median)


def test_a_prior_is_cut_off_at_the_ends_and_follows_its_distribution_within() -> None:
    parameter = Float(low=0.0, high=1.0, prior=Normal(mean=0.0, std=1.0))

    assert (parameter.from_unit(0.0), parameter.from_unit(1.0)) == (0.0, 1.0)
    # half of the mass between 0 and 1, of 0.3413
    assert parameter.from_unit(0.5) == pytest.approx(0.4418, abs=1e-3)


def test_ordered_choices_have_places_in_their_order() -> None:
    size = Ordinal(choices=("small", "medium", "large"))

    assert [size.to_unit(choice) for choice in size.choices] == pytest.approx([1 / 6, 0.5, 5 / 6])
    assert size.from_unit(0.5) == "medium"
    assert size.position("large") == 2


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Float(low=0.0, high=1.0), 2.0),
        (Float(low=0.0, high=1.0), "0.5"),
        (Float(low=0.0, high=1.0), True),
        (Float(low=0.0, high=1.0), math.nan),
        (Float(low=0.0, high=1.0, step=0.25), 0.3),
        (Int(low=0, high=9), 1.0),
        (Int(low=0, high=9), True),
        (Int(low=0, high=9, step=2), 3),
        (Categorical(choices=(1, "1")), 1.0),
        (Ordinal(choices=(1, 2)), True),
        (Constant(value=1), 1.0),
    ],
)
def test_what_is_no_value_is_not_contained(parameter: Parameter, value: float | str) -> None:
    assert not parameter.contains(value)
