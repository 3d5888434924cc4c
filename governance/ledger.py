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

from governance.cost_entries import CostEntry, Outcome
from governance.gpu_types import gpu_type
from governance.idleness import IdleSpan
from governance.prices import PriceBook, Resource

_MICROSECOND = dt.timedelta(microseconds=1)
_DAY = dt.timedelta(days=1)
_HOUR = 3_600_000_000  # in microseconds
_MICROCORES = 1_000_000
_GIB = 2**30
_DECIMALS = 10  # of an amount

STANDARD = "standard"  #: the storage class of everything in the artifact store


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
    for holding in holdings:
        low = max(holding.started_at, start)
        high = end if holding.ended_at is None else min(holding.ended_at, end)
        while low < high:
            midnight = dt.datetime.combine(low.date() + _DAY, dt.time(), dt.UTC)
            yield from _day(holding, low, min(high, midnight), book, price_version)
            low = midnight


def _day(
    holding: Holding, start: dt.datetime, end: dt.datetime, book: PriceBook, version: int
) -> Iterator[CostEntry]:
    """Entries of one holding within one day."""
    for resource, amount, per_unit in holding.amounts():
        model = holding.gpu_model if resource is Resource.GPU else ""
        spans = book.spans(
            resource,
            start=start,
            end=end,
            kind=model,
            capacity=holding.capacity,
            region=holding.region,
        )
        for span in spans:
            key = f"{holding.attempt_id}/{resource}"
            if span.start > start:
                key = f"{key}@{span.start:%H:%M:%S.%f}"
            total = _microseconds(span.start, span.end) * amount
            idle = 0
            if resource is Resource.GPU and holding.idle:
                idle = min(total, _overlap(holding.idle, span.start, span.end))
            if total - idle:
                yield _entry(
                    holding, resource, span.start, key, total - idle, per_unit, span.usd, version
                )
            if idle:
                yield _entry(
                    holding, resource, span.start, f"{key}/idle", idle, per_unit, span.usd,
                    version, is_idle=True,
                )  # fmt: skip


def _entry(
    holding: Holding,
    resource: Resource,
    at: dt.datetime,
    key: str,
    held: int,
    per_unit: int,
    usd: Decimal | None,
    version: int,
    *,
    is_idle: bool = False,
) -> CostEntry:
    """One entry for `held` microseconds times parts of a unit."""
    divisor = _HOUR * per_unit
    return CostEntry(
        day=at.date(),
        entry_key=key,
        tenant_id=holding.tenant_id,
        experiment_id=holding.experiment_id,
        sweep_id=holding.sweep_id,
        run_id=holding.run_id,
        attempt_id=holding.attempt_id,
        owner=holding.owner,
        category="compute",
        resource=resource.value,
        kind=gpu_type(holding.gpu_model) if resource is Resource.GPU else "",
        capacity=holding.capacity,
        region=holding.region,
        quantity=held / divisor,
        unit=resource.unit,
        unit_price_usd=usd,
        amount_usd=None if usd is None else exact_amount(held, divisor, usd),
        outcome=(Outcome.IDLE if is_idle else holding.outcome).value,
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
    numerator *= parts * 10**_DECIMALS
    denominator *= divisor
    return Decimal((2 * numerator + denominator) // (2 * denominator)).scaleb(-_DECIMALS)


def _microseconds(start: dt.datetime, end: dt.datetime) -> int:
    return (end - start) // _MICROSECOND


def _overlap(idle: Sequence[IdleSpan], start: dt.datetime, end: dt.datetime) -> int:
    """Microseconds that GPUs were idle in a stretch, together."""
    return sum(max(0, _microseconds(max(one.start, start), min(one.end, end))) for one in idle)
