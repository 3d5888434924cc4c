"""What a sweep will cost, before it starts, and whether that can ever fit into its budgets. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from governance.budgets.budget import gpu_time
from governance.budgets.exhaustion import never
from governance.budgets.policy import Budget
from governance.budgets.predictions import Basis, Prediction
from governance.budgets.spending import BudgetPosition
from sweeps.errors import PermanentError
from sweeps.ids import SweepId
from sweeps.money import dollars
from sweeps.specs import SweepSpec


class OverBudget(PermanentError):
    """A sweep no trial of which can ever start, or a rerun: it costs more than its budgets have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What all trials of a sweep will take together. None: nobody can tell."""

    trials: int
    prediction: Prediction  #: of one of them
    affordable: int | None = None  #: trials that its budgets pay for as far as is known
    tightest: str = ""  #: the budget that pays for the fewest

    @property
    def usd(self) -> tuple[Decimal, Decimal] | None:
        """What is likely, and what is hardly exceeded."""
        found = self.prediction
        if found.usd is None or found.upper_usd is None:
            return None
        least = Decimal(0) if found.basis is Basis.TIMEOUT else self.trials * found.usd
        return least, self.trials * found.upper_usd

    @property
    def gpu_hours(self) -> tuple[float, float] | None:
        """Likewise."""
        found = self.prediction
        if found.gpu_hours is None or found.upper_gpu_hours is None:
            return None
        least = 0.0 if found.basis is Basis.TIMEOUT else self.trials * found.gpu_hours
        return least, self.trials * found.upper_gpu_hours

    @property
    def sentences(self) -> list[str]:
        """For people, before it starts."""
        if self.prediction.basis is Basis.NOTHING:
            return [f"what it will cost cannot be told: {self.prediction.sentence}"]
        parts: list[str] = []
        if self.usd is not None:
            parts.append(_range(*map(dollars, self.usd)))
        if self.gpu_hours is not None and self.gpu_hours[1] > 0:
            parts.append(_range(*map(gpu_time, self.gpu_hours)))
        cost = " and ".join(parts) or "nothing that has a price"
        said = [f"{self.trials} trials will take {cost}, {self.prediction.sentence}"]
        if self.affordable is not None and self.affordable < self.trials:
            said.append(
                f"budget {self.tightest} pays for about {self.affordable} of {self.trials} trials"
            )
        return said


def forecast(
    prediction: Prediction, *, trials: int, positions: Sequence[BudgetPosition]
) -> Forecast:
    """What a sweep will cost, and for how many of its trials its budgets pay."""
    paid = [
        (count, one.budget.name)
        for one in positions
        if one.budget.stops
        and one.budget.scope.is_of_one_tenant  # what others spend is not for everybody
        and (count := _pays_for(one, prediction)) is not None
    ]
    affordable, tightest = min(paid, default=(None, ""))
    return Forecast(trials=trials, prediction=prediction, affordable=affordable, tightest=tightest)


def refusal(
    prediction: Prediction, *, positions: Sequence[BudgetPosition], unpriced: str
) -> str | None:
    """Why no trial of a sweep can ever start; None: one can, now or when a budget renews.

    Args:
        unpriced: Why no limit in dollars can be held, such as that GPUs have no price; empty: it can.
    """
    for one in positions:
        budget = one.budget
        if not budget.stops:
            continue
        if budget.max_usd is not None and budget.scope.sweep_id is not None and unpriced:
            return (
                f"limits.max_cost_usd of {dollars(budget.max_usd)} cannot be held: {unpriced}. Set "
                "prices with `sweepworks policy apply prices.yaml`, or limit max_gpu_hours"
            )
        is_own = budget.scope.sweep_id is not None and budget.name == budget.scope.sweep_id
        why = (_own_never_fits if is_own else _never_fits)(one, prediction)
        if why is not None:
            return f"it can never start: {why} ({prediction.sentence}). Ask for less, or raise it"
    return None


def rerun_refusal(prediction: Prediction, *, positions: Sequence[BudgetPosition]) -> str | None:
    """Why a rerun cannot start in this period of its budgets; None: it can, perhaps later in it.

    Somebody waits for it: so it is told at once, where a sweep would wait for the next period.
    """
    for one in positions:
        if one.budget.stops and (why := never(one, prediction)) is not None:
            renewed = "it does not renew"
            if one.renews_at is not None:
                renewed = f"it renews at {one.renews_at:%Y-%m-%d %H:%M} UTC"
            return f"budget is spent: {why}; {renewed}"
    return None


class BudgetGate(Protocol):
    """Whether sweeps may be submitted."""

    def check(self, sweep_id: SweepId, spec: SweepSpec) -> Forecast:
        """What it will cost. `OverBudget` when it could never start, `StorageUnavailable`."""
        ...


def _own_never_fits(position: BudgetPosition, prediction: Prediction) -> str | None:
    """By the keys of its file: it is not there yet, and nobody knows the name it would have."""
    budget, usd, hours = position.budget, prediction.upper_usd, prediction.upper_gpu_hours
    if budget.max_usd is not None and usd is not None and usd > budget.max_usd:
        limit = dollars(budget.max_usd)
        return f"limits.max_cost_usd is {limit}, and one trial needs {dollars(usd)}"
    if budget.max_gpu_hours is not None and hours is not None and hours > budget.max_gpu_hours:
        limit = gpu_time(budget.max_gpu_hours)
        return f"limits.max_gpu_hours is {limit}, and one trial needs {gpu_time(hours)}"
    return None


def _never_fits(position: BudgetPosition, prediction: Prediction) -> str | None:
    """What a budget has is its limit when it renews, and else what is left of that."""
    budget = position.budget
    if position.renews_at is None:
        return never(position, prediction)
    usd, hours = prediction.upper_usd, prediction.upper_gpu_hours
    if budget.max_usd is not None and (budget.max_usd <= 0 or (usd or 0) > budget.max_usd):
        needs = "" if usd is None else f", and one trial needs {dollars(usd)}"
        return f"budget {budget.name} is {_limit(budget, dollars(budget.max_usd))}{needs}"
    if budget.max_gpu_hours is not None and (hours or 0) > budget.max_gpu_hours:
        limit, needs = gpu_time(budget.max_gpu_hours), gpu_time(hours or 0.0)
        return f"budget {budget.name} is {_limit(budget, limit)}, and one trial needs {needs}"
    return None


def _limit(budget: Budget, amount: str) -> str:
    """``$500.00 a month``; the amount is told only to the tenant whose it is."""
    if budget.scope.is_of_one_tenant:
        return f"{amount} a {budget.period}"
    return f"smaller each {budget.period}"


def _pays_for(position: BudgetPosition, prediction: Prediction) -> int | None:
    """Trials that what is left pays for, of which each takes what is likely; None: nobody knows."""
    found: list[int] = []
    if position.left_usd is not None and prediction.usd:
        free = position.left_usd - position.reserved.usd
        found.append(max(int(free / prediction.usd), 0))
    if position.left_gpu_hours is not None and prediction.gpu_hours:
        hours = position.left_gpu_hours - position.reserved.gpu_hours
        found.append(max(int(hours / prediction.gpu_hours), 0))
    return min(found, default=None)


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"
