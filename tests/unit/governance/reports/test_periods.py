"""Weeks and months that reports are about."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.reports.periods import InvalidPeriod, month_of, parse_period, week_of

TODAY = dt.date(2026, 11, 26)  # a Thursday
DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026-11", "2026-11-01", "2026-11-30"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-W53", "2026-12-28", "2027-01-03"),
        ("last-week", "2026-11-16", "2026-11-22"),
        ("this-week", "2026-11-23", "2026-11-29"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("this-month", "2026-11-01", "2026-11-30"),
        ("2026-11-02..2026-11-02", "2026-11-02", "2026-11-02"),
    ],
)
def test_a_name_is_whole_days(name: str, first: str, last: str) -> None:
    period = parse_period(name, today=TODAY)

    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2026",
        "2026-13",
        "2026-W54",
        "2026-W00",
        "0000-01",
        "9999-12",
        "2026-11-09..2026-11-02",
        "2020-01-01..2026-01-01",
        "2026-02-30..2026-03-01",
        "yesterday",
        "2026-11; DROP TABLE runs",
    ],
)
def test_anything_else_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(InvalidPeriod, match="last-week"):
        parse_period(name, today=TODAY)


@given(day=DAYS)
def test_periods_follow_each_other_without_a_gap(day: dt.date) -> None:
    for period in (week_of(day), month_of(day)):
        assert period.first <= day < period.until
        assert period.previous.until == period.first
        assert parse_period(period.name, today=TODAY) == period


@given(day=DAYS, length=st.integers(1, 366))
def test_the_period_before_some_days_is_as_long(day: dt.date, length: int) -> None:
    last = day + dt.timedelta(days=length - 1)
    period = parse_period(f"{day}..{last}", today=TODAY)

    assert period.days == period.previous.days == length
    assert period.previous.until == period.first
