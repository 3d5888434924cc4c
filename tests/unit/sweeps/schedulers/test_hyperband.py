"""Hyperband: the published bracket table, and that nobody waits for ever."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.journal import Measurement
from sweeps.schedulers.hyperband import Hyperband
from sweeps.schedulers.rungs import rung_levels
from sweeps.states import Decision
from tests.unit.sweeps.schedulers.play import Field, by_number

# n_i @ r_i for R=81, eta=3, ceil form: Li et al., JMLR 18 (2018), Algorithm 1.
TABLE = [
    {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
    {3: 34, 9: 11, 27: 3, 81: 1},
    {9: 15, 27: 5, 81: 1},
    {27: 8, 81: 2},
    {81: 5},
]
CYCLE = sum(max(row.values()) for row in TABLE)


def a_hyperband(r: int = 1, high: int = 81) -> Hyperband:
    levels = rung_levels(min_resource=r, max_resource=high, reduction_factor=3)
    return Hyperband(levels, reduction_factor=3)


@pytest.mark.parametrize("slots", [1, 7, 200])
def test_every_bracket_has_the_trials_of_the_table(slots: int) -> None:
    scheduler = a_hyperband()
    field = Field(scheduler, by_number, max_trials=CYCLE, slots=slots)

    field.run()

    first = 1
    for row in TABLE:
        size = max(row.values())
        numbers = range(first, first + size)
        first += size
        of_bracket = {
            level: sum(number in numbers for number in met) for level, met in field.met.items()
        }
        assert {level: n for level, n in sorted(of_bracket.items()) if n} == row


def test_a_second_cycle_is_like_the_first() -> None:
    scheduler = a_hyperband()

    assert [scheduler.rungs(n) for n in (1, 81, 82, 115, 116, 143)] == [
        scheduler.rungs(n + CYCLE) for n in (1, 81, 82, 115, 116, 143)
    ]
    assert scheduler.rungs(1) == (1, 3, 9, 27, 81)
    assert scheduler.rungs(CYCLE) == (81,)


def test_a_rung_waits_for_all_of_its_bracket() -> None:
    scheduler = a_hyperband(high=3)  # brackets of 3 and 2
    for number in (1, 2, 3):
        scheduler.start(number)
    waits = []
    for number in (1, 2, 3):
        scheduler.decide(Measurement(number=number, level=1, loss=float(-number)))
        waits.append(scheduler.promotable(is_closed=False))

    assert waits == [None, None, 3]


def test_a_failed_trial_is_not_waited_for() -> None:
    scheduler = a_hyperband(high=3)
    for number in (1, 2, 3):
        scheduler.start(number)
    for number in (1, 2):
        scheduler.decide(Measurement(number=number, level=1, loss=float(number)))

    scheduler.conclude(3)

    assert scheduler.promotable(is_closed=False) == 1


def test_a_bracket_that_the_end_cut_short_brings_its_best_to_the_top() -> None:
    scheduler = a_hyperband()
    field = Field(scheduler, by_number, max_trials=4, slots=2)

    field.run()

    assert field.met[81] == [4]


def test_the_last_rung_and_what_is_not_finite() -> None:
    scheduler = a_hyperband(high=3)
    scheduler.start(1)

    assert scheduler.decide(Measurement(number=1, level=1, loss=math.nan)) is Decision.STOP
    assert scheduler.decide(Measurement(number=1, level=3, loss=math.nan)) is Decision.CONTINUE


def test_a_trial_that_skipped_a_rung_is_not_waited_for_at_it() -> None:
    scheduler = a_hyperband(high=9)  # 9 trials at 1, 3 at 3, 1 at 9
    for number in range(1, 10):
        scheduler.start(number)
        level = 3 if number == 1 else 1
        scheduler.decide(Measurement(number=number, level=level, loss=float(number)))
    for number in (1, 2, 3):
        assert scheduler.promotable(is_closed=False) == number
        scheduler.promote(number)
    for number in (2, 3):
        scheduler.decide(Measurement(number=number, level=3, loss=float(number)))

    assert scheduler.promotable(is_closed=False) == 1


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 200),
    slots=st.integers(1, 20),
    failing=st.sampled_from([0.0, 0.2, 0.9]),
    odd=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_it_always_ends_and_no_rung_is_too_full(
    seed: int, n: int, slots: int, failing: float, odd: float
) -> None:
    def loss(number: int, level: int) -> float:
        chance = random.Random(f"{seed} {number} {level}")
        return math.nan if chance.random() < odd else round(chance.random(), 1)

    def fails(number: int, level: int) -> bool:
        return random.Random(f"{seed} {number} {level} fails").random() < failing

    def play() -> Field:
        field = Field(a_hyperband(high=27), loss, n, slots, fails, random.Random(seed))
        field.run()
        return field

    field = play()

    assert field.n_started == n
    assert play().events == field.events
    promotions = [number for what, number, _ in field.events if what == "promote"]
    assert all(promotions.count(number) <= 3 for number in set(promotions))
    sizes = {1: 27, 3: 9 + 12, 9: 3 + 4 + 6, 27: 1 + 1 + 2 + 4}
    cycles = math.ceil(n / 49) + 1
    assert all(count <= sizes[level] * cycles for level, count in field.counts().items())
