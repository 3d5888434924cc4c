"""Periods of the calendar."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.periods import Period

DAY = dt.date(2026, 11, 25)  # a Wednesday
RENEWING = [period for period in Period if period is not Period.TOTAL]


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


@given(day=st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)), period=st.sampled_from(RENEWING))
def test_periods_follow_each_other_without_gaps(day: dt.date, period: Period) -> None:
    renews = period.renews(day)

    assert renews is not None
    assert period.begins(day) <= day < renews
    assert period.begins(renews) == renews
    assert period.begins(renews - dt.timedelta(days=1)) == period.begins(day)
