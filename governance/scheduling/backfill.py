"""Room that is kept for the first in a queue, and who may use it until then.

The first trial that does not fit gets the earliest time at which it will, if those that run end
when they are expected to. Who comes after it may start if it ends before, or if there is room for
both then (EASY backfill: Lifka, The ANL/IBM SP scheduling system, 1995). When nobody can tell the
time, only what the first one does not need is given away.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from governance.scheduling.bunches import Bunch
from governance.scheduling.dimensions import Needs
from governance.scheduling.queue import WaitKind
from governance.scheduling.releases import Releases
from governance.scheduling.room import Scope


@dataclass(slots=True, eq=False)
class Reservation:
    """What is kept for the first of some trials."""

    attempt_id: str
    tenant: str
    needs: Needs
    #: Scopes in which it fits now, for which nothing is kept: others than those in `spare` may use them up.
    beyond: tuple[Scope, ...]
    starts_at: float  #: seconds since 1970; infinite: nobody can tell
    #: What others may take for longer than that, of the dimensions that it needs.
    spare: dict[Scope, dict[int, float]]

    def allows(self, needs: Needs, scopes: Sequence[Scope]) -> bool:
        """Whether it fits when somebody has begun who is there then, too."""
        for scope in scopes:
            spare = self.spare.get(scope)
            if spare is None:
                continue
            for index, amount in needs:
                if amount > spare.get(index, math.inf):
                    return False
        return True

    def allows_beyond(
        self, needs: Needs, scopes: Sequence[Scope], releases: Callable[[Scope], Releases]
    ) -> bool:
        """Whether it fits in the other scopes, too, when somebody has begun who is there then."""
        own = dict(self.needs)
        for scope in self.beyond:
            if scope not in scopes:
                continue
            for index, amount in needs:
                if index not in own or not scope.bounds(index):
                    continue
                free = scope.free(index)
                if self.starts_at < math.inf:
                    free += releases(scope).by(self.starts_at, index)
                elif scope.kind is WaitKind.CAPACITY:
                    # What ends for it in its own scope ends in that of everybody.
                    free += max(0.0, *(-spare[index] for spare in self.spare.values()))
                if amount > free - own[index]:
                    return False
        return True

    def give(self, needs: Needs, scopes: Sequence[Scope], *, until: float) -> None:
        """Somebody who is allowed to starts."""
        if until <= self.starts_at < math.inf:
            return
        for scope in scopes:
            spare = self.spare.get(scope)
            if spare is None:
                continue
            for index, amount in needs:
                if index in spare:
                    spare[index] -= amount


def reserve(bunch: Bunch, scopes: Sequence[Scope]) -> Reservation:
    """Keep room in `scopes` for the first trial of a bunch, which does not fit there now."""
    needs = bunch.needs
    free = {scope: {index: scope.free(index) for index, _ in needs} for scope in scopes}
    lacking = {
        (scope, index) for scope in scopes for index, amount in needs if amount > free[scope][index]
    }
    starts_at = math.inf
    # Everybody who is in a narrow scope is in the wide ones too, if there are any.
    widest = max(scopes, key=lambda scope: len(scope.members))
    others = [s for s in scopes if s is not widest]
    seen = {id(h) for h in widest.members}
    holders = widest.members + [h for s in others for h in s.members if id(h) not in seen]
    for holder in sorted(holders, key=attrgetter("until")):
        if holder.until == math.inf or (not lacking and holder.until > starts_at):
            break
        for scope in holder.scopes:
            if scope in free:
                _release(free[scope], holder.needs)
                lacking = {
                    (s, index)
                    for s, index in lacking
                    if s is not scope or dict(needs)[index] > free[s][index]
                }
        if not lacking and starts_at == math.inf:
            starts_at = holder.until
    if starts_at == math.inf:  # nobody can tell, so who will have ended does not count
        free = {scope: {index: scope.free(index) for index, _ in needs} for scope in scopes}
        for index, amount in needs:
            # But what ends for it in any scope ends in that of everybody.
            lack = max(max(0.0, amount - free[scope][index]) for scope in scopes)
            for scope in scopes:
                if scope.kind is WaitKind.CAPACITY:
                    free[scope][index] += lack
    spare = {
        scope: {index: free[scope][index] - amount for index, amount in needs} for scope in scopes
    }
    first = bunch.first
    return Reservation(
        attempt_id=first.attempt_id,
        tenant=first.tenant,
        needs=needs,
        beyond=tuple(scope for scope in bunch.scopes.all if scope not in free),
        starts_at=starts_at,
        spare=spare,
    )


def _release(free: dict[int, float], needs: Needs) -> None:
    for index, amount in needs:
        if index in free:
            free[index] += amount
