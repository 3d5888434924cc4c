"""From raw reports to rungs."""

import pytest

from sweeps.journal import Journal
from sweeps.ladder import Ladder
from sweeps.states import Decision
from sweeps.trials import Report
from tests.factories import LOSS, a_report
from tests.fakes import ScriptedScheduler


class Rungs(ScriptedScheduler):
    """Rungs at 1, 3 and 9; reports from between belong to the rung below."""

    def __init__(self, decision: Decision = Decision.CONTINUE) -> None:
        super().__init__({1: decision, 3: decision, 9: Decision.CONTINUE}, max_resource=9)

    def rung_at(self, number: int, level: int) -> int | None:
        return max((rung for rung in self.rungs(number) if rung <= level), default=None)


def a_ladder(scheduler: ScriptedScheduler) -> Ladder:
    return Ladder(scheduler, Journal(LOSS), LOSS)


def a_place(level: int, sequence: int, value: float = 0.5) -> Report:
    return a_report(1, level=level, value=value, sequence=sequence)


@pytest.mark.parametrize(
    ("levels", "met"),
    [
        ([1, 2, 3, 4, 9], [1, 3, 9]),
        ([1, 1, 3, 3], [1, 3]),
        ([3, 1, 9], [3, 9]),
        ([2, 5, 8], [1, 3]),
        ([9], [9]),
        ([0], []),
    ],
    ids=["every level", "twice", "out of order", "from between", "skipping", "below the first"],
)
def test_a_trial_meets_each_rung_once_and_rising(levels: list[int], met: list[int]) -> None:
    scheduler = Rungs()
    ladder = a_ladder(scheduler)

    for place, level in enumerate(levels, start=1):
        ladder.report(1, a_place(level, place))

    assert [measurement.level for measurement in scheduler.seen] == met


def test_a_trial_that_goes_beyond_the_maximum_is_stopped() -> None:
    ladder = a_ladder(Rungs())

    decisions = [ladder.report(1, a_place(level, level)) for level in (9, 10)]

    assert decisions == [Decision.CONTINUE, Decision.STOP]


def test_scripts_wait_at_every_rung_but_the_last() -> None:
    assert a_ladder(Rungs()).waiting_rungs(1) == (1, 3)


def test_what_a_trial_reports_after_it_was_paused_counts_when_it_is_promoted() -> None:
    scheduler = Rungs(Decision.PAUSE)
    ladder = a_ladder(scheduler)

    told = [ladder.report(1, a_place(level, level, value=1.0 / level)) for level in (1, 2, 3, 4)]
    seen_before = list(scheduler.seen)
    again = ladder.promote(1, sequence=5)

    assert told == [Decision.PAUSE] * 4
    assert [m.level for m in seen_before] == [1]
    assert [(m.level, m.loss) for m in scheduler.seen[1:]] == [(3, 1 / 3)]
    assert again is Decision.PAUSE


def test_a_promoted_trial_that_said_nothing_more_goes_on() -> None:
    ladder = a_ladder(Rungs(Decision.PAUSE))
    ladder.report(1, a_place(1, 1))

    assert ladder.promote(1, sequence=2) is Decision.CONTINUE
    assert ladder.report(1, a_place(3, 3)) is Decision.PAUSE


def test_a_trial_that_has_ended_is_not_judged_any_more() -> None:
    scheduler = Rungs(Decision.STOP)
    ladder = a_ladder(scheduler)
    ladder.conclude(1)

    assert ladder.report(1, a_place(1, 1)) is Decision.CONTINUE
    assert scheduler.seen == []


def test_measurements_at_rungs_reach_the_journal_as_losses() -> None:
    journal = Journal(LOSS)
    ladder = Ladder(Rungs(), journal, LOSS)

    ladder.report(1, a_place(1, 4, value=0.25))
    ladder.report(1, a_place(2, 5, value=0.125))

    assert [(m.level, m.loss) for m in journal.history().measurements] == [(1, 0.25)]
    assert journal.seen_through == 4
