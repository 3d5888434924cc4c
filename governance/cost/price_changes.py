"""What a new file of prices changes, and from when on. Pure."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

from governance.cost.price_steps import EVER, Step
from governance.cost.prices import Price, PriceBook, Resource

_MOST = 40  #: sentences; whoever changes more has the difference of the files beside them
_UNITS = {
    Resource.GPU: "GPU-hour",
    Resource.CPU: "core-hour",
    Resource.MEMORY: "GiB-hour",
    Resource.STORAGE: "GiB-month",
}
_Pair = tuple[Decimal | None, Decimal | None]  # before and after


class PriceHistory:
    """A `sweeps.policies.PolicyHistory`."""

    def follow(self, before: PriceBook, newer: PriceBook, *, at: dt.datetime) -> PriceBook:
        """The book once a file is applied."""
        return before.followed_by(newer, at=at)

    def effects(self, before: PriceBook | None, newer: PriceBook, *, at: dt.datetime) -> list[str]:
        """A sentence for each thing that either file names and each stretch of time."""
        if before is None:
            return ["these prices count for all time, in place of the examples"]
        return price_changes(before, before.followed_by(newer, at=at), at=at)


def price_changes(before: PriceBook, after: PriceBook, *, at: dt.datetime) -> list[str]:
    """What differs between two books, in sentences.

    Args:
        at: When the second one is applied.
    """
    entries = {price.selector: price for price in (*before.prices, *after.prices)}
    order = list(Resource)
    found = [
        sentence
        for price in sorted(
            entries.values(),
            key=lambda one: (order.index(one.resource), one.kind, one.capacity, one.region),
        )
        for sentence in _of_thing(price, before, after, at)
    ]
    if not found:
        return ["no price changes"]
    more = len(found) - _MOST
    return found if more <= 0 else [*found[:_MOST], f"and {more} more"]


def _of_thing(price: Price, before: PriceBook, after: PriceBook, at: dt.datetime) -> Iterator[str]:
    thing = {"kind": price.kind, "capacity": price.capacity, "region": price.region}
    name = " ".join(filter(None, (price.resource, *thing.values())))
    olds = before.steps(price.resource, **thing)
    news = after.steps(price.resource, **thing)
    cuts = sorted({at, *(step.start for step in (*olds, *news))})
    pairs = [(cut, (_at(olds, cut), _at(news, cut))) for cut in cuts]
    stretches = [(pair, next(cuts)[0]) for pair, cuts in groupby(pairs, key=lambda one: one[1])]
    ends = [*(start for _, start in stretches[1:]), None]
    for (pair, start), end in zip(stretches, ends, strict=True):
        if pair[0] != pair[1]:
            yield f"{name}: {_when(start, end, at)}, {_what(pair, price.resource)}"


def _at(steps: tuple[Step, ...], moment: dt.datetime) -> Decimal | None:
    return next(step.usd for step in reversed(steps) if step.start <= moment)


def _what(pair: _Pair, resource: Resource) -> str:
    old, new = pair
    unit = _UNITS[resource]
    if new is None:
        return f"no price instead of {_usd(old)} per {unit}"
    if old is None:
        return f"{_usd(new)} per {unit}, which had no price"
    return f"{_usd(new)} instead of {_usd(old)} per {unit}"


def _usd(amount: Decimal | None) -> str:
    return "" if amount is None else f"${amount.normalize():f}"


def _when(start: dt.datetime, end: dt.datetime | None, at: dt.datetime) -> str:
    until = "" if end is None else f" until {_moment(end, at)}"
    if start == EVER:
        return (until.strip() if end else "for all time") + _past(start, at)
    if start == at:
        return f"from now on{until}"
    return f"from {_moment(start, at)}{until or ' on'}{_past(start, at)}"


def _past(start: dt.datetime, at: dt.datetime) -> str:
    """Where what was spent already costs something else."""
    return " (also for what is past)" if start < at else ""


def _moment(moment: dt.datetime, at: dt.datetime) -> str:
    if moment == at:
        return "now"
    return f"{moment:%Y-%m-%d}" if moment.time() == dt.time() else f"{moment:%Y-%m-%dT%H:%MZ}"
