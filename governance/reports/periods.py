"""Periods that reports are about: weeks from Monday, months, single days up to a year, all in UTC."""

import datetime as dt
import re
from dataclasses import dataclass

from sweeps.errors import PermanentError

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_MOST_DAYS = 366
_LATEST_YEAR = 2200


class InvalidPeriod(PermanentError):
    """A name of no period."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:80]!r} is no period; write for example 2026-11, 2026-W47, "
            "2026-11-02..2026-11-15, last-week, this-week, last-month or this-month"
        )


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days."""

    name: str  #: ``2026-W47``, ``2026-11``, or ``2026-11-02..2026-11-15``
    first: dt.date
    until: dt.date  #: the first day that does not belong to it

    @property
    def days(self) -> int:
        """How many."""
        return (self.until - self.first).days

    @property
    def last(self) -> dt.date:
        """The last day that belongs to it."""
        return self.until - dt.timedelta(days=1)

    @property
    def start(self) -> dt.datetime:
        """Its first instant."""
        return dt.datetime.combine(self.first, dt.time(), dt.UTC)

    @property
    def end(self) -> dt.datetime:
        """The first instant that does not belong to it."""
        return dt.datetime.combine(self.until, dt.time(), dt.UTC)

    @property
    def previous(self) -> "Period":
        """The one before: the week, the month, or as many days."""
        before = self.first - dt.timedelta(days=1)
        if _WEEK.fullmatch(self.name):
            return week_of(before)
        if _MONTH.fullmatch(self.name):
            return month_of(before)
        return _of_days(self.first - dt.timedelta(days=self.days), self.first)

    def __str__(self) -> str:
        """For people: ``2026-W47 (2026-11-16 to 2026-11-22)``."""
        return f"{self.name} ({self.first} to {self.last})"


def week_of(day: dt.date) -> Period:
    """The week that a day is in, from Monday."""
    first = day - dt.timedelta(days=day.weekday())
    year, week, _ = first.isocalendar()
    return Period(f"{year:04d}-W{week:02d}", first, first + dt.timedelta(days=7))


def month_of(day: dt.date) -> Period:
    """The month that a day is in."""
    first = day.replace(day=1)
    until = (first + dt.timedelta(days=31)).replace(day=1)
    return Period(f"{first:%Y-%m}", first, until)


def parse_period(name: str, *, today: dt.date) -> Period:
    """The period of that name.

    Args:
        today: What ``last-week`` and its kin are counted from.

    Raises:
        InvalidPeriod: There is none.
    """
    match name:
        case "this-week":
            return week_of(today)
        case "last-week":
            return week_of(today).previous
        case "this-month":
            return month_of(today)
        case "last-month":
            return month_of(today).previous
        case _:
            return _written(name)


def _written(name: str) -> Period:
    try:
        if found := _WEEK.fullmatch(name):
            year = _year(found[1])
            return week_of(dt.date.fromisocalendar(year, int(found[2]), 1))
        if found := _MONTH.fullmatch(name):
            return month_of(dt.date(_year(found[1]), int(found[2]), 1))
        if found := _DAYS.fullmatch(name):
            first, last = (dt.date.fromisoformat(day) for day in found.groups())
            if first.year <= _year(str(last.year)) and 0 <= (last - first).days < _MOST_DAYS:
                return _of_days(first, last + dt.timedelta(days=1))
    except ValueError:
        pass
    raise InvalidPeriod(name)


def _year(text: str) -> int:
    year = int(text)
    if not 1970 < year < _LATEST_YEAR:
        raise ValueError(text)
    return year


def _of_days(first: dt.date, until: dt.date) -> Period:
    return Period(f"{first}..{until - dt.timedelta(days=1)}", first, until)
