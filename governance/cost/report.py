"""Costs summed up for people: by tenant, experiment, sweep, user, GPU type, model, run or day. Pure."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from governance.cost.entries import LOST
from governance.cost.prices import Resource

_ZERO = Decimal(0)


class GroupBy(StrEnum):
    """What costs are summed by."""

    TENANT = "tenant"
    EXPERIMENT = "experiment"
    SWEEP = "sweep"
    USER = "user"
    GPU = "gpu"  #: type of GPU; what is no GPU is under nothing
    MODEL = "model"  #: registered, by the sweep that its first version came out of
    RUN = "run"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """Entries of one key, day, resource and outcome together."""

    key: str  #: of what it is summed by; empty: of none
    day: dt.date
    resource: str
    outcome: str
    is_waste: bool
    quantity: float
    amount_usd: Decimal
    unpriced: int  #: entries without a price
    is_estimate: bool = False  #: computed just now: the ledger does not have it yet


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSheet:
    """Lines, and what has to be said with them."""

    lines: tuple[CostLine, ...]
    has_example_prices: bool  #: some of it at the prices that ship


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSummary:
    """What one thing cost. Amounts are of what has a price."""

    key: str
    amount_usd: Decimal = _ZERO
    estimate_usd: Decimal = _ZERO  #: of it, what the ledger does not have yet
    waste_usd: Decimal = _ZERO  #: of it, GPUs that were held and not used
    lost_usd: Decimal = _ZERO  #: of it, work that failed or was evicted
    storage_usd: Decimal = _ZERO  #: of it, bytes
    gpu_hours: float = 0.0
    idle_gpu_hours: float = 0.0
    core_hours: float = 0.0
    gib_days: float = 0.0
    unpriced: int = 0  #: entries without a price

    @property
    def lost_share(self) -> float | None:
        """Which share of the money went to work that failed or was evicted."""
        return float(self.lost_usd / self.amount_usd) if self.amount_usd else None

    @property
    def waste_share(self) -> float | None:
        """Which share of the money went to idle GPUs."""
        return float(self.waste_usd / self.amount_usd) if self.amount_usd else None


@dataclass(slots=True)
class _Sum:
    lines: list[CostLine] = field(default_factory=list[CostLine])

    def usd(self, wanted: Callable[[CostLine], bool]) -> Decimal:
        return sum((line.amount_usd for line in self.lines if wanted(line)), _ZERO)

    def held(self, resource: Resource, *, idle: bool = False) -> float:
        return sum(
            line.quantity
            for line in self.lines
            if line.resource == resource and (line.is_waste or not idle)
        )

    def summary(self, key: str) -> CostSummary:
        return CostSummary(
            key=key,
            amount_usd=self.usd(lambda _: True),
            estimate_usd=self.usd(lambda line: line.is_estimate),
            waste_usd=self.usd(lambda line: line.is_waste),
            lost_usd=self.usd(lambda line: line.outcome in LOST),
            storage_usd=self.usd(lambda line: line.resource == Resource.STORAGE),
            gpu_hours=self.held(Resource.GPU),
            idle_gpu_hours=self.held(Resource.GPU, idle=True),
            core_hours=self.held(Resource.CPU),
            gib_days=self.held(Resource.STORAGE),
            unpriced=sum(line.unpriced for line in self.lines),
        )


def total(lines: Iterable[CostLine]) -> CostSummary:
    """All of it together, under an empty key."""
    return _Sum(list(lines)).summary("")


def summaries(lines: Iterable[CostLine], *, by: GroupBy) -> list[CostSummary]:
    """What each key cost, the dearest first; days in their order."""
    sums: dict[str, _Sum] = {}
    for line in lines:
        key = line.day.isoformat() if by is GroupBy.DAY else line.key
        sums.setdefault(key, _Sum()).lines.append(line)
    found = [one.summary(key) for key, one in sums.items()]
    if by is GroupBy.DAY:
        return sorted(found, key=lambda one: one.key)
    return sorted(found, key=lambda one: (-one.amount_usd, -one.gpu_hours, one.key))


def by_day_and_key(
    lines: Iterable[CostLine], *, days: Sequence[dt.date], most: int
) -> list[tuple[str, list[float]]]:
    """Dollars of each day for the dearest keys, and for all others together under ``others``.

    Args:
        days: Which, in order; each list has as many numbers.
        most: Keys that are told apart.
    """
    lines = list(lines)
    ranked = [one.key for one in summaries(lines, by=GroupBy.SWEEP) if one.amount_usd]
    place = {day: index for index, day in enumerate(days)}
    named = ranked[:most] if len(ranked) > most else ranked
    rows = {key: [_ZERO] * len(days) for key in named}
    others = [_ZERO] * len(days)
    for line in lines:
        if line.day in place:
            rows.get(line.key, others)[place[line.day]] += line.amount_usd
    found = [(key, [float(usd) for usd in row]) for key, row in rows.items()]
    if any(others):
        found.append(("others", [float(usd) for usd in others]))
    return found


def sheet_document(sheet: CostSheet, by: GroupBy) -> dict[str, object]:
    """Sums and what they are of, for JSON."""
    return {
        "by": str(by),
        "has_example_prices": sheet.has_example_prices,
        "total": summary_document(total(sheet.lines)),
        "rows": [summary_document(one) for one in summaries(sheet.lines, by=by)],
    }


def summary_document(one: CostSummary) -> dict[str, object]:
    """A summary, for JSON: dollars as numbers."""
    return {
        "key": one.key,
        "usd": float(one.amount_usd),
        "estimated_usd": float(one.estimate_usd),
        "idle_usd": float(one.waste_usd),
        "lost_usd": float(one.lost_usd),
        "storage_usd": float(one.storage_usd),
        "gpu_hours": one.gpu_hours,
        "idle_gpu_hours": one.idle_gpu_hours,
        "core_hours": one.core_hours,
        "gib_days": one.gib_days,
        "lost_share": one.lost_share,
        "waste_share": one.waste_share,
        "unpriced": one.unpriced,
    }
