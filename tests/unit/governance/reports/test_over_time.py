"""Pictures of a period: by day, and by month where there are many days."""

import datetime as dt

from governance.cost.entries import Outcome
from governance.periods import days_between
from governance.reports.model import Unit
from governance.reports.over_time import over_time
from governance.reports.rows import AttemptsEnded
from governance.reports.working import attempts_over_time

FIRST = dt.date(2024, 1, 31)
VALUES = {
    dt.date(2026, 2, 1): (8.0, 0.0),
    FIRST: (1.0, 2.0),
    dt.date(2025, 1, 31): (4.0, 1.0),
    dt.date(2025, 1, 1): (3.0, 1.0),
}


def test_a_year_is_told_by_day_in_order() -> None:
    chart = over_time("Cost", Unit.USD, VALUES, days_between(FIRST, FIRST + dt.timedelta(days=365)))

    assert chart.title == "Cost by day"
    assert [name for name, _ in chart.points] == ["31 Jan", "01 Jan", "31 Jan", "01 Feb"]


def test_years_are_told_by_month_and_nothing_is_lost() -> None:
    chart = over_time(
        "Cost",
        Unit.USD,
        VALUES,
        days_between(FIRST, FIRST + dt.timedelta(days=366)),
        series=("a", "b"),
    )

    assert chart.title == "Cost by month"
    assert chart.points == (
        ("Jan 2024", (1.0, 2.0)),
        ("Jan 2025", (7.0, 2.0)),
        ("Feb 2026", (8.0, 0.0)),
    )
    assert chart.series == ("a", "b")


def test_attempts_of_years_are_told_by_month() -> None:
    rows = [
        AttemptsEnded(day=day, outcome=Outcome.FAILED, attempts=2)
        for day in (FIRST, FIRST - dt.timedelta(days=1), dt.date(2026, 2, 1))
    ]

    chart = attempts_over_time(rows, days_between(FIRST, dt.date(2026, 2, 1)))

    assert chart.title == "Attempts that ended, by month"
    assert [(name, sum(values)) for name, values in chart.points] == [
        ("Jan 2024", 4.0),
        ("Feb 2026", 2.0),
    ]
