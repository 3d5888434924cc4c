"""How much of a new sweep an earlier one has searched already."""

import dataclasses

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sweeps.graveyard.resemblance import Earlier, overlap, resemblances
from sweeps.ids import SweepId
from sweeps.spaces import (
    Categorical,
    Constant,
    Float,
    Int,
    Ordinal,
    Parameter,
    SearchSpace,
)
from sweeps.specs import SweepSpec, TrialSpec
from tests.factories import LOSS, SCORE, a_space, a_spec


def a_float() -> st.SearchStrategy[Parameter]:
    ends = st.lists(st.integers(1, 1000), min_size=2, max_size=2, unique=True).map(sorted)
    return st.builds(
        lambda ends, log: Float(low=ends[0] / 10, high=ends[1] / 10, log=log), ends, st.booleans()
    )


def an_int() -> st.SearchStrategy[Parameter]:
    ends = st.lists(st.integers(1, 60), min_size=2, max_size=2).map(sorted)
    return st.builds(
        lambda ends, step: Int(low=ends[0], high=ends[1], step=step), ends, st.integers(1, 5)
    )


WORDS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True).map(tuple)
PARAMETERS = st.one_of(
    a_float(),
    an_int(),
    st.builds(lambda c: Categorical(choices=c), WORDS),
    st.builds(lambda c: Ordinal(choices=c), WORDS),
    st.builds(lambda c: Constant(value=c), st.sampled_from("ab")),
)
SPACES = st.dictionaries(st.sampled_from("xyz"), PARAMETERS, min_size=1).map(
    lambda parameters: SearchSpace(parameters=parameters)
)


@given(SPACES, SPACES)
def test_an_overlap_is_a_share(new: SearchSpace, old: SearchSpace) -> None:
    assert 0 <= overlap(new, old) <= 1


@given(SPACES)
def test_a_space_has_been_searched_by_itself(space: SearchSpace) -> None:
    assert overlap(space, space) == pytest.approx(1)


@given(SPACES, SPACES)
def test_what_more_was_searched_takes_nothing_away(new: SearchSpace, old: SearchSpace) -> None:
    more = SearchSpace(parameters={**old.parameters, "more": Float(low=0.0, high=1.0)})

    assert overlap(new, more) == pytest.approx(overlap(new, old))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_wider_range_covers_no_less(a: int, b: int, c: int, d: int) -> None:
    new = a_space(x=Float(low=10.0, high=40.0))
    low, high = sorted((a, b))
    narrow = a_space(x=Float(low=float(low), high=float(high)))
    wide = a_space(x=Float(low=float(low - c), high=float(high + d)))

    assert overlap(new, wide) >= overlap(new, narrow) - 1e-12


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (Float(low=0.0, high=1.0), Float(low=0.5, high=2.0), 0.5),
        (Float(low=1e-4, high=1.0, log=True), Float(low=1e-2, high=1.0), 0.5),
        (Int(low=0, high=9), Int(low=8, high=20), 0.2),
        (Int(low=0, high=8, step=4), Float(low=3.5, high=8.5), 2 / 3),
        (Categorical(choices=("a", "b")), Categorical(choices=("b", "c")), 0.5),
        (Categorical(choices=("a", "b")), Constant(value="a"), 0.5),
        (Int(low=1, high=4), Constant(value=2), 0.25),
        (Float(low=0.0, high=1.0), Constant(value=0.5), 0.0),
        (Constant(value=3), Int(low=1, high=4), 1.0),
        (Constant(value=3), Constant(value=4), 0.0),
        (Float(low=0.0, high=1.0), Float(low=2.0, high=3.0), 0.0),
        (Int(low=0, high=10**12), Categorical(choices=("a",)), 0.0),
    ],
)
def test_parts_are_measured_as_the_new_space_does(
    new: Parameter, old: Parameter, expected: float
) -> None:
    assert overlap(a_space(x=new), a_space(x=old)) == pytest.approx(expected)


def earlier(
    spec: SweepSpec, *, name: str = "digits-bbbbbbbb", data: tuple[str, ...] = ()
) -> Earlier:
    return Earlier(
        sweep_id=SweepId(name),
        spec=spec,
        datasets=data,
        best=0.97,
        takeaway="small is enough",
        is_confirmed=True,
    )


def test_a_sweep_of_the_same_question_is_told_with_what_it_showed() -> None:
    old = a_spec(space=a_space(x=Float(low=0.0, high=0.8)))

    (found,) = resemblances(a_spec(), ["digits@3"], [earlier(old, data=("digits@3",))])

    assert found.sentence() == (
        "sweep digits-bbbbbbbb searched 80% of this space on the same data with the same command: "
        "best loss 0.97; takeaway: small is enough"
    )


@pytest.mark.parametrize(
    "other",
    [
        a_spec(objective=SCORE),
        a_spec(space=a_space(x=Float(low=0.9, high=3.0))),
        dataclasses.replace(
            a_spec(experiment="faces"), trial=TrialSpec(command=("python", "faces.py"))
        ),
    ],
    ids=["objective", "space", "kin"],
)
def test_what_has_little_in_common_is_not_told(other: SweepSpec) -> None:
    assert resemblances(a_spec(objective=LOSS), [], [earlier(other)]) == []


def test_the_closest_comes_first_and_others_are_left_out() -> None:
    spec = a_spec()
    wide = [
        earlier(a_spec(space=a_space(x=Float(low=0.0, high=n / 10))), name=f"digits-aaaaaaa{n}")
        for n in range(4, 10)
    ]

    found = resemblances(spec, [], wide)

    assert [one.sweep_id for one in found] == [
        "digits-aaaaaaa9", "digits-aaaaaaa8", "digits-aaaaaaa7",
    ]  # fmt: skip
