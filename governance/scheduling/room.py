"""Bounds that trials share: of everybody, of a tenant, of a priority class."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from governance.quotas.quota import Amounts, PriorityClass, Quotas
from governance.scheduling.dimensions import TRIALS, Dimensions, Limits, Needs
from governance.scheduling.queue import Waiting, WaitKind


@dataclass(slots=True, eq=False)
class Scope:
    """One bound on the sum of what some trials hold."""

    kind: WaitKind  #: what those wait for who do not fit
    name: str  #: of the tenant or class
    limit: Limits
    used: list[int]
    #: Who holds something in it, and until when; the time is infinite when nobody can tell.
    members: "list[Holder]" = field(default_factory=list["Holder"])

    def lacks(self, needs: Needs) -> int | None:
        """A dimension in which they do not fit now."""
        for index, amount in needs:
            if self.used[index] + amount > self.limit[index]:
                return index
        return None

    def free(self, index: int) -> float:
        """What is left of a dimension."""
        return self.limit[index] - self.used[index]

    def bounds(self, index: int) -> bool:
        """Whether the dimension is bounded."""
        return self.limit[index] != math.inf


@dataclass(slots=True, eq=False)
class Holder:
    """An attempt that holds something."""

    until: float  #: seconds since 1970; infinite: nobody can tell
    needs: Needs
    scopes: tuple[Scope, ...]


class ScopesOf(NamedTuple):
    """The scopes of a trial."""

    narrow: tuple[Scope, ...]  #: its own business: others may pass it while it waits there
    wide: tuple[Scope, ...]  #: everybody's
    all: tuple[Scope, ...]  #: both
    least: Limits  #: of all of them, by dimension

    def refuses(self, needs: Needs) -> tuple[Scope, int] | None:
        """The first scope in which they never fit, and a dimension of it."""
        least = self.least  # a look at this alone finds that nearly all fit everywhere
        for index, amount in needs:
            if amount > least[index]:
                return next((one, i) for one in self.all for i, n in needs if n > one.limit[i])
        return None


class Rooms:
    """All scopes of one pass."""

    def __init__(self, dimensions: Dimensions, quotas: Quotas) -> None:
        self._dimensions = dimensions
        self._quotas = quotas
        self._capacity = dimensions.capacity()
        self._is_bounded = any(bound != math.inf for bound in self._capacity)
        self._scopes: dict[tuple[str, ...], Scope | None] = {}
        self._nowhere = self._scopes_of((), ())
        self._of: dict[tuple[str, str], ScopesOf] = {}
        self._words: dict[tuple[Scope, int, bool], str] = {}  # thousands wait for the same

    def all(self) -> list[Scope]:
        """Those that anybody has asked for."""
        return [scope for scope in self._scopes.values() if scope is not None]

    def of(self, trial: Waiting) -> ScopesOf:
        """The scopes of a trial."""
        if trial.is_admitted_elsewhere:
            return self._nowhere
        of_class = self._quotas.of_class(trial.priority)
        key = (trial.tenant, of_class.name)
        found = self._of.get(key)
        if found is None:
            narrow = _there((self._tenant(trial.tenant), self._burst(trial.tenant, of_class),
                             self._class(of_class)))  # fmt: skip
            wide = _there((self._everybody(), self._unreserved(of_class)))
            found = self._of[key] = self._scopes_of(narrow, wide)
        return found

    def _scopes_of(self, narrow: tuple[Scope, ...], wide: tuple[Scope, ...]) -> ScopesOf:
        limits = [scope.limit for scope in narrow + wide]
        least = [
            min(bounds) for bounds in zip([math.inf] * len(self._capacity), *limits, strict=True)
        ]
        return ScopesOf(narrow, wide, narrow + wide, least)

    def hold(self, needs: Needs, scopes: Sequence[Scope], *, until: float) -> None:
        """Count somebody in."""
        holder = Holder(until=until, needs=needs, scopes=tuple(scopes))
        for scope in scopes:
            used = scope.used
            for index, amount in needs:
                used[index] += amount
            scope.members.append(holder)

    def close(self) -> None:
        """Forget who holds what: scopes know their holders, and these their scopes."""
        for scope in self.all():
            scope.members.clear()

    def _scope(self, key: tuple[str, ...], kind: WaitKind, limit: Limits) -> Scope | None:
        if key not in self._scopes:
            is_bounded = any(bound != math.inf for bound in limit)
            self._scopes[key] = (
                Scope(kind=kind, name=key[-1], limit=limit, used=[0] * len(limit))
                if is_bounded
                else None
            )
        return self._scopes[key]

    def _everybody(self) -> Scope | None:
        return self._scope(("everybody", ""), WaitKind.CAPACITY, self._capacity)

    def _unreserved(self, of_class: PriorityClass) -> Scope | None:
        quotas = self._quotas
        if not quotas.reserved_share or of_class.name in quotas.reserved_for:
            return None
        limit = self._part(1 - quotas.reserved_share)
        return self._scope(("unreserved", ""), WaitKind.RESERVED, limit)

    def _tenant(self, name: str) -> Scope | None:
        limits = self._dimensions.limits(self._quotas.of_tenant(name).limits)
        return self._scope(("tenant", name), WaitKind.TENANT, limits)

    def _burst(self, tenant: str, of_class: PriorityClass) -> Scope | None:
        limits = self._dimensions.limits(Amounts(trials=of_class.max_trials))
        return self._scope(("burst", tenant, of_class.name), WaitKind.CLASS, limits)

    def _class(self, of_class: PriorityClass) -> Scope | None:
        if of_class.max_share >= 1:
            return None
        return self._scope(("class", of_class.name), WaitKind.CLASS, self._part(of_class.max_share))

    def _part(self, share: float) -> Limits:
        """A part of the capacity, of each dimension rounded down."""
        return [
            bound if bound == math.inf else math.floor(bound * share + 1e-9)
            for bound in self._capacity
        ]

    def words(self, scope: Scope, index: int, *, is_forever: bool = False) -> str:
        """What somebody waits for who does not fit there, without anything that changes soon."""
        key = (scope, index, is_forever)
        if key not in self._words:
            self._words[key] = self._make_words(scope, index, is_forever=is_forever)
        return self._words[key]

    def _make_words(self, scope: Scope, index: int, *, is_forever: bool) -> str:
        bound = self._dimensions.words(index, scope.limit[index])
        match scope.kind:
            case WaitKind.TENANT:
                return f"tenant {scope.name} may hold {bound} at once"
            case WaitKind.CLASS if index == TRIALS:
                return f"a tenant may have {bound} of priority {scope.name} at once"
            case WaitKind.CLASS:
                return f"priority {scope.name} may hold {bound} at once"
            case WaitKind.RESERVED:
                whom = ", ".join(self._quotas.reserved_for) or "nobody"
                return f"all but {bound} is kept for priority {whom}"
            case _:
                return f"there are {bound}" if is_forever else f"all of {bound} are in use"


def _there(scopes: Iterable[Scope | None]) -> tuple[Scope, ...]:
    return tuple(scope for scope in scopes if scope is not None)
