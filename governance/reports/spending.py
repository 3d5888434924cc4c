"""What it cost, and whom: by tenant, experiment, sweep and owner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from governance.periods import Span
from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Chart,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Table,
    Unit,
    shown,
)
from governance.reports.over_time import over_time
from governance.reports.rows import DaySpent, Spent

MOST_ROWS = 20
_MOST_DAYS = 7
_NONE = "(none)"
_OUTSIDE = "(outside sweeps)"


@dataclass(frozen=True, slots=True)
class Total:
    """Rows of spending added up."""

    amount_usd: Decimal = Decimal(0)
    waste_usd: Decimal = Decimal(0)
    gpu_hours: float = 0.0
    idle_gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    storage_gib_days: float = 0.0
    attempts: int = 0
    failed_attempts: int = 0
    unpriced: int = 0

    @property
    def failed_share(self) -> float | None:
        """Of the attempts."""
        return self.failed_attempts / self.attempts if self.attempts else None

    @property
    def waste_share(self) -> float | None:
        """Of the money."""
        return float(self.waste_usd / self.amount_usd) if self.amount_usd else None


def total(rows: Sequence[Spent]) -> Total:
    """All of them together."""
    return Total(
        amount_usd=sum((row.amount_usd for row in rows), Decimal(0)),
        waste_usd=sum((row.waste_usd for row in rows), Decimal(0)),
        gpu_hours=sum(row.gpu_hours for row in rows),
        idle_gpu_hours=sum(row.idle_gpu_hours for row in rows),
        cpu_hours=sum(row.cpu_hours for row in rows),
        storage_gib_days=sum(row.storage_gib_days for row in rows),
        attempts=sum(row.attempts for row in rows),
        failed_attempts=sum(row.failed_attempts for row in rows),
        unpriced=sum(row.unpriced for row in rows),
    )


def grouped(rows: Sequence[Spent], key: Callable[[Spent], str]) -> dict[str, Total]:
    """Totals by key, dearest first."""
    groups: dict[str, list[Spent]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    totals = {name: total(members) for name, members in groups.items()}
    return dict(sorted(totals.items(), key=lambda item: (-item[1].amount_usd, item[0])))


def spending(facts: ReportFacts, asked: Asked) -> Section:
    """All of it."""
    rows, before = facts.spent(asked.scope, asked.period), _before(facts, asked)
    now, then = total(rows), total(before)
    blocks: list[Block] = [
        Figures(
            (
                Figure("cost", now.amount_usd, Unit.USD, then.amount_usd),
                Figure("GPU-hours", now.gpu_hours, Unit.HOURS, then.gpu_hours),
                Figure("core-hours", now.cpu_hours, Unit.HOURS, then.cpu_hours),
                Figure(
                    "storage, GiB-days", now.storage_gib_days, Unit.HOURS, then.storage_gib_days
                ),
            )
        )
    ]
    if now.unpriced:
        blocks.append(
            Sentence(
                f"{now.unpriced:,} entries of the ledger have no price, so the real cost is higher: "
                "the policy `prices` lacks what they used."
            )
        )
    missing = facts.days_not_in_ledger(asked.period)
    if missing:
        days = ", ".join(day.isoformat() for day in missing[:_MOST_DAYS])
        more = f" and {len(missing) - _MOST_DAYS} more" if len(missing) > _MOST_DAYS else ""
        blocks.append(
            Sentence(
                f"The ledger does not have all of {days}{more}: what was spent then is missing here. "
                "Materialize `cost_entries` for these days, and then this report."
            )
        )
    if not rows:
        blocks.append(Sentence("The ledger has no entries for this period."))
    else:
        blocks += [
            _chart(facts.spent_by_day(asked.scope, asked.period), asked.period),
            *(
                _table(f"Cost by {what}", what, grouped(rows, key), grouped(before, key), now)
                for what, key in _dimensions(asked)
            ),
        ]
    return Section(key="cost", title="Cost", blocks=tuple(blocks))


def _dimensions(asked: Asked) -> list[tuple[str, Callable[[Spent], str]]]:
    """Those that tell something within the scope."""
    is_of_one = asked.scope.tenant is not None
    dimensions: list[tuple[str, Callable[[Spent], str]]] = [
        ("tenant", lambda row: row.tenant),
        (
            "experiment",
            lambda row: _within(row.experiment or _NONE, row, is_of_one=is_of_one),
        ),
        ("sweep", lambda row: row.sweep_id or _within(_OUTSIDE, row, is_of_one=is_of_one)),
        ("user", lambda row: row.owner or _NONE),
    ]
    if is_of_one:
        del dimensions[0]
    return dimensions


def _within(name: str, row: Spent, *, is_of_one: bool) -> str:
    return name if is_of_one else f"{row.tenant} / {name}"


def _before(facts: ReportFacts, asked: Asked) -> Sequence[Spent]:
    return facts.spent(asked.before.scope, asked.before.period)


def _chart(days: Sequence[DaySpent], period: Span) -> Chart:
    return over_time("Cost", Unit.USD, {day.day: (float(day.amount_usd),) for day in days}, period)


def _table(
    title: str, what: str, now: dict[str, Total], before: dict[str, Total], whole: Total
) -> Table:
    columns = (
        Column(what),
        Column("cost", Unit.USD),
        Column("share", Unit.SHARE),
        Column("before", Unit.USD),
        Column("GPU-hours", Unit.HOURS),
        Column("idle", Unit.USD),
    )
    rows = [
        (
            name,
            group.amount_usd,
            _share(group.amount_usd, whole.amount_usd),
            before[name].amount_usd if name in before else Decimal(0),
            group.gpu_hours,
            group.waste_usd,
        )
        for name, group in now.items()
    ]
    others = list(now)[MOST_ROWS:]
    rest = Total(
        amount_usd=sum((now[name].amount_usd for name in others), Decimal(0)),
        waste_usd=sum((now[name].waste_usd for name in others), Decimal(0)),
        gpu_hours=sum(now[name].gpu_hours for name in others),
    )
    return shown(
        title,
        columns,
        rows,
        most=MOST_ROWS,
        rest=(
            f"{len(others):,} others",
            rest.amount_usd,
            _share(rest.amount_usd, whole.amount_usd),
            sum((before[n].amount_usd for n in others if n in before), Decimal(0)),
            rest.gpu_hours,
            rest.waste_usd,
        ),
    )


def _share(part: Decimal, whole: Decimal) -> float | None:
    return float(part / whole) if whole else None
