"""Periods of the calendar, in UTC: how time is cut, and the days of one of them. Pure."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sweeps.errors import PermanentError

BEGINNING = dt.date(1970, 1, 1)  #: before anything that there is here
_DAY = dt.timedelta(days=1)
_MOST_DAYS = 366
_LATEST_YEAR = 2200


class InvalidPeriod(PermanentError):
    """A name of no period."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:80]!r} is no period; write for example 2026-11, 2026-W47, 2026-Q4, "
            f"2026-11-02, 2026-11-02..2026-11-15 (at most {_MOST_DAYS} days), or last- or this- with "
            "week, month or quarter"
        )


class Period(StrEnum):
    """How time is cut."""

    DAY = "day"
    WEEK = "week"  #: from Monday on
    MONTH = "month"
    QUARTER = "quarter"
    TOTAL = "total"  #: all of it, from the beginning

    def begins(self, day: dt.date) -> dt.date:
        """First day of the period that `day` is in."""
        match self:
            case Period.DAY:
                return day
            case Period.WEEK:
                return day - dt.timedelta(days=day.weekday())
            case Period.MONTH:
                return day.replace(day=1)
            case Period.QUARTER:
                return day.replace(month=day.month - (day.month - 1) % 3, day=1)
            case Period.TOTAL:
                return BEGINNING

    def renews(self, day: dt.date) -> dt.date | None:
        """First day of the period after the one that `day` is in; None: there is none."""
        return None if self is Period.TOTAL else self.span(day).until

    def span(self, day: dt.date) -> "Span":
        """All days of the period that `day` is in.

        Raises:
            ValueError: It has no end.
        """
        first = self.begins(day)
        match self:
            case Period.DAY:
                return Span(f"{first}", first, first + _DAY, self)
            case Period.WEEK:
                year, week, _ = first.isocalendar()
                return Span(f"{year:04d}-W{week:02d}", first, first + 7 * _DAY, self)
            case Period.MONTH:
                return Span(f"{first:%Y-%m}", first, _months_later(first, 1), self)
            case Period.QUARTER:
                quarter = (first.month + 2) // 3
                return Span(f"{first:%Y}-Q{quarter}", first, _months_later(first, 3), self)
            case Period.TOTAL:
                raise ValueError("all of time has no end")


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, one after the other."""

    name: str  #: ``2026-W47``, ``2026-11``, or ``2026-11-02..2026-11-15``
    first: dt.date
    until: dt.date  #: the first day that does not belong to it
    period: Period | None = None  #: None: days that somebody chose

    @property
    def days(self) -> int:
        """How many."""
        return (self.until - self.first).days

    @property
    def last(self) -> dt.date:
        """The last day that belongs to it."""
        return self.until - _DAY

    @property
    def start(self) -> dt.datetime:
        """Its first instant."""
        return midnight(self.first)

    @property
    def end(self) -> dt.datetime:
        """The first instant that does not belong to it."""
        return midnight(self.until)

    @property
    def previous(self) -> "Span":
        """The one before: the week, the month, or as many days."""
        if self.period is not None:
            return self.period.span(self.first - _DAY)
        return days_between(self.first - self.days * _DAY, self.last - self.days * _DAY)

    def __str__(self) -> str:
        """For people: ``2026-W47 (2026-11-16 to 2026-11-22)``."""
        return f"{self.name} ({self.first} to {self.last})"


def parse_span(name: str, *, today: dt.date) -> Span:
    """The days of that name.

    Args:
        today: What ``last-week`` and its kin are counted from.

    Raises:
        InvalidPeriod: There are none.
    """
    which, _, what = name.partition("-")
    if which in {"this", "last"} and what in {"week", "month", "quarter"}:
        span = Period(what).span(today)
        return span if which == "this" else span.previous
    try:
        for pattern, read in _WRITTEN:
            if found := re.fullmatch(pattern, name, re.ASCII):
                return read(*found.groups())
    except ValueError:
        pass
    raise InvalidPeriod(name)


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins."""
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)


def day_of(at: dt.datetime) -> dt.date:
    """The day that a moment is in."""
    return at.astimezone(dt.UTC).date()


def _months_later(first: dt.date, months: int) -> dt.date:
    years, month = divmod(first.month - 1 + months, 12)
    return dt.date(first.year + years, month + 1, 1)


def _week(year: str, week: str) -> Span:
    return Period.WEEK.span(known_day(dt.date.fromisocalendar(int(year), int(week), 1)))


def _month(year: str, month: str) -> Span:
    return Period.MONTH.span(known_day(dt.date(int(year), int(month), 1)))


def _quarter(year: str, quarter: str) -> Span:
    return Period.QUARTER.span(known_day(dt.date(int(year), 3 * int(quarter) - 2, 1)))


def _day(day: str) -> Span:
    return Period.DAY.span(known_day(dt.date.fromisoformat(day)))


def _days(first: str, last: str) -> Span:
    span = days_between(
        known_day(dt.date.fromisoformat(first)), known_day(dt.date.fromisoformat(last))
    )
    if not 0 < span.days <= _MOST_DAYS:
        raise ValueError(span.name)
    return span


_DATE = r"(\d{4}-\d{2}-\d{2})"
_WRITTEN: tuple[tuple[str, Callable[..., Span]], ...] = (
    (r"(\d{4})-W(\d{2})", _week),
    (r"(\d{4})-(\d{2})", _month),
    (r"(\d{4})-Q([1-4])", _quarter),
    (_DATE, _day),
    (rf"{_DATE}\.\.{_DATE}", _days),
)


def known_day(day: dt.date) -> dt.date:
    """A day that something of ours may have happened on, with room around it to count in.

    Raises:
        ValueError: It is before the year 1971, or long after anybody who asks.
    """
    if not BEGINNING.year < day.year < _LATEST_YEAR:
        raise ValueError(f"{day} is no day that anything of this happened on")
    return day


def days_between(first: dt.date, last: dt.date) -> Span:
    """All days from `first` to `last`, both included, however many; `parse_span` takes a year of them."""
    return Span(f"{first}..{last}", first, last + _DAY)
