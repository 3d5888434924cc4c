"""The cheapest trial that is nearly as good as the best."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.reports.bargains import TOLERANCES, bargain, best_of, front
from governance.reports.rows import Priced
from sweeps.objectives import Direction

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE


def trial(number: int, objective: float, cost: str) -> Priced:
    return Priced(number=number, objective=objective, cost_usd=Decimal(cost))


TRIALS = st.lists(
    st.tuples(
        st.sampled_from([0.0, -1.0, 1.0, 0.99, 0.98, 0.95, 100.0, 1e300, -1e300, 5e-324])
        | st.floats(-1e6, 1e6),
        st.decimals(0, 1000, places=2),
    ),
    min_size=1,
    max_size=30,
).map(lambda rows: [Priced(number=n, objective=v, cost_usd=c) for n, (v, c) in enumerate(rows, 1)])


def test_the_best_costs_ten_times_as_much_for_one_percent() -> None:
    trials = [trial(1, 0.90, "1"), trial(2, 0.981, "2"), trial(3, 0.99, "20")]

    found = bargain(trials, UP, tolerance=0.01)

    assert found is not None
    assert (found.trial.number, found.times) == (2, 10.0)
    assert found.worse_by == pytest.approx((0.99 - 0.981) / 0.99)


def test_exactly_one_percent_is_within_one_percent() -> None:
    found = bargain([trial(1, 0.99, "1"), trial(2, 1.0, "9")], UP, tolerance=0.01)

    assert found is not None
    assert found.trial.number == 1


def test_the_direction_decides_what_is_best() -> None:
    trials = [trial(1, 1.0, "1"), trial(2, 1.005, "2"), trial(3, 2.0, "3")]

    assert [best_of(trials, way).number for way in (DOWN, UP)] == [1, 3]  # pyright: ignore[reportOptionalMemberAccess]  there are trials


def test_of_equal_results_the_cheapest_is_the_best_and_then_the_first() -> None:
    trials = [trial(1, 0.5, "9"), trial(2, 0.5, "3"), trial(3, 0.5, "3")]

    best = best_of(trials, DOWN)

    assert best is not None
    assert best.number == 2
    assert front(trials, DOWN) == [trials[1]]


def test_beside_a_best_of_zero_only_its_equals_count() -> None:
    trials = [trial(1, 0.001, "1"), trial(2, 0.0, "5"), trial(3, 0.0, "4")]

    found = bargain(trials, DOWN, tolerance=0.05)

    assert found is not None
    assert (found.trial.number, found.worse_by) == (3, 0.0)


def test_what_costs_nothing_has_no_multiple() -> None:
    found = bargain([trial(1, 1.0, "0"), trial(2, 1.0, "5")], UP, tolerance=0.01)

    assert found is not None
    assert found.times is None


@pytest.mark.parametrize("worthless", [math.nan, math.inf, -math.inf])
def test_results_that_are_no_number_do_not_count(worthless: float) -> None:
    trials = [trial(1, worthless, "0"), trial(2, 0.5, "1")]

    for way in (UP, DOWN):
        assert front(trials, way) == [trials[1]]


@given(trials=TRIALS, way=st.sampled_from([UP, DOWN]), tolerance=st.sampled_from(TOLERANCES))
def test_a_front_says_what_all_trials_say(
    trials: list[Priced], way: Direction, tolerance: float
) -> None:
    kept = front(trials, way)
    of_all, of_front = (bargain(some, way, tolerance=tolerance) for some in (trials, kept))

    assert of_all is not None
    assert of_front is not None
    assert of_front.trial.cost_usd == of_all.trial.cost_usd
    assert of_front.worse_by == of_all.worse_by
    assert of_front.times == of_all.times


@given(trials=TRIALS, way=st.sampled_from([UP, DOWN]), tolerance=st.sampled_from(TOLERANCES))
def test_the_cheapest_is_as_cheap_as_counting_by_hand_says(
    trials: list[Priced], way: Direction, tolerance: float
) -> None:
    values = [one.objective for one in trials]
    best = max(values) if way is UP else min(values)
    near = [
        one.cost_usd
        for one in trials
        if one.objective == best or abs(one.objective - best) <= tolerance * abs(best) * (1 + 1e-9)
    ]

    found = bargain(trials, way, tolerance=tolerance)

    assert found is not None
    assert found.trial.cost_usd == min(near)
    assert 0 <= found.worse_by <= tolerance * (1 + 1e-8)
    assert found.times is None or found.times >= 1


@given(trials=TRIALS, way=st.sampled_from([UP, DOWN]))
def test_a_wider_tolerance_is_never_dearer(trials: list[Priced], way: Direction) -> None:
    costs = [bargain(trials, way, tolerance=t).trial.cost_usd for t in TOLERANCES]  # pyright: ignore[reportOptionalMemberAccess]  there are trials

    assert costs == sorted(costs, reverse=True)


@given(trials=TRIALS, way=st.sampled_from([UP, DOWN]))
def test_no_trial_of_a_front_is_beaten(trials: list[Priced], way: Direction) -> None:
    kept = front(trials, way)
    sign = -1 if way is UP else 1

    for one in kept:
        assert not any(
            other.cost_usd <= one.cost_usd
            and sign * other.objective <= sign * one.objective
            and (other.cost_usd, other.objective) != (one.cost_usd, one.objective)
            for other in trials
        )
