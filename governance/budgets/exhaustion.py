"""What budgets mean for a sweep: it goes on, or it ends with what it has. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from governance.budgets.budget import gpu_time
from governance.budgets.predictions import Prediction
from governance.budgets.spending import BudgetPosition
from sweeps.endings import BudgetVerdict
from sweeps.money import dollars


def verdict(covering: Iterable[BudgetPosition], following: Prediction) -> BudgetVerdict:
    """What budgets mean for a sweep.

    A budget that does not renew ends it when what is left can never pay for one more trial: what
    is spent only grows, and reservations of others are not counted, which may come back.

    Args:
        covering: Every budget that covers the sweep.
        following: What its next trial will take.
    """
    ends = stops = ""
    for position in covering:
        if not position.budget.stops:
            continue
        if position.is_spent and not position.budget.finish_running:
            stops = stops or f"budget is spent: {_spent(position)}"
        if position.renews_at is None and (why := never(position, following)) is not None:
            ends = ends or f"budget is spent: {why}"
    return BudgetVerdict(ends=ends, stops=stops)


def never(position: BudgetPosition, following: Prediction) -> str | None:
    """Why a trial can never start on what is left of a budget in this period; None: it can."""
    if position.left_usd is not None:
        needs = following.upper_usd
        if position.left_usd <= 0:
            return _spent(position)
        if needs is not None and needs > position.left_usd:
            return f"{_left(position)}, and one more trial needs {dollars(needs)}"
    if position.left_gpu_hours is not None:
        hours = following.upper_gpu_hours
        if position.left_gpu_hours <= 0 and hours != 0:
            return _spent(position)
        if hours is not None and hours > position.left_gpu_hours:
            return f"{_left(position)}, and one more trial needs {gpu_time(hours)}"
    return None


def _spent(position: BudgetPosition) -> str:
    """``vision-month: $512.30 of $500.00``; without amounts that are of several tenants together."""
    budget, parts = position.budget, list[str]()
    if not budget.scope.is_of_one_tenant:
        return f"{budget.name}: nothing is left"
    if budget.max_usd is not None:
        parts.append(f"{dollars(position.spent.usd)} of {dollars(budget.max_usd)}")
    if budget.max_gpu_hours is not None:
        parts.append(f"{position.spent.gpu_hours:.4g} of {gpu_time(budget.max_gpu_hours)}")
    return f"{budget.name}: {' and '.join(parts)}"


def _left(position: BudgetPosition) -> str:
    """``vision-month has $0.30 of $500.00 left``; likewise."""
    budget, parts = position.budget, list[str]()
    if not budget.scope.is_of_one_tenant:
        return f"{budget.name} has too little left"
    if budget.max_usd is not None:
        left = max(position.left_usd or Decimal(0), Decimal(0))
        parts.append(f"{dollars(left)} of {dollars(budget.max_usd)}")
    if budget.max_gpu_hours is not None:
        parts.append(
            f"{max(position.left_gpu_hours or 0.0, 0.0):.4g} of {gpu_time(budget.max_gpu_hours)}"
        )
    return f"{budget.name} has {' and '.join(parts)} left"
