"""Periods of the calendar, in UTC. Pure."""

import datetime as dt
from enum import StrEnum

BEGINNING = dt.date(1970, 1, 1)  #: before anything that there is here


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
        begins = self.begins(day)
        match self:
            case Period.DAY | Period.WEEK:
                return begins + dt.timedelta(days=1 if self is Period.DAY else 7)
            case Period.MONTH | Period.QUARTER:
                months = begins.month - 1 + (1 if self is Period.MONTH else 3)
                return dt.date(begins.year + months // 12, months % 12 + 1, 1)
            case Period.TOTAL:
                return None


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins."""
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)


def day_of(at: dt.datetime) -> dt.date:
    """The day that a moment is in."""
    return at.astimezone(dt.UTC).date()
