"""Budgets: whom one is for, what is left of it, and what it says to somebody who wants to spend. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from governance.promotion.names import evaluation_experiment
from sweeps.money import dollars

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetScope:
    """Whose spending counts; what is None may be anybody's."""

    tenant: str | None = None
    experiment: str | None = None  #: its evaluations of candidates included
    user: str | None = None  #: who owns a sweep
    sweep_id: str | None = None

    @property
    def evaluations(self) -> str | None:
        """Name of the experiment that evaluates candidates of the one that is named."""
        return None if self.experiment is None else evaluation_experiment(self.experiment)

    def covers(
        self, *, tenant: str, experiment: str, sweep_id: str | None, owner: str = ""
    ) -> bool:
        """Whether what such a trial costs comes out of this budget."""
        return (
            self.tenant in {None, tenant}
            and (self.experiment is None or experiment in {self.experiment, self.evaluations})
            and self.user in {None, owner}
            and self.sweep_id in {None, sweep_id}
        )

    @property
    def is_of_one_tenant(self) -> bool:
        """Whether all that it covers is one tenant's, which may then know its amounts."""
        return self.tenant is not None or self.sweep_id is not None

    def __str__(self) -> str:
        """For people: ``experiment digits of tenant vision``."""
        named = (
            ("sweep", self.sweep_id),
            ("user", self.user),
            ("experiment", self.experiment),
            ("tenant", self.tenant),
        )
        return " of ".join(f"{what} {name}" for what, name in named if name) or "everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Money and GPU time."""

    usd: Decimal = Decimal(0)
    gpu_hours: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """A budget at whose limit nothing new starts, as a scheduler needs it.

    `left_usd` and `left_gpu_hours` are what remains of the limit after what is spent, before the
    reservations of live attempts: whoever admits subtracts those whole. None: no such limit. What
    a live attempt has burnt within its reservation is not taken off them; what it has burnt
    beyond it, is.
    """

    name: str
    scope: BudgetScope
    left_usd: Decimal | None
    left_gpu_hours: float | None
    renews_at: dt.datetime | None = None  #: None: never

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left, whoever else has reserved anything."""
        return (self.left_usd is not None and self.left_usd <= 0) or (
            self.left_gpu_hours is not None and self.left_gpu_hours <= 0
        )


class Spender(NamedTuple):
    """Who wants to spend. A tuple, since a pass of the scheduler looks thousands of them up."""

    tenant: str
    experiment: str
    sweep_id: str | None = None
    owner: str = ""

    def names(self) -> dict[str, Any]:
        """As `BudgetScope.covers` takes them."""
        return {
            "tenant": self.tenant,
            "experiment": self.experiment,
            "sweep_id": self.sweep_id,
            "owner": self.owner,
        }


class ByScope(Generic[T]):
    """Things that each are for a scope, found by who spends: of many, without a look at the others."""

    def __init__(self, things: Iterable[tuple[BudgetScope, T]]) -> None:
        self._by_names: dict[tuple[str | None, ...], list[tuple[int, T]]] = {}
        for place, (scope, thing) in enumerate(things):
            for experiment in {scope.experiment, scope.evaluations}:
                names = (scope.tenant, experiment, scope.user, scope.sweep_id)
                self._by_names.setdefault(names, []).append((place, thing))
        #: Which of the four names are given, of all ways in which they might be.
        self._ways = {tuple(name is not None for name in names) for names in self._by_names}
        self._sweeps = {names[-1] for names in self._by_names}
        self._found: dict[tuple[str | None, ...], list[T]] = {}

    def covering(self, spender: Spender) -> list[T]:
        """All whose scope covers the spender, in the order in which they were given."""
        tenant, experiment, sweep_id, owner = spender
        if sweep_id not in self._sweeps:
            sweep_id = None  # as for any other sweep of its experiment that nothing is named for
        key = (tenant, experiment, owner, sweep_id)
        found = self._found.get(key)
        if found is None:
            placed: list[tuple[int, T]] = []
            for by_tenant, by_experiment, by_owner, by_sweep in self._ways:
                if sweep_id is not None or not by_sweep:
                    names = (
                        tenant if by_tenant else None,
                        experiment if by_experiment else None,
                        owner if by_owner else None,
                        sweep_id if by_sweep else None,
                    )
                    placed += self._by_names.get(names, ())
            placed.sort(key=itemgetter(0))
            found = self._found[key] = [thing for _, thing in placed]
        return found


class BudgetBook:
    """Budgets during one pass of a scheduler: what it reserves counts at once.

    What nobody can predict (None) reserves nothing. So at most one such trial at a time is let into
    a budget: it may exceed what is left by itself, never together with others like it.
    """

    def __init__(self, states: Sequence[BudgetState]) -> None:
        # By name, so that of several refusals the same one is told, however they were read.
        ordered = sorted(states, key=lambda state: state.name)
        self._accounts = ByScope([(state.scope, _Account(state)) for state in ordered])

    def reserve(self, spender: Spender, *, usd: Decimal | None, gpu_hours: float | None) -> None:
        """Count an attempt that is live, or will be."""
        for account in self._accounts.covering(spender):
            account.reserve(usd, gpu_hours)

    def refusal(
        self, spender: Spender, *, usd: Decimal | None, gpu_hours: float | None
    ) -> str | None:
        """Why a trial may not start now, for people; None: every budget lets it."""
        for account in self._accounts.covering(spender):
            if (why := account.refusal(usd, gpu_hours)) is not None:
                return why
        return None


class _Account:
    """One budget, and what is reserved of it."""

    def __init__(self, state: BudgetState) -> None:
        self._state = state
        self._usd = Decimal(0)
        self._gpu_hours = 0.0
        self._unpredicted = 0

    def reserve(self, usd: Decimal | None, gpu_hours: float | None) -> None:
        self._usd += usd or 0
        self._gpu_hours += gpu_hours or 0.0
        self._unpredicted += self._is_unknown(usd, gpu_hours)

    def refusal(self, usd: Decimal | None, gpu_hours: float | None) -> str | None:
        state = self._state
        if state.left_usd is not None:
            free = state.left_usd - self._usd
            if free <= 0 or (usd or 0) > free:
                return self._words(
                    dollars(max(free, Decimal(0))), None if usd is None else dollars(usd)
                )
        if state.left_gpu_hours is not None:
            hours = state.left_gpu_hours - self._gpu_hours
            needs = gpu_hours or 0.0
            is_free = gpu_hours is not None and gpu_hours <= 0  # unknown hours may be many
            if (hours <= 0 and not is_free) or needs > hours + _ROUNDING:
                return self._words(gpu_time(hours), None if gpu_hours is None else gpu_time(needs))
        if self._unpredicted and self._is_unknown(usd, gpu_hours):
            return (
                f"budget {state.name}: what it costs cannot be predicted, and one such trial runs "
                "already"
            )
        return None

    def _is_unknown(self, usd: Decimal | None, gpu_hours: float | None) -> bool:
        return (self._state.left_usd is not None and usd is None) or (
            self._state.left_gpu_hours is not None and gpu_hours is None
        )

    def _words(self, free: str, needs: str | None) -> str:
        needed = "" if needs is None else f", it needs {needs}"
        renewed = "; it does not renew"
        if self._state.renews_at is not None:
            renewed = f"; it renews at {self._state.renews_at:%Y-%m-%d %H:%M} UTC"
        if not self._state.scope.is_of_one_tenant:  # what others spend is not for everybody
            return f"budget {self._state.name} has too little left{needed}{renewed}"
        return f"budget {self._state.name} has {free} left{needed}{renewed}"


_ROUNDING = 1e-9  # hours; sums of floats


def gpu_time(hours: float) -> str:
    """``3.5 GPU-hours``."""
    return f"{max(hours, 0.0):.4g} GPU-hours"
