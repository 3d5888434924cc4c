"""Periods of the calendar, and days with a name."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.periods import InvalidPeriod, Period, parse_span

DAY = dt.date(2026, 11, 25)  # a Wednesday
RENEWING = [period for period in Period if period is not Period.TOTAL]
DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))


@pytest.mark.parametrize(
    ("period", "begins", "renews"),
    [
        (Period.DAY, dt.date(2026, 11, 25), dt.date(2026, 11, 26)),
        (Period.WEEK, dt.date(2026, 11, 23), dt.date(2026, 11, 30)),
        (Period.MONTH, dt.date(2026, 11, 1), dt.date(2026, 12, 1)),
        (Period.QUARTER, dt.date(2026, 10, 1), dt.date(2027, 1, 1)),
        (Period.TOTAL, dt.date(1970, 1, 1), None),
    ],
)
def test_a_day_is_in_one_period(period: Period, begins: dt.date, renews: dt.date | None) -> None:
    assert period.begins(DAY) == begins
    assert period.renews(DAY) == renews


@given(day=DAYS, period=st.sampled_from(RENEWING))
def test_periods_follow_each_other_without_gaps(day: dt.date, period: Period) -> None:
    span = period.span(day)

    assert (period.begins(day), period.renews(day)) == (span.first, span.until)
    assert span.first <= day < span.until
    assert period.span(span.until).first == span.until
    assert span.previous.until == span.first
    assert period.span(span.last) == period.span(span.first) == span


@given(day=DAYS, period=st.sampled_from(RENEWING))
def test_the_name_of_a_span_means_it(day: dt.date, period: Period) -> None:
    span = period.span(day)

    assert parse_span(span.name, today=DAY) == span


def test_all_of_time_is_no_span() -> None:
    with pytest.raises(ValueError, match="no end"):
        Period.TOTAL.span(DAY)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026-11", "2026-11-01", "2026-11-30"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-W53", "2026-12-28", "2027-01-03"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2026-11-02", "2026-11-02", "2026-11-02"),
        ("last-week", "2026-11-16", "2026-11-22"),
        ("this-week", "2026-11-23", "2026-11-29"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("this-month", "2026-11-01", "2026-11-30"),
        ("last-quarter", "2026-07-01", "2026-09-30"),
        ("2026-11-02..2026-11-02", "2026-11-02", "2026-11-02"),
    ],
)
def test_a_name_is_whole_days(name: str, first: str, last: str) -> None:
    span = parse_span(name, today=DAY)

    assert (span.first.isoformat(), span.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2026",
        "2026-13",
        "2026-W54",
        "2026-W00",
        "2026-Q5",
        "0000-01",
        "9999-12",
        "\u0662\u0660\u0662\u0666-11",
        "2026-11\n",
        "2026-11-09..2026-11-02",
        "2020-01-01..2026-01-01",
        "2026-02-30..2026-03-01",
        "yesterday",
        "last-total",
        "next-week",
        "2026-11; DROP TABLE runs",
    ],
)
def test_anything_else_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(InvalidPeriod, match="2026-W47"):
        parse_span(name, today=DAY)


@given(day=DAYS, length=st.integers(1, 366))
def test_the_span_before_some_days_is_as_long(day: dt.date, length: int) -> None:
    span = parse_span(f"{day}..{day + dt.timedelta(days=length - 1)}", today=DAY)

    assert span.days == span.previous.days == length
    assert span.previous.until == span.first
