"""A budget as bars: what is spent, what is reserved on top, of the limit. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from governance.budgets.budget import gpu_time
from governance.budgets.spending import BudgetPosition
from sweeps.money import dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One limit, in percent of its length."""

    spent: float  #: from 0 to 100
    reserved: float  #: after that; both together at most 100
    is_spent: bool
    words: str  #: ``$412.00 of $500.00 spent, $31.00 reserved, $88.00 left``


def bars(position: BudgetPosition) -> list[Bar]:
    """A bar for dollars and one for GPU-hours, as far as they are limited."""
    budget, spent, reserved = position.budget, position.spent, position.reserved
    found: list[Bar] = []
    if budget.max_usd is not None:
        limit = budget.max_usd
        left = max(limit - spent.usd, Decimal(0))
        words = _words(*map(dollars, (spent.usd, limit, reserved.usd, left)))
        found.append(_bar(float(spent.usd), float(reserved.usd), float(limit), words))
    if budget.max_gpu_hours is not None:
        hours = budget.max_gpu_hours
        amounts = (spent.gpu_hours, hours, reserved.gpu_hours, hours - spent.gpu_hours)
        found.append(
            _bar(spent.gpu_hours, reserved.gpu_hours, hours, _words(*map(gpu_time, amounts)))
        )
    return found


def _bar(spent: float, reserved: float, limit: float, words: str) -> Bar:
    first = min(spent / limit, 1.0) if limit > 0 else 1.0
    second = min(reserved / limit, 1.0 - first) if limit > 0 else 0.0
    return Bar(
        spent=round(100 * first, 2),
        reserved=round(100 * second, 2),
        is_spent=first >= 1.0,
        words=words,
    )


def _words(spent: str, limit: str, reserved: str, left: str) -> str:
    return f"{spent} of {limit} spent, {reserved} reserved, {left} left"
