"""Budgets as people and programs read them: a document, a table, and warnings. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from governance.budgets.budget import Amount, gpu_time
from governance.budgets.spending import BudgetPosition
from sweeps.money import dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWarning:
    """A share of a limit that was reached; told once in each period."""

    budget: str
    begins: dt.date  #: of the period
    threshold: float
    tenant_id: str  #: empty: not of one tenant
    spent_usd: Decimal
    spent_gpu_hours: float
    max_usd: Decimal | None
    max_gpu_hours: float | None
    warned_at: dt.datetime

    @property
    def sentence(self) -> str:
        """``budget vision-month: 80 % is spent, $412.00 of $500.00``."""
        return _sentence(
            self.budget,
            self.threshold,
            spent=Amount(usd=self.spent_usd, gpu_hours=self.spent_gpu_hours),
            max_usd=self.max_usd,
            max_gpu_hours=self.max_gpu_hours,
        )


class BudgetReports(Protocol):
    """Where all budgets stand. Every method raises `StorageUnavailable`."""

    def at(self, now: dt.datetime) -> Sequence[BudgetPosition]:
        """All of the policy, then those of open sweeps' own."""
        ...

    def note(self, positions: Iterable[BudgetPosition]) -> None:
        """Write down what was reached, so that it will be told."""
        ...

    def telling(
        self, positions: Iterable[BudgetPosition]
    ) -> AbstractContextManager[Sequence[BudgetWarning]]:
        """What was reached, or noted before, and nobody was told of; told once the block has ended."""
        ...

    def untold(self, positions: Iterable[BudgetPosition]) -> Sequence[str]:
        """Keys of what `telling` would give."""
        ...

    def warnings(
        self, *, since: dt.datetime, until: dt.datetime | None = None, tenant: str | None = None
    ) -> Sequence[BudgetWarning]:
        """What was noted since then, and before `until`, newest first."""
        ...


def reached(position: BudgetPosition, share: float) -> str:
    """That a budget has reached a share of its limit, for those whose sweeps it covers."""
    budget = position.budget
    if not budget.scope.is_of_one_tenant:  # what others spend is not for everybody
        return f"budget {budget.name}: {share:.0%} is spent"
    return _sentence(
        budget.name,
        share,
        spent=position.spent,
        max_usd=budget.max_usd,
        max_gpu_hours=budget.max_gpu_hours,
    )


def _sentence(
    name: str,
    share: float,
    *,
    spent: Amount,
    max_usd: Decimal | None,
    max_gpu_hours: float | None,
) -> str:
    parts: list[str] = []
    if max_usd is not None:
        parts.append(f"{dollars(spent.usd)} of {dollars(max_usd)}")
    if max_gpu_hours is not None:
        parts.append(f"{spent.gpu_hours:.4g} of {gpu_time(max_gpu_hours)}")
    return f"budget {name}: {share:.0%} is spent, {' and '.join(parts)}"


def limits(max_usd: Decimal | None, max_gpu_hours: float | None) -> str:
    """``$500.00 and 200 GPU-hours``; another text for every other limit."""
    parts = [] if max_usd is None else [f"${max_usd.normalize():f}"]
    parts += [] if max_gpu_hours is None else [f"{max_gpu_hours!r} GPU-hours"]
    return " and ".join(parts)


def document(position: BudgetPosition) -> dict[str, Any]:
    """One budget for programs; amounts of money as text, exact."""
    budget, scope = position.budget, position.budget.scope
    return {
        "name": budget.name,
        "tenant": scope.tenant,
        "experiment": scope.experiment,
        "user": scope.user,
        "sweep": scope.sweep_id,
        "period": str(budget.period),
        "begins": position.begins.isoformat() if position.renews_at else None,
        "renews_at": position.renews_at,
        "at_limit": "stop" if budget.stops else "warn",
        "usd": None
        if budget.max_usd is None
        else {
            "limit": _money(budget.max_usd),
            "spent": _money(position.spent.usd),
            "reserved": _money(position.reserved.usd),
            "left": _money(position.left_usd),
            "per_hour_now": _money(position.hourly.usd),
            "per_day": _money(position.daily.usd),
        },
        "gpu_hours": None
        if budget.max_gpu_hours is None
        else {
            "limit": budget.max_gpu_hours,
            "spent": position.spent.gpu_hours,
            "reserved": position.reserved.gpu_hours,
            "left": position.left_gpu_hours,
            "per_hour_now": position.hourly.gpu_hours,
            "per_day": position.daily.gpu_hours,
        },
        "share": round(position.share, 6),
        "live_trials": position.live,
        "unpredicted_trials": position.unpredicted,
        "runs_out_at": position.runs_out_at,
    }


HEADINGS = ("budget", "whose", "period", "limit", "spent", "reserved", "left", "used")


def rows(positions: Iterable[BudgetPosition]) -> list[tuple[str, ...]]:
    """Under `HEADINGS`; a budget in dollars and GPU-hours has a row for each."""
    found: list[tuple[str, ...]] = []
    for one in positions:
        budget, spent, reserved = one.budget, one.spent, one.reserved
        named = (budget.name, str(budget.scope), str(budget.period))
        if budget.max_usd is not None:
            left = max(budget.max_usd - spent.usd, Decimal(0))
            cells = (budget.max_usd, spent.usd, reserved.usd, left)
            used = _used(float(spent.usd), float(budget.max_usd))
            found.append((*named, *map(dollars, cells), used))
        if budget.max_gpu_hours is not None:
            hours = (
                budget.max_gpu_hours,
                spent.gpu_hours,
                reserved.gpu_hours,
                budget.max_gpu_hours - spent.gpu_hours,
            )
            used = _used(spent.gpu_hours, budget.max_gpu_hours)
            found.append((*named, *(gpu_time(max(value, 0.0)) for value in hours), used))
    return found


def outlook(position: BudgetPosition) -> str:
    """How fast it goes, when it runs out, when it renews: one sentence."""
    budget, parts = position.budget, list[str]()
    if budget.max_usd is not None:
        parts.append(_pace(dollars(position.hourly.usd), dollars(position.daily.usd), position))
    if budget.max_gpu_hours is not None:
        hourly, daily = position.hourly.gpu_hours, position.daily.gpu_hours
        parts.append(_pace(gpu_time(hourly), gpu_time(daily), position))
    if position.is_spent:
        parts.append("all of it is spent")
    elif position.runs_out_at is not None:
        parts.append(f"runs out at {position.runs_out_at:%Y-%m-%d %H:%M} UTC if it goes on so")
    if position.renews_at is not None:
        parts.append(f"renews at {position.renews_at:%Y-%m-%d %H:%M} UTC")
    if position.unpredicted:
        parts.append(f"{position.unpredicted} live trials that nobody could predict")
    return ", ".join(parts)


def markdown(positions: Sequence[BudgetPosition]) -> str:
    """A table, and a line for each budget."""
    if not positions:
        return "There is no budget."
    head = ["| " + " | ".join(HEADINGS) + " |", "|---|---|---|--:|--:|--:|--:|--:|"]
    table = ["| " + " | ".join(row) + " |" for row in rows(positions)]
    lines = [f"- **{one.budget.name}**: {outlook(one)}" for one in positions]
    return "\n".join([*head, *table, "", *lines])


def _pace(hourly: str, daily: str, position: BudgetPosition) -> str:
    usual = f"{daily} a day lately"
    return f"{hourly} an hour now, {usual}" if position.live else usual


def _used(spent: float, limit: float) -> str:
    return f"{spent / limit:.0%}" if limit > 0 else "100%"


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.6f}"
