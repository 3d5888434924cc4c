"""The price book: what an hour of a resource costs, by what it is and when. Pure.

Of the entries that fit, the most specific one holds, and there is always exactly one: first the
longer GPU type (or the storage class), then the one that names a capacity, then the one that names
a region. Where none fits there is no price, which is not a price of nothing.
"""

import datetime as dt
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

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


@dataclass(frozen=True)
class PriceBook:
    """All prices of an installation; no two of them contradict each other."""

    prices: tuple[Price, ...] = ()

    @cached_property
    def changes(self) -> tuple[dt.datetime, ...]:
        """All moments at which any price changes, in order."""
        ends = [end for price in self.prices for end in (price.since, price.until) if end]
        return tuple(sorted(set(ends)))

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
        fits = self._fitting(resource, kind=kind, capacity=capacity, region=region)
        return next((price.usd for price in fits if price.holds(at)), None)

    def knows(self, resource: Resource, *, at: dt.datetime, kind: str) -> bool:
        """Whether there is a price of a kind for some capacity in some region; of any kind if empty."""
        words = _words(resource, kind)
        return any(
            price.resource is resource
            and price.holds(at)
            and (not words or words[: price.rank[0]] == _words(resource, price.kind))
            for price in self.prices
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
        fits = self._fitting(resource, kind=kind, capacity=capacity, region=region)
        moments = {at for price in fits for at in (price.since, price.until) if at}
        cuts = [start, *sorted(at for at in moments if start < at < end), end]
        spans: list[PriceSpan] = []
        for low, high in itertools.pairwise(cuts):
            usd = next((price.usd for price in fits if price.holds(low)), None)
            if spans and spans[-1].usd == usd:
                low = spans.pop().start  # noqa: PLW2901 - the span before goes on
            spans.append(PriceSpan(start=low, end=high, usd=usd))
        return tuple(spans)

    @cached_property
    def _fits(self) -> dict[tuple[Resource, str, str, str], list[Price]]:
        return {}  # what was looked up once: a cluster has few kinds of things, and many of each

    def _fitting(self, resource: Resource, *, kind: str, capacity: str, region: str) -> list[Price]:
        """Entries for a thing, whenever they hold, the most specific first."""
        known = self._fits.get(key := (resource, kind, capacity, region))
        if known is not None:
            return known
        words = _words(resource, kind)
        fits = [
            price
            for price in self.prices
            if price.resource is resource
            and words[: price.rank[0]] == _words(resource, price.kind)
            and price.capacity in {"", capacity or _UNNAMED_CAPACITY}
            and price.region in {"", region}
        ]
        self._fits[key] = sorted(fits, key=lambda price: price.rank, reverse=True)
        return self._fits[key]


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
