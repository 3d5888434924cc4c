"""Which bounds are in a trial's way, and with which values it would pass. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from governance.quotas.quota import Quotas
from governance.scheduling.dimensions import GPU, TRIALS, UNDECLARED, Dimensions
from governance.scheduling.queue import Live, Waiting, WaitKind
from governance.scheduling.room import Rooms, Scope

_NOBODY_SAYS_WHEN = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One bound."""

    remedy: str  #: ```tenants.vision.limits.gpu: 3` instead of 2``
    held: str  #: what its tenant holds of it: ``2 GPUs``; empty: it bounds what all hold together


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A limit of a tenant that is less than what it holds."""

    tenant: str
    limit: str  #: ``gpu_types.a100``
    held: str  #: ``8 GPUs``
    allowed: str  #: likewise
    written: str  #: what is held, as the file of quotas would allow it


class Obstacles:
    """The bounds of the scheduler, with all that is held counted in as a pass counts it."""

    def __init__(self, quotas: Quotas, waiting: Sequence[Waiting], live: Sequence[Live]) -> None:
        asked = {trial.demand.gpu_type for trials in (waiting, live) for trial in trials}
        self.quotas = quotas
        self.dimensions = Dimensions(quotas, quotas.capacity, sorted(asked))
        self.rooms = Rooms(self.dimensions, quotas)
        for trial in live:
            needs = self.dimensions.needs(trial.demand)
            self.rooms.hold(needs, self.rooms.of(trial).all, until=_NOBODY_SAYS_WHEN)
        self.rooms.close()  # who holds it is not asked: how much is

    def now(self, trial: Waiting) -> list[Obstacle]:
        """Limits of its own tenant and class in which it does not fit beside what is held."""
        return [
            self._obstacle(trial, scope, index, scope.used[index] + amount)
            for scope in self.rooms.of(trial).narrow
            for index, amount in self.dimensions.needs(trial.demand)
            if scope.used[index] + amount > scope.limit[index]
        ]

    def forever(self, trial: Waiting) -> list[Obstacle]:
        """Bounds in which it never fits, and a class that it may not use."""
        of_class = self.quotas.of_class(trial.priority)
        found: list[Obstacle] = []
        if of_class.refusal(tenant=trial.tenant, user=trial.owner) is not None:
            is_tenant = not of_class.is_for(trial.tenant)
            path = f"classes.{of_class.name}.{'tenants' if is_tenant else 'users'}"
            who = trial.tenant if is_tenant else trial.owner
            found.append(Obstacle(remedy=f"{who!r} in `{path}`", held=""))
        return found + [
            self._obstacle(trial, scope, index, amount)
            for scope in self.rooms.of(trial).all
            for index, amount in self.dimensions.needs(trial.demand)
            if amount > scope.limit[index]
        ]

    def _obstacle(self, trial: Waiting, scope: Scope, index: int, needed: float) -> Obstacle:
        """One bound; `needed` is how much of the dimension would let the trial pass."""
        # What others hold is not for everybody.
        is_shared = scope.kind is not WaitKind.TENANT and not self._is_burst(scope, index)
        return Obstacle(
            remedy=self._remedy(trial, scope, index, needed),
            held="" if is_shared else self.dimensions.words(index, scope.used[index]),
        )

    def _remedy(self, trial: Waiting, scope: Scope, index: int, needed: float) -> str:
        key, written = self.dimensions.key(index), self.dimensions.written
        instead = f"instead of {written(index, scope.limit[index])}"
        match scope.kind:
            case WaitKind.TENANT:
                path = f"{self.quotas.path_of(trial.tenant)}.{key}"
            case WaitKind.CLASS if self._is_burst(scope, index):
                path = f"classes.{scope.name}.max_trials"
            case WaitKind.CLASS | WaitKind.RESERVED:
                return self._share(scope, index, needed)
            case _ if index == UNDECLARED:
                return f"`capacity.gpu_types` with {trial.demand.gpu_type}"
            case _:
                return self._more(index, needed)
        return f"`{path}: {written(index, needed)}` {instead}"

    def _is_burst(self, scope: Scope, index: int) -> bool:
        """Whether a bound is what each tenant may have of a class, not its part of the capacity."""
        if scope.kind is not WaitKind.CLASS or index != TRIALS:
            return False
        return self.quotas.of_class(scope.name).max_trials == scope.limit[index]

    def _share(self, scope: Scope, index: int, needed: float) -> str:
        """A part of the capacity; where all of it is not enough, the capacity."""
        capacity = self.dimensions.capacity()[index]
        if needed > capacity:
            return self._more(index, needed)
        share = needed / capacity
        if scope.kind is WaitKind.CLASS:
            before = self.quotas.of_class(scope.name).max_share
            most = math.ceil(share * 1000 - 1e-6) / 1000
            return f"`classes.{scope.name}.max_share: {most:g}` instead of {before:g}"
        kept = math.floor((1 - share) * 1000 + 1e-6) / 1000
        return f"`reserved.share: {kept:g}` instead of {self.quotas.reserved_share:g}"

    def _more(self, index: int, needed: float) -> str:
        """More capacity; of GPUs whose types are declared there are as many as of all types."""
        there = self.quotas.capacity
        written = self.dimensions.written(index, needed)
        if index == GPU and there.gpu_types and sum(there.gpu_types.values()) < needed:
            return f"`capacity.gpu_types` with {written} GPUs in all"
        before = self.dimensions.written(index, self.dimensions.capacity()[index])
        return f"`capacity.{self.dimensions.key(index)}: {written}` instead of {before}"


def excesses(obstacles: Obstacles) -> list[Excess]:
    """Limits of tenants that are less than what these hold."""
    dimensions = obstacles.dimensions
    return [
        Excess(
            tenant=scope.name,
            limit=dimensions.key(index),
            held=dimensions.words(index, used),
            allowed=dimensions.words(index, limit),
            written=dimensions.written(index, used),
        )
        for scope in obstacles.rooms.all()
        if scope.kind is WaitKind.TENANT
        for index, (used, limit) in enumerate(zip(scope.used, scope.limit, strict=True))
        if used > limit
    ]
