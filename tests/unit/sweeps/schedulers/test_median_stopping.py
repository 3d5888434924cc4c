"""The median stopping rule of Google Vizier."""

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.journal import Measurement
from sweeps.schedulers.median_stopping import MedianStopping
from sweeps.states import Decision


def run(
    scheduler: MedianStopping, number: int, losses: list[float], *, first: int = 1
) -> list[Decision]:
    """Report `losses` at rising levels until told to stop, then end."""
    decisions: list[Decision] = []
    for level, loss in enumerate(losses, start=first):
        decisions.append(scheduler.decide(Measurement(number=number, level=level, loss=loss)))
        if decisions[-1] is Decision.STOP:
            break
    scheduler.conclude(number)
    return decisions


def a_rule(*, grace: int = 0, min_trials: int = 3) -> MedianStopping:
    """With three completed trials, whose running averages at level 2 are 1.5, 2.5 and 3.5."""
    scheduler = MedianStopping(grace=grace, min_trials=min_trials)
    for number, losses in enumerate([[2.0, 1.0], [3.0, 2.0], [4.0, 3.0]], start=1):
        run(scheduler, number, losses)
    return scheduler


@pytest.mark.parametrize(
    ("losses", "decision"),
    [([9.0, 2.6], Decision.STOP), ([2.9, 2.5], Decision.CONTINUE), ([9.0, 0.1], Decision.STOP)],
    ids=["best worse than the median", "best equal to it", "stopped at the first level"],
)
def test_the_best_so_far_is_compared_with_the_median_of_running_averages(
    losses: list[float], decision: Decision
) -> None:
    assert run(a_rule(), 9, losses)[-1] is decision


def test_one_good_value_early_protects_a_trial() -> None:
    assert run(a_rule(), 9, [1.0, 99.0]) == [Decision.CONTINUE] * 2


def test_nobody_is_judged_within_the_grace() -> None:
    assert run(a_rule(grace=2), 9, [99.0, 99.0]) == [Decision.CONTINUE, Decision.STOP]
    assert run(a_rule(grace=3), 9, [99.0, 99.0]) == [Decision.CONTINUE] * 2


def test_nobody_is_judged_by_few() -> None:
    assert run(a_rule(min_trials=4), 9, [99.0, 99.0]) == [Decision.CONTINUE] * 2


def test_stopped_trials_do_not_lower_the_bar_for_others() -> None:
    scheduler = a_rule()
    for number in range(10, 30):
        assert run(scheduler, number, [50.0]) == [Decision.STOP]

    assert run(scheduler, 99, [40.0]) == [Decision.STOP]


def test_what_is_not_finite_is_stopped() -> None:
    assert run(a_rule(), 9, [math.nan]) == [Decision.STOP]
    assert run(MedianStopping(grace=0, min_trials=9), 1, [math.inf]) == [Decision.STOP]


def test_equal_curves_all_go_on() -> None:
    scheduler = MedianStopping(grace=0, min_trials=1)

    # Ten times 0.1, added up and divided by ten, is less than 0.1.
    assert {d for n in range(1, 20) for d in run(scheduler, n, [0.1] * 50)} == {Decision.CONTINUE}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 6), st.integers(1, 60))
def test_no_constant_curve_is_worse_than_itself(loss: float, trials: int, n: int) -> None:
    scheduler = MedianStopping(grace=0, min_trials=1)

    assert {d for i in range(trials) for d in run(scheduler, i, [loss] * n)} == {Decision.CONTINUE}


def test_huge_losses_are_compared_like_others() -> None:
    scheduler = MedianStopping(grace=0, min_trials=2)
    for number in (1, 2):
        run(scheduler, number, [1e308, 1e308, -1e308])

    assert run(scheduler, 3, [1.1e308]) == [Decision.STOP]
    assert run(scheduler, 4, [1e308, 1e308, 1e308]) == [
        Decision.CONTINUE,
        Decision.CONTINUE,
        Decision.STOP,
    ]


@settings(deadline=None)
@given(st.data())
def test_it_stops_whom_the_definition_stops(data: st.DataObject) -> None:
    # By brute force: every curve kept, every average and median taken anew.
    scheduler = MedianStopping(grace=2, min_trials=2, max_resource=5)
    completed: list[list[float]] = []
    for number in range(1, data.draw(st.integers(1, 12)) + 1):
        curve = [float(loss) for loss in data.draw(st.lists(st.integers(0, 8), max_size=5))]
        expected: list[Decision] = []
        for s in range(1, len(curve) + 1):
            others = [statistics.mean(other[:s]) for other in completed if len(other) >= s]
            is_judged = 2 <= s < 5 and len(others) >= 2
            is_worse = is_judged and min(curve[:s]) > statistics.median(others)
            expected.append(Decision.STOP if is_worse else Decision.CONTINUE)
            if is_worse:
                break
        else:
            completed.append(curve)
        assert run(scheduler, number, curve) == expected


def test_whoever_has_come_to_the_end_is_not_stopped_there() -> None:
    scheduler = MedianStopping(grace=0, min_trials=1, max_resource=2)
    run(scheduler, 1, [5.0, 1.0])

    assert scheduler.rungs(1) == (2,)
    assert run(scheduler, 2, [5.0, 99.0]) == [Decision.CONTINUE] * 2
    assert run(scheduler, 3, [5.0, math.nan]) == [Decision.CONTINUE] * 2


def test_every_report_counts_and_nobody_is_ever_paused() -> None:
    scheduler = MedianStopping(grace=0, min_trials=1)

    assert scheduler.rungs(1) == ()
    assert [scheduler.rung_at(1, level) for level in (1, 7, 1000)] == [1, 7, 1000]
    assert scheduler.promotable(is_closed=True) is None


def test_memory_is_bounded_by_levels_not_trials() -> None:
    scheduler = MedianStopping(grace=0, min_trials=1)
    for number in range(1, 3001):
        run(scheduler, number, [1.0 / number])

    (level,) = scheduler._levels.values()
    assert len(level.ascending) == len(level.by_age) == 1000
    assert level.ascending == sorted(level.by_age)
