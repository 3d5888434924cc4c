"""Shares of runs that can be made again."""

import datetime as dt

from governance.lineage.reproducibility import by_period, markdown, reproducibility
from governance.periods import Period
from tests.unit.governance.lineage.test_rules import run_facts


def test_runs_are_counted_by_what_they_lack() -> None:
    runs = [
        run_facts(),
        run_facts(is_dirty=True),
        run_facts(has_data=False, has_seeds=False),
        run_facts(image="x:latest"),
        run_facts(has_code=False),
    ]

    report = reproducibility(runs)

    assert (report.runs, report.captured, report.dirty, report.without_code) == (5, 2, 1, 1)
    assert (report.unversioned_data, report.mutable_image, report.unseeded) == (1, 1, 1)
    assert report.captured_share == 0.4
    assert "| fully captured | 2 | 40% |" in markdown(report)


def test_without_runs_there_is_no_share() -> None:
    report = reproducibility([])

    assert report.captured_share is None
    assert markdown(report) == "No run has finished."


def test_weeks_begin_on_monday_and_days_at_midnight_in_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=5))
    ended = [
        dt.datetime(2026, 3, 2, 3, tzinfo=east),  # a Sunday still, in UTC
        dt.datetime(2026, 3, 2, 6, tzinfo=east),
        dt.datetime(2026, 3, 8, 23, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 9, 0, tzinfo=dt.UTC),
    ]
    runs = [run_facts(ended_at=at, has_seeds=n > 1) for n, at in enumerate(ended)]

    weeks = by_period(runs, Period.WEEK)
    days = by_period(runs, Period.DAY)

    assert [(str(week.begins), week.report.runs) for week in weeks] == [
        ("2026-02-23", 1), ("2026-03-02", 2), ("2026-03-09", 1),
    ]  # fmt: skip
    assert [week.report.captured_share for week in weeks] == [0.0, 0.5, 1.0]
    assert [str(day.begins) for day in days] == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-08",
        "2026-03-09",
    ]
