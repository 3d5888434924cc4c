"""The price book: what an hour of a resource costs, by what it is and when. Pure.

Of the entries that fit, the most specific one holds, and there is always exactly one: first the
longer GPU type (or the storage class), then the one that names a capacity, then the one that names
a region. Where none fits there is no price, which is not a price of nothing. What earlier files
said goes on holding for the time before they were replaced: `governance.cost.price_steps`.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from governance.cost.price_steps import EVER, Step, steps
from governance.gpu_types import gpu_words

#: A capacity that nobody names is not spot: that is always asked for.
_UNNAMED_CAPACITY = "on_demand"
CAPACITIES = ("on_demand", "spot")


class Resource(StrEnum):
    """What is paid for."""

    GPU = "gpu"
    CPU = "cpu"
    MEMORY = "memory"
    STORAGE = "storage"

    @property
    def unit(self) -> str:
        """What quantities in the ledger are counted in."""
        return _UNITS[self]


_UNITS = {
    Resource.GPU: "gpu_hours",
    Resource.CPU: "core_hours",
    Resource.MEMORY: "gib_hours",
    Resource.STORAGE: "gib_days",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One entry of the book. What it leaves empty, it does not ask for.

    Args:
        usd: Per gpu-hour, core-hour, GiB-hour, or GiB-month.
        kind: A GPU type or a storage class.
        since, until: From when and until when, half-open; None: always.
    """

    resource: Resource
    usd: Decimal
    kind: str = ""
    capacity: str = ""
    region: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @property
    def selector(self) -> tuple[object, ...]:
        """What it is for. Two entries of one selector must not hold at the same time."""
        return (self.resource, _words(self.resource, self.kind), self.capacity, self.region)

    @property
    def rank(self) -> tuple[int, bool, bool]:
        """How specific it is; of those that fit, no two have the same one at the same time."""
        return (len(_words(self.resource, self.kind)), bool(self.capacity), bool(self.region))

    def meets(self, other: "Price") -> bool:
        """Whether there is a moment at which both hold."""
        return (self.until is None or other.since is None or other.since < self.until) and (
            other.until is None or self.since is None or self.since < other.until
        )

    def holds(self, at: dt.datetime) -> bool:
        """Whether it holds at a moment."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSpan:
    """A stretch of time with one price."""

    start: dt.datetime
    end: dt.datetime
    usd: Decimal | None  #: None: there is no price


@dataclass(frozen=True, slots=True)
class Superseded:
    """What an earlier file said, until the next one was applied."""

    prices: tuple[Price, ...]
    until: dt.datetime


@dataclass(frozen=True)
class PriceBook:
    """All prices of an installation.

    Args:
        prices: Of the newest file; no two of them contradict each other.
        earlier: Files that it has replaced, the oldest first.
    """

    prices: tuple[Price, ...] = ()
    earlier: tuple[Superseded, ...] = ()

    def followed_by(self, newer: "PriceBook", *, at: dt.datetime) -> "PriceBook":
        """The book once a file is applied.

        Args:
            newer: What that file says by itself.
            at: When it is; never before its predecessor was, whatever a clock says.
        """
        if set(newer.prices) == set(self.prices):
            return self  # comments have changed, and a comment cuts no entry of the ledger
        until = max([at, *(one.until for one in self.earlier[-1:])])
        return PriceBook(newer.prices, (*self.earlier, Superseded(self.prices, until)))

    @cached_property
    def changes(self) -> tuple[dt.datetime, ...]:
        """All moments at which any price may change, in order."""
        files = [self.prices, *(one.prices for one in self.earlier)]
        ends = {end for file in files for price in file for end in (price.since, price.until)}
        ends |= {one.until for one in self.earlier}
        return tuple(sorted(end for end in ends if end is not None))

    def price(
        self,
        resource: Resource,
        *,
        at: dt.datetime,
        kind: str = "",
        capacity: str = "",
        region: str = "",
    ) -> Decimal | None:
        """Dollars per gpu-hour, core-hour, GiB-hour or GiB-month at a moment; None: no price.

        Args:
            kind: GPU model as a driver or node calls it, or a storage class.
            capacity: ``spot`` or ``on_demand``; empty: not spot.
            region: Where it is; empty: unknown, which only entries without a region fit.
        """
        known = self.steps(resource, kind=kind, capacity=capacity, region=region)
        return known[bisect_right(known, at, key=_start) - 1].usd

    def knows(self, resource: Resource, *, at: dt.datetime, kind: str) -> bool:
        """Whether there is a price of a kind for some capacity in some region; of any kind if empty."""
        words = _words(resource, kind)
        files = [*(one.prices for one in self.earlier if at < one.until), self.prices]
        return any(
            price.resource is resource
            and price.holds(at)
            and (not words or words[: price.rank[0]] == _words(resource, price.kind))
            for prices in files
            for price in prices
        )

    def spans(
        self,
        resource: Resource,
        *,
        start: dt.datetime,
        end: dt.datetime,
        kind: str = "",
        capacity: str = "",
        region: str = "",
    ) -> tuple[PriceSpan, ...]:
        """The same over a stretch of time, cut where the price changes; in order, without gaps."""
        known = self.steps(resource, kind=kind, capacity=capacity, region=region)
        first = bisect_right(known, start, key=_start) - 1
        last = max(bisect_left(known, end, key=_start), first + 1)
        ends = [*(step.start for step in known[first + 1 : last]), end]
        return tuple(
            PriceSpan(start=max(step.start, start), end=until, usd=step.usd)
            for step, until in zip(known[first:last], ends, strict=True)
        )

    def steps(
        self, resource: Resource, *, kind: str = "", capacity: str = "", region: str = ""
    ) -> tuple[Step, ...]:
        """The same over all of the time."""
        key = (resource, kind, capacity, region)
        known = self._steps.get(key)
        if known is None:
            begins = [EVER, *(one.until for one in self.earlier)]
            files = [*(one.prices for one in self.earlier), self.prices]
            known = self._steps[key] = steps(
                (since, _fitting(prices, *key)) for since, prices in zip(begins, files, strict=True)
            )
        return known

    @cached_property
    def _steps(self) -> dict[tuple[Resource, str, str, str], tuple[Step, ...]]:
        return {}  # what was looked up once: a cluster has few kinds of things, and many of each


def _start(step: Step) -> dt.datetime:
    return step.start


def _fitting(
    prices: Iterable[Price], resource: Resource, kind: str, capacity: str, region: str
) -> Sequence[Price]:
    """Entries for a thing, whenever they hold, the most specific first."""
    words = _words(resource, kind)
    fits = [
        price
        for price in prices
        if price.resource is resource
        and words[: price.rank[0]] == _words(resource, price.kind)
        and price.capacity in {"", capacity or _UNNAMED_CAPACITY}
        and price.region in {"", region}
    ]
    return sorted(fits, key=lambda price: price.rank, reverse=True)


def _words(resource: Resource, kind: str) -> tuple[str, ...]:
    """What a kind is compared by: a GPU type by its first words, a storage class as a whole."""
    if resource is Resource.GPU:
        return gpu_words(kind)
    return (kind,) if kind else ()


def contradictions(prices: Iterable[Price]) -> list[tuple[int, int]]:
    """Pairs of places whose entries hold at the same time for the same thing, the later one first."""
    by_selector: dict[tuple[object, ...], list[tuple[int, Price]]] = {}
    found: list[tuple[int, int]] = []
    for index, price in enumerate(prices):
        others = by_selector.setdefault(price.selector, [])
        found += [(index, place) for place, other in others if price.meets(other)][:1]
        others.append((index, price))
    return found
