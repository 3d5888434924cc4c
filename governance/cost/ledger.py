"""The ledger: from what attempts held, and when, to entries per attempt, day and resource. Pure.

An entry is cut at midnight UTC and where its price changes. Times are microseconds and money is in
ten-billionths of a dollar, all of it whole numbers; each entry is rounded once. So what is summed
over entries differs from price times time by less than a cent in a hundred million of them.
"""

import calendar
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from governance.cost.entries import DECIMALS, CostEntry, Outcome
from governance.cost.idleness import IdleSpan
from governance.cost.prices import PriceBook, PriceSpan, Resource
from governance.gpu_types import gpu_type

_MICROSECOND = dt.timedelta(microseconds=1)
_DAY = dt.timedelta(days=1)
_HOUR = 3_600_000_000  # in microseconds
_MICROCORES = 1_000_000
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one attempt held, from when until when, and for whom.

    Args:
        started_at: When its resources were its own: it was given a node, or its process started.
        ended_at: None: it goes on.
        gpus: Devices.
        cores, memory_bytes: As asked for; of all its pods.
        gpu_model: As the driver or the node calls it; empty: unknown.
    """

    attempt_id: str
    run_id: str
    sweep_id: str | None
    experiment_id: int | None
    tenant_id: str
    owner: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    outcome: Outcome
    gpus: int = 0
    cores: float = 0.0
    memory_bytes: int = 0
    gpu_model: str = ""
    capacity: str = ""
    region: str = ""
    idle: Sequence[IdleSpan] = ()  #: of any of its GPUs

    def amounts(self) -> Iterator[tuple[Resource, int, int]]:
        """What it held: a whole number, and how many of these make one unit."""
        if self.gpus:
            yield Resource.GPU, self.gpus, 1
        if cores := round(self.cores * _MICROCORES):
            yield Resource.CPU, cores, _MICROCORES
        if self.memory_bytes:
            yield Resource.MEMORY, self.memory_bytes, _GIB


def compute_entries(
    holdings: Iterable[Holding],
    *,
    book: PriceBook,
    price_version: int,
    start: dt.datetime,
    end: dt.datetime,
) -> Iterator[CostEntry]:
    """Entries for what was held in a stretch of time, half-open.

    Args:
        start, end: A day, or a part of the present that the ledger does not have yet. What goes on
            is charged until `end`, which for the present is now.
    """
    rates = _Rates(book)
    for holding in holdings:
        low = max(holding.started_at, start)
        high = end if holding.ended_at is None else min(holding.ended_at, end)
        while low < high:
            midnight = dt.datetime.combine(low.date() + _DAY, dt.time(), dt.UTC)
            yield from _day(holding, low, min(high, midnight), rates, price_version)
            low = midnight


@dataclass(frozen=True, slots=True)
class _Rate:
    """What a resource costs in a stretch of a day, and what is the same in all of its entries."""

    start: dt.datetime
    end: dt.datetime
    usd: Decimal | None
    numerator: int  #: dollars by microsecond and part of a unit, as a fraction
    denominator: int
    divisor: int  #: microseconds times parts in one hour of one unit
    kind: str
    resource: str
    unit: str


class _Rates:
    """Rates by resource, machine and day, looked up once: of a million attempts few are different."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._known: dict[tuple[Resource, str, str, str, dt.date], tuple[_Rate, ...]] = {}

    def of(
        self, holding: Holding, resource: Resource, per_unit: int, day: dt.date
    ) -> tuple[_Rate, ...]:
        """All rates of a day, in order."""
        model = holding.gpu_model if resource is Resource.GPU else ""
        key = (resource, model, holding.capacity, holding.region, day)
        known = self._known.get(key)
        if known is None:
            midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
            spans = self._book.spans(
                resource,
                start=midnight,
                end=midnight + _DAY,
                kind=model,
                capacity=holding.capacity,
                region=holding.region,
            )
            known = tuple(_rate(span, resource, per_unit, gpu_type(model)) for span in spans)
            self._known[key] = known
        return known


def _rate(span: PriceSpan, resource: Resource, per_unit: int, kind: str) -> _Rate:
    numerator, denominator = (span.usd or Decimal(0)).as_integer_ratio()
    divisor = _HOUR * per_unit
    return _Rate(
        span.start,
        span.end,
        span.usd,
        numerator * 10**DECIMALS,
        denominator * divisor,
        divisor,
        kind,
        resource.value,
        resource.unit,
    )


def _day(
    holding: Holding, start: dt.datetime, end: dt.datetime, rates: _Rates, version: int
) -> Iterator[CostEntry]:
    """Entries of one holding within one day."""
    day = start.date()
    for resource, amount, per_unit in holding.amounts():
        for rate in rates.of(holding, resource, per_unit, day):
            low, high = max(rate.start, start), min(rate.end, end)
            if low >= high:
                continue
            key = f"{holding.attempt_id}/{rate.resource}"
            if low > start:
                key = f"{key}@{low:%H:%M:%S.%f}"
            held = _microseconds(low, high) * amount
            idle = 0
            if resource is Resource.GPU and holding.idle:
                idle = min(held, _overlap(holding.idle, low, high))
            if held - idle:
                yield _entry(holding, rate, day, key, held - idle, version)
            if idle:
                yield _entry(holding, rate, day, f"{key}/idle", idle, version, is_idle=True)


def _entry(
    holding: Holding,
    rate: _Rate,
    day: dt.date,
    key: str,
    held: int,
    version: int,
    *,
    is_idle: bool = False,
) -> CostEntry:
    """One entry for `held` microseconds times parts of a unit."""
    return CostEntry(
        day=day,
        entry_key=key,
        tenant_id=holding.tenant_id,
        experiment_id=holding.experiment_id,
        sweep_id=holding.sweep_id,
        run_id=holding.run_id,
        attempt_id=holding.attempt_id,
        owner=holding.owner,
        category="compute",
        resource=rate.resource,
        kind=rate.kind,
        capacity=holding.capacity,
        region=holding.region,
        quantity=held / rate.divisor,
        unit=rate.unit,
        unit_price_usd=rate.usd,
        amount_usd=None if rate.usd is None else _rounded(held * rate.numerator, rate.denominator),
        outcome=str(Outcome.IDLE if is_idle else holding.outcome),
        is_waste=is_idle,
        price_version=version,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """What somebody had in the artifact store on one day.

    Args:
        byte_microseconds: Bytes times how long they were there on that day.
    """

    day: dt.date
    tenant_id: str
    experiment_id: int | None  #: None: of no experiment, such as a dataset's
    sweep_id: str | None
    owner: str
    storage_class: str
    byte_microseconds: int


def storage_entries(
    stored: Iterable[StoredBytes], *, book: PriceBook, price_version: int
) -> Iterator[CostEntry]:
    """Entries for bytes, at the price that holds when their day begins.

    A month of one GiB costs exactly the price of a GiB-month, however many days it has.
    """
    for one in stored:
        midnight = dt.datetime.combine(one.day, dt.time(), dt.UTC)
        usd = book.price(Resource.STORAGE, at=midnight, kind=one.storage_class)
        days = calendar.monthrange(one.day.year, one.day.month)[1]
        divisor = _GIB * 24 * _HOUR
        whose = (one.tenant_id, str(one.experiment_id or ""), one.sweep_id or "", one.owner)
        yield CostEntry(
            day=one.day,
            entry_key="/".join(("storage", *whose, one.storage_class)),
            tenant_id=one.tenant_id,
            experiment_id=one.experiment_id,
            sweep_id=one.sweep_id,
            run_id=None,
            attempt_id=None,
            owner=one.owner,
            category="storage",
            resource=Resource.STORAGE.value,
            kind=one.storage_class,
            capacity="",
            region="",
            quantity=one.byte_microseconds / divisor,
            unit=Resource.STORAGE.unit,
            unit_price_usd=None if usd is None else exact_amount(1, days, usd),
            amount_usd=None
            if usd is None
            else exact_amount(one.byte_microseconds, divisor * days, usd),
            outcome="",
            is_waste=False,
            price_version=price_version,
        )


def exact_amount(parts: int, divisor: int, usd: Decimal) -> Decimal:
    """`parts / divisor * usd`, rounded once, half up, to ten-billionths of a dollar."""
    numerator, denominator = usd.as_integer_ratio()
    return _rounded(numerator * parts * 10**DECIMALS, denominator * divisor)


def _rounded(numerator: int, denominator: int) -> Decimal:
    return Decimal((2 * numerator + denominator) // (2 * denominator)).scaleb(-DECIMALS)


def _microseconds(start: dt.datetime, end: dt.datetime) -> int:
    return (end - start) // _MICROSECOND


def _overlap(idle: Sequence[IdleSpan], start: dt.datetime, end: dt.datetime) -> int:
    """Microseconds that GPUs were idle in a stretch, together."""
    return sum(one.within(start, end) for one in idle)
