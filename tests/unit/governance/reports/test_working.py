"""How attempts ended, day by day."""

import datetime as dt

from governance.cost.entries import Outcome
from governance.reports.composing import compose
from governance.reports.model import Chart, Report, Scope
from governance.reports.rows import AttemptsEnded
from governance.reports.working import ENDINGS
from tests.unit.governance.reports.test_sections import section, table
from tests.unit.governance.reports.world import NOW, WEEK, Told

MONDAY = WEEK.first
ENDED = [
    AttemptsEnded(day=MONDAY, outcome=Outcome.COMPLETED, attempts=6),
    AttemptsEnded(day=MONDAY, outcome=Outcome.FAILED, attempts=2),
    AttemptsEnded(day=MONDAY + dt.timedelta(days=2), outcome=Outcome.STOPPED, attempts=1),
    AttemptsEnded(day=MONDAY + dt.timedelta(days=2), outcome=Outcome.EVICTED, attempts=1),
]


def charts(report: Report, key: str) -> list[Chart]:
    return [block for block in section(report, key).blocks if isinstance(block, Chart)]


def test_a_column_for_each_day_tells_failed_stopped_and_taken_away_apart() -> None:
    (chart,) = charts(compose(Told(ended=ENDED), Scope(), WEEK, now=NOW), "activity")

    assert chart.series[:4] == ("completed", "stopped early", "failed", "taken away")
    assert chart.points == (
        ("16 Nov", (6, 0, 2, 0, 0, 0)),
        ("18 Nov", (0, 1, 0, 1, 0, 0)),
    )


def test_the_same_is_told_in_numbers() -> None:
    rows = table(compose(Told(ended=ENDED), Scope(), WEEK, now=NOW), "activity", "How attempts ended").rows  # fmt: skip

    assert [row[:3] for row in rows] == [
        ("completed", 6, 0.6),
        ("stopped early", 1, 0.1),
        ("failed", 2, 0.2),
        ("taken away", 1, 0.1),
    ]


def test_the_portfolio_has_the_same_picture() -> None:
    report = compose(Told(ended=ENDED), Scope(), WEEK, now=NOW, is_portfolio=True)

    assert "Attempts that ended, by day" in [one.title for one in charts(report, "portfolio")]


def test_every_way_in_which_an_attempt_can_end_is_told() -> None:
    assert set(ENDINGS.values()) == set(Outcome) - {Outcome.RUNNING, Outcome.IDLE}
