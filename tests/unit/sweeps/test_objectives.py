"""The one place where `maximize` is turned around."""

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import LOSS, SCORE

_numbers = st.floats(allow_nan=False)


@given(value=_numbers)
def test_a_loss_turned_around_twice_is_what_it_was(value: float) -> None:
    assert SCORE.loss(SCORE.loss(value)) == value
    assert LOSS.loss(value) == value


@given(one=_numbers, other=_numbers)
def test_better_means_lower_for_a_loss_and_higher_for_a_score(one: float, other: float) -> None:
    assert LOSS.is_better(one, other) == (one < other)
    assert SCORE.is_better(one, other) == (one > other)
