"""The books of an installation: what is asked of whoever keeps the ledger. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from governance.cost.entries import CENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfCosts:
    """A day's entries in figures."""

    day: dt.date
    covered_until: dt.datetime  #: entries are there from midnight until then
    price_version: int  #: of the policy `prices`; 0: the examples that ship
    entries: int
    attempts: int
    unpriced: int  #: entries that the price book has no price for
    gpu_hours: float
    idle_gpu_hours: float
    amount_usd: Decimal  #: of what has a price
    waste_usd: Decimal  #: of it, for GPUs that were held and not used
    lost_usd: Decimal  #: of it, for work that failed or was evicted

    @property
    def is_over(self) -> bool:
        """Whether the ledger has all of the day."""
        return self.covered_until.date() > self.day


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A day's ledger beside a sum that was made from the attempts' own rows."""

    ledger_usd: Decimal
    independent_usd: Decimal
    greatest_gap: float  #: in gpu-hours, core-hours, GiB-hours or GiB-days

    @property
    def is_good(self) -> bool:
        """Whether both are the same to the cent."""
        return abs(self.ledger_usd - self.independent_usd) < CENT and self.greatest_gap < 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """A thing without a price, and how much of it there is."""

    resource: str
    kind: str
    capacity: str
    region: str
    unit: str
    quantity: float
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strays:
    """What should be there and is not, or the other way round: how many, and the first ones."""

    count: int
    first: tuple[str, ...]


class CostBooks(Protocol):
    """Keeps the ledger: a day is written as a whole, as often as anybody likes."""

    def replace(self, day: dt.date, *, now: dt.datetime) -> DayOfCosts:
        """Write a day's entries anew, up to now, in one transaction; never less than before."""
        ...

    def replace_usage(self, day: dt.date) -> int:
        """Sum a day's entries anew; how many rows that makes."""
        ...

    def totals(self, day: dt.date) -> DayOfCosts | None:
        """A day as it is in the books; None: not at all."""
        ...

    def balance(self, day: dt.date) -> Balance:
        """The ledger of a day beside an independent sum."""
        ...

    def usage_total(self, day: dt.date) -> Decimal:
        """What a day cost by its usage."""
        ...

    def attempts_without_entry(self, day: dt.date) -> Strays:
        """Attempts that have ended and are not in a day in which they held something."""
        ...

    def entries_without_attempt(self, day: dt.date) -> Strays:
        """Entries of attempts that did not hold anything on that day."""
        ...

    def unpriced(self, day: dt.date) -> Sequence[Unpriced]:
        """What has no price on a day, the most frequent first."""
        ...

    def behind(self, *, since: dt.date, until: dt.date) -> Sequence[dt.date]:
        """Days of a stretch that are not in the books, or not as they turned out."""
        ...

    def is_used_since_covered(self, day: dt.date) -> bool:
        """Whether attempts held something on a day after the time up to which the books have it."""
        ...


def catch_up(
    books: CostBooks, *, since: dt.date, until: dt.date, now: dt.datetime
) -> list[dt.date]:
    """Bring the books and their sums up to `now`, for who reads them where no schedule does, or before it has.

    Args:
        since: The first day that is wanted, in UTC.
        until: The last one; days that have not begun are left out.

    Returns:
        The days that were written anew; the present one always is.
    """
    today = now.astimezone(dt.UTC).date()
    behind = books.behind(since=since, until=min(until, today))
    for day in behind:
        books.replace(day, now=now)
        books.replace_usage(day)
    return list(behind)
