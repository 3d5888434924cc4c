"""Hyperband: the published bracket tables, and that nobody waits for ever."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.journal import Measurement
from sweeps.schedulers.hyperband import Hyperband
from sweeps.schedulers.rungs import rung_levels
from sweeps.states import Decision
from tests.unit.sweeps.schedulers.play import Field, by_number, decisions, retell, sometimes

Table = list[dict[int, int]]  # by bracket, s_max first: trials by rung, n_i by r_i

# Ceil form, the one implemented: Li et al., JMLR 18 (2018), Algorithm 1. By (R, eta).
CEIL: dict[tuple[int, int], Table] = {
    (81, 3): [
        {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
        {3: 34, 9: 11, 27: 3, 81: 1},
        {9: 15, 27: 5, 81: 1},
        {27: 8, 81: 2},
        {81: 5},
    ],
    (27, 3): [{1: 27, 3: 9, 9: 3, 27: 1}, {3: 12, 9: 4, 27: 1}, {9: 6, 27: 2}, {27: 4}],
    (9, 3): [{1: 9, 3: 3, 9: 1}, {3: 5, 9: 1}, {9: 3}],
    (16, 4): [{1: 16, 4: 4, 16: 1}, {4: 6, 16: 1}, {16: 3}],
}
# Floor form, not implemented: hpbandster 0.7.4, optimizers/hyperband.py.
FLOOR: dict[tuple[int, int], Table] = {
    (81, 3): [
        {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
        {3: 27, 9: 9, 27: 3, 81: 1},
        {9: 9, 27: 3, 81: 1},
        {27: 6, 81: 2},
        {81: 5},
    ],
    (27, 3): [{1: 27, 3: 9, 9: 3, 27: 1}, {3: 9, 9: 3, 27: 1}, {9: 6, 27: 2}, {27: 4}],
    (9, 3): [{1: 9, 3: 3, 9: 1}, {3: 3, 9: 1}, {9: 3}],
    (16, 4): [{1: 16, 4: 4, 16: 1}, {4: 4, 16: 1}, {16: 3}],
}
CYCLE = 81 + 34 + 15 + 8 + 5


def a_hyperband(r: int = 1, high: int = 81, eta: int = 3) -> Hyperband:
    levels = rung_levels(min_resource=r, max_resource=high, reduction_factor=eta)
    return Hyperband(levels, reduction_factor=eta)


def brackets(scheduler: Hyperband, field: Field) -> Table:
    """How many trials of each bracket of the first cycle met each rung."""
    table: dict[tuple[int, ...], dict[int, int]] = {}
    for level, numbers in sorted(field.met.items()):
        for number in numbers:
            row = table.setdefault(scheduler.rungs(number), {})
            row[level] = row.get(level, 0) + 1
    return [table[rungs] for rungs in sorted(table, key=len, reverse=True)]


@pytest.mark.parametrize("slots", [1, 7, 200])
@pytest.mark.parametrize(("high", "eta"), CEIL)
def test_every_bracket_has_the_trials_of_the_ceil_table(high: int, eta: int, slots: int) -> None:
    scheduler = a_hyperband(high=high, eta=eta)
    cycle = sum(max(row.values()) for row in CEIL[high, eta])
    field = Field(scheduler, by_number, max_trials=cycle, slots=slots)

    field.run()

    assert brackets(scheduler, field) == CEIL[high, eta]
    assert brackets(scheduler, field) != FLOOR[high, eta]


@pytest.mark.parametrize(("high", "eta"), CEIL)
def test_both_forms_spend_at_most_b_in_a_bracket(high: int, eta: int) -> None:
    # B = (s_max + 1) R; trained anew at each rung, as the paper counts.
    for table in (CEIL[high, eta], FLOOR[high, eta]):
        spent = [sum(level * n for level, n in row.items()) for row in table]
        assert spent[0] == spent[-1] == max(spent) == len(table) * high


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
    for number in (2, 3):  # 1 is at rung 3 already, and does not go on without them
        assert scheduler.promotable(is_closed=False) == number
        scheduler.promote(number)
    waits = []
    for number in (2, 3):
        waits.append(scheduler.promotable(is_closed=False))
        scheduler.decide(Measurement(number=number, level=3, loss=float(number)))

    assert waits == [None, None]
    assert scheduler.promotable(is_closed=False) == 1


def test_a_rung_that_all_survivors_skipped_is_left_at_once() -> None:
    scheduler = a_hyperband(high=9)
    for number in range(1, 10):
        scheduler.start(number)
        level = 3 if number <= 3 else 1
        scheduler.decide(Measurement(number=number, level=level, loss=float(number)))

    assert scheduler.promotable(is_closed=False) == 1

    scheduler.promote(1)

    assert scheduler.promotable(is_closed=False) is None


def test_survivors_that_died_while_they_were_paused_are_not_replaced() -> None:
    scheduler = a_hyperband(high=9)
    for number in range(1, 10):
        scheduler.start(number)
        scheduler.decide(Measurement(number=number, level=1, loss=float(number)))
    for number in (1, 2):
        scheduler.conclude(number)

    assert scheduler.promotable(is_closed=False) == 3

    scheduler.promote(3)
    scheduler.conclude(3)

    assert scheduler.promotable(is_closed=False) is None


@pytest.mark.parametrize("loss", [0.5, 1e308, -1e308])
def test_of_equal_losses_the_first_trials_go_on(loss: float) -> None:
    scheduler = a_hyperband()
    field = Field(scheduler, lambda number, level: loss, max_trials=CYCLE, slots=5)

    field.run()

    assert brackets(scheduler, field) == CEIL[81, 3]
    assert sorted(field.met[81]) == [1, 82, 116, 131, 132, 139, 140, 141, 142, 143]


def test_without_a_finite_loss_only_the_trials_that_begin_there_reach_the_top() -> None:
    scheduler = a_hyperband()
    field = Field(scheduler, lambda number, level: math.nan, max_trials=CYCLE, slots=5)

    field.run()

    assert field.counts() == {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}
    assert not field.paused


def test_questions_about_a_closed_sweep_change_nothing() -> None:
    scheduler = a_hyperband(high=3)
    for number in (1, 2):
        scheduler.start(number)
        scheduler.decide(Measurement(number=number, level=1, loss=float(number)))

    assert scheduler.promotable(is_closed=True) == 1
    assert scheduler.promotable(is_closed=False) is None


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 200), slots=st.integers(1, 20))
def test_the_best_of_each_rung_go_on_in_whatever_order_they_come(
    seed: int, n: int, slots: int
) -> None:
    scheduler = a_hyperband(high=27)

    def loss(number: int, level: int) -> float:
        return random.Random(f"{seed} {number} {level}").random()

    field = Field(scheduler, loss, n, slots, chance=random.Random(seed))
    field.run()

    first = 1
    met: dict[int, set[int]] = {level: set() for level in scheduler.rungs(1)}
    while first <= n:  # bracket by bracket
        rungs = scheduler.rungs(first)
        size = CEIL[27, 3][-len(rungs)][rungs[0]]
        alive = list(range(first, min(first + size, n + 1)))
        n_began = len(alive)
        for place, level in enumerate(rungs):
            met[level].update(alive)
            alive.sort(key=lambda number, level=level: loss(number, level))
            alive = alive[: max(1, n_began // 3 ** (place + 1))]
        first += size
    assert {level: sorted(numbers) for level, numbers in field.met.items()} == {
        level: sorted(numbers) for level, numbers in met.items() if numbers
    }


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 200),
    slots=st.integers(1, 20),
    failing=st.sampled_from([0.0, 0.2, 0.9]),
    odd=st.sampled_from([0.0, 0.3, 1.0]),
    skipping=st.sampled_from([0.0, 0.2]),
)
def test_it_always_ends_and_no_rung_is_too_full(
    seed: int, n: int, slots: int, failing: float, odd: float, skipping: float
) -> None:
    def loss(number: int, level: int) -> float:
        chance = random.Random(f"{seed} {number} {level}")
        return math.nan if chance.random() < odd else round(chance.random(), 1)

    scheduler = a_hyperband(high=27)
    field = Field(
        scheduler,
        loss,
        n,
        slots,
        fails=sometimes(seed, "fails", failing),
        skips=sometimes(seed, "skips", skipping),
        dies=sometimes(seed, "dies", failing / 2),
        chance=random.Random(seed),
    )
    field.run()
    again = a_hyperband(high=27)

    assert field.n_started == n
    assert scheduler.promotable(is_closed=True) is None
    assert retell(field, again) == decisions(field)
    assert again.promotable(is_closed=True) is None
    promotions = [number for what, number, _ in field.events if what == "promote"]
    assert all(promotions.count(number) <= 3 for number in set(promotions))
    if not skipping:  # who skips a rung meets a higher one without a contest
        sizes = {1: 27, 3: 9 + 12, 9: 3 + 4 + 6, 27: 1 + 1 + 2 + 4}
        cycles = math.ceil(n / 49) + 1
        assert all(count <= sizes[level] * cycles for level, count in field.counts().items())
