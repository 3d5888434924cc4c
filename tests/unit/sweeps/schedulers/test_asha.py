"""ASHA in both forms: published sequences, and what must always hold."""

import math
import random
import time
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.journal import Measurement
from sweeps.schedulers.asha import Asha
from sweeps.states import Decision
from tests.unit.sweeps.schedulers.play import (
    Field,
    by_number,
    decisions,
    retell,
    sometimes,
    worse_by_number,
)

LEVELS = (1, 3, 9)


def an_asha(*, pauses: bool, levels: tuple[int, ...] = LEVELS, brackets: int = 1) -> Asha:
    return Asha(levels, reduction_factor=3, pauses=pauses, brackets=brackets)


def meet(scheduler: Asha, number: int, loss: float, level: int = 1) -> Decision:
    return scheduler.decide(Measurement(number=number, level=level, loss=loss))


# On arrival


def test_the_stopping_form_answers_as_determined_does() -> None:
    # asha_stopping_test.go, TestStopTrials: 0.5 goes on, 0.4 goes on, 0.6 after 0.5 is stopped.
    better, worse = an_asha(pauses=False), an_asha(pauses=False)

    assert [meet(better, 1, 0.5), meet(better, 2, 0.4)] == [Decision.CONTINUE] * 2
    assert [meet(worse, 1, 0.5), meet(worse, 2, 0.6)] == [Decision.CONTINUE, Decision.STOP]


def test_a_rung_with_few_results_is_not_lenient_as_syne_tune_s() -> None:
    # Its documentation lets trials pass while a rung holds fewer than eta results.
    scheduler = an_asha(pauses=False)

    decisions = [meet(scheduler, number, float(number)) for number in (1, 2)]

    assert decisions == [Decision.CONTINUE, Decision.STOP]


def test_a_third_of_many_goes_on() -> None:
    scheduler = an_asha(pauses=False)
    chance = random.Random(1)

    decisions = [meet(scheduler, number, chance.random()) for number in range(1, 3001)]

    assert decisions.count(Decision.CONTINUE) == pytest.approx(1000, rel=0.1)


def test_equal_losses_go_on_together() -> None:
    scheduler = an_asha(pauses=False)

    assert {meet(scheduler, number, 0.1) for number in range(1, 20)} == {Decision.CONTINUE}


@pytest.mark.parametrize("pauses", [True, False])
@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_ended_below_the_top_and_not_at_it(pauses: bool, loss: float) -> None:
    scheduler = an_asha(pauses=pauses)

    assert meet(scheduler, 1, loss) is Decision.STOP
    assert meet(scheduler, 2, loss, level=9) is Decision.CONTINUE
    assert scheduler.promotable(is_closed=True) is None


def test_huge_losses_are_compared_like_others() -> None:
    scheduler = an_asha(pauses=False)

    decisions = [meet(scheduler, n, loss) for n, loss in enumerate([1e300, 1e299, 1e301], 1)]

    assert decisions == [Decision.CONTINUE, Decision.CONTINUE, Decision.STOP]


# Promotion


def test_nobody_is_promoted_before_eta_have_met_the_rung() -> None:
    scheduler = an_asha(pauses=True)

    promotable = []
    for number in (1, 2, 3):
        assert meet(scheduler, number, 1.0 / number) is Decision.PAUSE
        promotable.append(scheduler.promotable(is_closed=False))

    assert promotable == [None, None, 3]


def test_the_highest_rung_is_looked_at_first() -> None:
    scheduler = an_asha(pauses=True)
    for number in range(1, 10):
        meet(scheduler, number, float(number))
    for number in (1, 2, 3):
        scheduler.promote(number)
        meet(scheduler, number, float(number), level=3)
    for number in (10, 11, 12):
        meet(scheduler, number, -float(number))

    assert scheduler.promotable(is_closed=False) == 1  # at rung 3, although 12 is at rung 1


def test_the_paper_s_toy_run_promotes_nine_to_one() -> None:
    field = Field(an_asha(pauses=True), worse_by_number, max_trials=9, slots=1)

    field.run()

    assert field.counts() == {1: 9, 3: 3, 9: 1}
    assert field.met[9] == [1]


def test_trials_that_were_promoted_too_early_are_the_price_of_not_waiting() -> None:
    field = Field(an_asha(pauses=True), by_number, max_trials=9, slots=1)

    field.run()

    assert field.counts()[3] > 3
    assert 9 in field.met[9]


def test_a_trial_that_died_while_it_was_paused_is_passed_over() -> None:
    scheduler = an_asha(pauses=True)
    for number in range(1, 7):
        meet(scheduler, number, float(number))

    scheduler.conclude(1)

    assert scheduler.promotable(is_closed=False) == 2


def test_later_brackets_begin_one_rung_higher() -> None:
    scheduler = an_asha(pauses=True, brackets=3)

    ladders = [scheduler.rungs(number) for number in range(1, 18)]

    assert ladders[0] == LEVELS
    assert {ladder: ladders.count(ladder) for ladder in ladders} == {
        (1, 3, 9): 9,
        (3, 9): 5,
        (9,): 3,
    }


def test_one_rung_means_no_early_stopping() -> None:
    scheduler = an_asha(pauses=False, levels=(9,))

    assert scheduler.rungs(1) == (9,)
    assert meet(scheduler, 1, math.nan, level=9) is Decision.CONTINUE


def settled(scheduler: Asha) -> list[int]:
    """Promote whoever may go on, and give them in order."""
    promoted: list[int] = []
    while (number := scheduler.promotable(is_closed=True)) is not None:
        scheduler.promote(number)
        promoted.append(number)
    return promoted


@given(st.permutations(range(1, 21)))
def test_who_is_promoted_does_not_depend_on_the_order_of_arrival(order: list[int]) -> None:
    scheduler = an_asha(pauses=True)
    for number in order:
        meet(scheduler, number, float(number))

    assert settled(scheduler) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("loss", [0.5, 1e308, -1e308])
def test_of_equal_losses_the_first_that_came_are_promoted(loss: float) -> None:
    scheduler = an_asha(pauses=True)
    order = [5, 3, 9, 1, 7, 2, 8, 6, 4]

    for number in order:
        meet(scheduler, number, loss)

    assert settled(scheduler) == order[:3]


def test_equal_losses_fill_the_rungs_as_different_ones_do() -> None:
    field = Field(an_asha(pauses=True), lambda number, level: 0.5, max_trials=27, slots=4)

    field.run()

    assert field.counts() == {1: 27, 3: 9, 9: 3}


def test_without_a_finite_loss_everybody_is_ended_at_the_first_rung() -> None:
    for pauses in (True, False):
        scheduler = an_asha(pauses=pauses)
        field = Field(scheduler, lambda number, level: math.nan, max_trials=27, slots=4)

        field.run()

        assert field.counts() == {1: 27}
        assert not field.paused


def test_the_highest_rung_is_looked_at_first_in_all_brackets() -> None:
    scheduler = an_asha(pauses=True, brackets=2)
    low = [n for n in range(1, 13) if scheduler.rungs(n) == (1, 3, 9)][:3]
    high = [n for n in range(1, 13) if scheduler.rungs(n) == (3, 9)][:3]
    for number in low:
        meet(scheduler, number, 0.1)
    for number in high:
        meet(scheduler, number, 0.2, level=3)

    assert settled(scheduler) == [high[0], low[0]]


@pytest.mark.parametrize(("resumes", "ends"), [(True, 9), (False, 13)])
def test_nine_workers_bring_a_configuration_to_the_top_in_the_time_of_the_paper(
    resumes: bool, ends: int
) -> None:
    # Li et al. 2020, section 3.2: eta=3, R=9, 9 workers: time(R) with checkpoints, and
    # 1/9 + 1/3 + 1 = 13/9 time(R) when each rung trains anew.
    assert first_at_the_top(an_asha(pauses=True), workers=9, resumes=resumes) == ends


def first_at_the_top(scheduler: Asha, *, workers: int, resumes: bool) -> int:
    """When the first trial has met R; a level takes 1, later trials are worse."""
    busy: list[tuple[int, int, int]] = []  # a heap: when who meets which level
    n_started = now = 0
    met: dict[int, int] = {}
    while True:
        while len(busy) < workers:
            number = scheduler.promotable(is_closed=False)
            if number is None:
                n_started += 1
                number = n_started
                scheduler.start(number)
            else:
                scheduler.promote(number)
            reached = met.get(number, 0)
            level = next(rung for rung in scheduler.rungs(number) if rung > reached)
            heappush(busy, (now + level - (reached if resumes else 0), number, level))
        now = busy[0][0]
        while busy and busy[0][0] == now:
            _, number, level = heappop(busy)
            met[number] = level
            if level == scheduler.max_resource:
                return now
            meet(scheduler, number, float(number), level)


fields = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "n": st.integers(1, 60),
        "slots": st.integers(1, 9),
        "pauses": st.booleans(),
        "brackets": st.integers(1, 3),
        "failing": st.sampled_from([0.0, 0.1, 0.5]),
        "skipping": st.sampled_from([0.0, 0.2]),
    }
)


def a_played_field(
    *, seed: int, n: int, slots: int, pauses: bool, brackets: int, failing: float, skipping: float
) -> tuple[Asha, Field]:
    """A scheduler and all that happened; many losses are equal or no number."""

    def loss(number: int, level: int) -> float:
        chance = random.Random(f"{seed} {number} {level}")
        return chance.choice([chance.random(), 0.5, math.nan])

    scheduler = an_asha(pauses=pauses, brackets=brackets)
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
    return scheduler, field


@settings(deadline=None)
@given(fields)
def test_it_always_ends_and_promotes_only_the_best(given_field: dict[str, Any]) -> None:
    scheduler, field = a_played_field(**given_field)

    assert field.n_started == field.max_trials
    assert scheduler.promotable(is_closed=True) is None
    check_promotions(scheduler, field)


def check_promotions(scheduler: Asha, field: Field) -> None:
    """By brute force: each was paused, and among the best third of its rung then."""
    at: dict[int, int] = {}
    met: dict[tuple[tuple[int, ...], int], list[tuple[float, int]]] = {}
    for what, number, where in field.events:
        rungs = scheduler.rungs(number)
        if what == "promote":
            place = rungs, at.pop(number)  # or it was promoted before
            best = sorted(met[place], key=lambda entry: entry[0])[: len(met[place]) // 3]
            assert number in [other for _, other in best]
        elif what in set(Decision):
            loss = field.loss(number, where)
            entry = (loss if math.isfinite(loss) else math.inf, number)
            met.setdefault((rungs, where), []).append(entry)
            if what == Decision.PAUSE:
                at[number] = where
        elif what == "die":
            del at[number]
    for place, entries in met.items():  # nobody who should go on was left behind
        best = sorted(entries, key=lambda entry: entry[0])[: len(entries) // 3]
        assert not [n for _, n in best if n in at and (scheduler.rungs(n), at[n]) == place]


@settings(deadline=None)
@given(fields)
def test_another_instance_that_is_told_the_same_answers_the_same(
    given_field: dict[str, Any],
) -> None:
    scheduler, field = a_played_field(**given_field)
    again = an_asha(pauses=given_field["pauses"], brackets=given_field["brackets"])

    assert retell(field, again) == decisions(field)
    assert settled(again) == settled(scheduler)


@pytest.mark.parametrize("pauses", [True, False])
def test_ten_thousand_trials_take_no_time(pauses: bool) -> None:
    chance = random.Random(1)
    field = Field(an_asha(pauses=pauses), lambda n, level: chance.random(), 10_000, slots=16)
    began = time.process_time()

    field.run()

    assert field.counts()[1] == 10_000
    assert time.process_time() - began < 10  # a third of a second, when nothing else is running
