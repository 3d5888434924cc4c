"""Predictions: which earlier attempts count, and that what is reserved is enough nine times in ten."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.budgets.predictions import (
    Basis,
    Experience,
    Finished,
    Rates,
    levels_ahead,
    predict,
)
from sweeps.specs import SchedulerSpec

RATES = Rates(usd=Decimal(2), gpus=1)


def took(*seconds: float, levels: int = 0) -> list[Finished]:
    return [Finished(seconds=value, levels=levels) for value in seconds]


def test_trials_of_the_sweep_itself_count_before_those_of_the_experiment() -> None:
    experience = Experience(sweep=took(90, 100, 110), experiment=took(1000, 1000))

    found = predict(experience, rates=RATES, levels=None, timeout=None)

    assert (found.basis, found.observed) == (Basis.SWEEP, 3)
    assert found.seconds == pytest.approx(100)
    assert found.upper_seconds == pytest.approx(110 * (1 + 0.5 / 3))


def test_few_trials_of_the_sweep_are_joined_by_those_of_the_experiment() -> None:
    experience = Experience(sweep=took(100), experiment=took(200, 300))

    found = predict(experience, rates=RATES, levels=None, timeout=None)

    assert (found.basis, found.observed, found.seconds) == (Basis.EXPERIMENT, 3, 200)


def test_without_earlier_trials_the_longest_that_one_may_take_counts() -> None:
    found = predict(Experience(), rates=RATES, levels=None, timeout=1800)

    assert found.basis is Basis.TIMEOUT
    assert (found.usd, found.gpu_hours) == (Decimal(1), 0.5)


def test_without_anything_nobody_can_tell() -> None:
    found = predict(Experience(), rates=RATES, levels=None, timeout=None)

    assert (found.basis, found.upper_usd, found.upper_gpu_hours) == (Basis.NOTHING, None, None)


def test_that_it_uses_no_gpu_is_known_without_anything() -> None:
    found = predict(Experience(), rates=Rates(usd=Decimal(2), gpus=0), levels=None, timeout=None)

    assert (found.upper_usd, found.upper_gpu_hours) == (None, 0.0)


def test_a_timeout_bounds_what_earlier_trials_say() -> None:
    found = predict(Experience(sweep=took(100)), rates=RATES, levels=None, timeout=120)

    assert found.upper_seconds == 120


def test_a_trial_that_goes_on_for_long_raises_what_is_reserved_for_the_next() -> None:
    found = predict(
        Experience(sweep=took(100), longest_live=500), rates=RATES, levels=None, timeout=None
    )

    assert found.upper_seconds == 500


def test_where_most_stop_early_enough_is_reserved_for_one_that_does_not() -> None:
    stopped = took(10, 10, 10, 10, levels=1)

    found = predict(Experience(sweep=stopped), rates=RATES, levels=27, timeout=None)

    assert found.seconds == 10
    assert found.upper_seconds == pytest.approx(10 * (1 + 0.5 / 4) * 27)


def test_without_a_price_the_time_is_predicted_all_the_same() -> None:
    found = predict(
        Experience(sweep=took(3600)), rates=Rates(usd=None, gpus=2), levels=None, timeout=None
    )

    assert (found.usd, found.gpu_hours) == (None, 2.0)


def test_one_strange_trial_moves_nothing() -> None:
    usual = took(*[100.0] * 40)

    found = predict(
        Experience(sweep=[*usual, Finished(seconds=1e6)]), rates=RATES, levels=None, timeout=None
    )

    assert (found.seconds, found.upper_seconds) == (100, 100)


@given(seed=st.integers(0, 50), count=st.integers(1, 200))
def test_about_nine_in_ten_take_no_longer_than_what_is_reserved(seed: int, count: int) -> None:
    source = random.Random(seed)
    earlier = took(*(source.lognormvariate(4, 0.5) for _ in range(count)))
    found = predict(Experience(sweep=earlier), rates=RATES, levels=None, timeout=None)
    assert found.upper_seconds is not None
    assert found.seconds is not None
    within = sum(one.seconds <= found.upper_seconds for one in earlier)

    assert found.seconds <= found.upper_seconds
    assert within >= 0.9 * count - 1


ASHA = SchedulerSpec(name="asha", max_resource=27)


@pytest.mark.parametrize(
    ("scheduler", "reached", "ahead"),
    [
        (SchedulerSpec(), 0, None),
        (ASHA, 0, 27),
        (SchedulerSpec(name="asha", variant="promotion", max_resource=27), 0, 1),
        (SchedulerSpec(name="asha", variant="promotion", max_resource=27), 1, 2),
        (SchedulerSpec(name="asha", variant="promotion", max_resource=27), 9, 18),
        (SchedulerSpec(name="asha", variant="promotion", max_resource=27, brackets=2), 0, 27),
        (SchedulerSpec(name="hyperband", max_resource=27), 0, 27),
        (SchedulerSpec(name="hyperband", max_resource=27), 3, 6),
        (SchedulerSpec(name="median_stopping"), 0, None),
    ],
)
def test_levels_that_an_attempt_may_go_through(
    scheduler: SchedulerSpec, reached: int, ahead: int | None
) -> None:
    assert levels_ahead(scheduler, reached=reached) == ahead
