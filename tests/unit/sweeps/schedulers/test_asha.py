"""ASHA in both forms: published sequences, and what must always hold."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.journal import Measurement
from sweeps.schedulers.asha import Asha
from sweeps.states import Decision
from tests.unit.sweeps.schedulers.play import Field, by_number, worse_by_number

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


fields = st.builds(
    lambda seed, n, slots, pauses, brackets, failing: (seed, n, slots, pauses, brackets, failing),
    seed=st.integers(0, 10_000),
    n=st.integers(1, 60),
    slots=st.integers(1, 9),
    pauses=st.booleans(),
    brackets=st.integers(1, 3),
    failing=st.sampled_from([0.0, 0.1, 0.5]),
)


def a_field(
    seed: int, n: int, slots: int, pauses: bool, brackets: int, failing: float
) -> tuple[Asha, Field]:
    scheduler = an_asha(pauses=pauses, brackets=brackets)
    losses = random.Random(seed)
    table: dict[tuple[int, int], float] = {}

    def loss(number: int, level: int) -> float:
        value = losses.choice([losses.random(), 0.5, math.nan])
        return table.setdefault((number, level), value)

    def fails(number: int, level: int) -> bool:
        return random.Random(f"{seed} {number} {level}").random() < failing

    field = Field(scheduler, loss, n, slots, fails, random.Random(seed))
    return scheduler, field


@settings(deadline=None)
@given(fields)
def test_it_always_ends_and_promotes_only_the_best(given_field: tuple[object, ...]) -> None:
    scheduler, field = a_field(*given_field)  # type: ignore[arg-type]

    field.run()

    assert field.n_started == field.max_trials
    assert scheduler.promotable(is_closed=True) is None
    check_promotions(scheduler, field)


def check_promotions(scheduler: Asha, field: Field) -> None:
    """By brute force: each was paused, and in the top third of its rung when it was promoted."""
    at: dict[int, int] = {}
    met: dict[tuple[tuple[int, ...], int], list[float]] = {}
    for what, number, where in field.events:
        rungs = scheduler.rungs(number)
        if what == "promote":
            level = at.pop(number)
            rung, loss = met[rungs, level], field.loss(number, level)
            assert sum(other < loss for other in rung) < len(rung) // 3
        elif what in {"pause", "stop", "continue"}:
            loss = field.loss(number, where)
            met.setdefault((rungs, where), []).append(loss if math.isfinite(loss) else math.inf)
            if what == "pause":
                at[number] = where


@settings(deadline=None)
@given(fields)
def test_another_instance_that_is_told_the_same_answers_the_same(
    given_field: tuple[object, ...],
) -> None:
    _, field = a_field(*given_field)  # type: ignore[arg-type]
    field.run()
    _, again = a_field(*given_field)  # type: ignore[arg-type]
    again.run()

    assert again.events == field.events


def test_ten_thousand_trials_take_no_time() -> None:
    field = Field(an_asha(pauses=True), worse_by_number, max_trials=10_000, slots=16)

    field.run()

    # The best come first, so later ones are never among the top third again.
    assert field.counts()[1] == 10_000
