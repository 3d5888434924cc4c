"""What might be spent, what of it was, and when it is gone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Chart,
    ChartKind,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Table,
    Unit,
    Value,
    shown,
)

_MOST_ROWS = 30
_TITLES = {Unit.USD: "Budgets in dollars", Unit.HOURS: "Budgets in GPU-hours"}


def budgets(facts: ReportFacts, asked: Asked) -> Section:
    """All of it, the budget of which most is spent first."""
    positions = facts.budgets(asked.scope, asked.period)
    if not positions:
        nothing = Sentence("No budget is set.")
        return Section(key="budgets", title="Budgets", blocks=(nothing,))
    told, before = _told(facts, asked, positions), _told(facts, asked.before, positions)
    limits = sorted(_limits(positions), key=lambda one: (-one.share, one.name, one.unit))
    blocks: list[Block] = [
        Figures(
            (
                Figure("budgets", len(positions), Unit.COUNT),
                Figure("spent out", sum(one.is_spent for one in positions), Unit.COUNT),
                Figure("warnings", len(told), Unit.COUNT, len(before)),
            )
        ),
        Sentence(
            "Spent is what it was at the end of these days, or is now while they go on. Reserved is "
            "what trials that are live when this is written are predicted to cost from then on. It runs "
            "out then if it goes on as lately."
        ),
        _chart(limits),
    ]
    for unit in _TITLES:
        rows = [one for one in limits if one.unit is unit]
        if rows:
            blocks.append(_table(rows, unit))
    if told:
        blocks.append(_warnings(told))
    return Section(key="budgets", title="Budgets", blocks=tuple(blocks))


def _told(
    facts: ReportFacts, asked: Asked, positions: Sequence[BudgetPosition]
) -> list[BudgetWarning]:
    """Of these budgets alone: others are not for everybody's eyes."""
    names = {one.budget.name for one in positions}
    return [one for one in facts.budget_warnings(asked.scope, asked.period) if one.budget in names]


@dataclass(frozen=True, slots=True)
class _Limit:
    """Of a budget, which may have one of dollars and one of GPU-hours."""

    position: BudgetPosition
    unit: Unit
    limit: Decimal | float
    spent: Decimal | float
    reserved: Decimal | float

    @property
    def name(self) -> str:
        return self.position.budget.name

    @property
    def share(self) -> float:
        """Of nothing everything is spent from the beginning."""
        return float(self.spent) / float(self.limit) if self.limit else 1.0

    @property
    def reserved_share(self) -> float:
        return float(self.reserved) / float(self.limit) if self.limit else 0.0


def _limits(positions: Iterable[BudgetPosition]) -> Iterator[_Limit]:
    for one in positions:
        spent, reserved = one.spent, one.reserved
        if one.budget.max_usd is not None:
            yield _Limit(one, Unit.USD, one.budget.max_usd, spent.usd, reserved.usd)
        if one.budget.max_gpu_hours is not None:
            hours = one.budget.max_gpu_hours
            yield _Limit(one, Unit.HOURS, hours, spent.gpu_hours, reserved.gpu_hours)


def _chart(limits: Sequence[_Limit]) -> Chart:
    return Chart(
        "Of each limit",
        ChartKind.BARS,
        Unit.SHARE,
        tuple(
            (
                one.name if one.unit is Unit.USD else f"{one.name}, GPU-hours",
                (one.share, one.reserved_share),
            )
            for one in limits
        ),
        ("spent", "reserved"),
        whole=1.0,
    )


def _table(limits: Sequence[_Limit], unit: Unit) -> Table:
    columns = (
        Column("budget"),
        Column("of"),
        Column("each"),
        Column("limit", unit),
        Column("spent", unit),
        Column("used", Unit.SHARE),
        Column("reserved", unit),
        Column("a day lately", unit),
        Column("runs out"),
    )
    return shown(_TITLES[unit], columns, [_row(one) for one in limits], most=_MOST_ROWS)


def _row(one: _Limit) -> tuple[Value, ...]:
    position, budget = one.position, one.position.budget
    daily = position.daily.usd if one.unit is Unit.USD else position.daily.gpu_hours
    return (
        one.name,
        str(budget.scope),
        str(budget.period),
        one.limit,
        one.spent,
        one.share,
        one.reserved,
        daily,
        _end(one),
    )


def _end(one: _Limit) -> str:
    position = one.position
    if one.share >= 1:
        return "all is spent"
    if position.is_spent:
        return "its other limit is spent"
    if position.runs_out_at is None:
        return "not before it renews" if position.renews_at is not None else "not foreseeable"
    return f"{position.runs_out_at:%Y-%m-%d %H:%M}"


def _warnings(told: Sequence[BudgetWarning]) -> Table:
    return shown(
        "Warnings",
        (Column("when"), Column("what")),
        [(f"{one.warned_at:%Y-%m-%d %H:%M}", one.sentence) for one in told],
        most=_MOST_ROWS,
        rest=(f"{len(told) - _MOST_ROWS:,} others", None),
    )
