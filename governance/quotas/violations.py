"""What limits keep from starting, and who holds more than a limit allows. Pure.

All of it is by the scheduler's own reasons and bounds: who waits for capacity, a turn or a budget
violates nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from governance.quotas.obstacles import Obstacle, Obstacles, excesses
from governance.quotas.quota import Quotas
from governance.scheduling.queue import HOPELESS, Live, Waiting, WaitKind
from governance.scheduling.report import bytes_words
from sweeps.ids import SweepId

_LIMITED = frozenset({WaitKind.TENANT, WaitKind.CLASS})
#: It may be a limit that is in the way: the first of its own tenant is waited for, or nobody has looked.
_MAY_BE_LIMITED = frozenset({"", WaitKind.TURN, *_LIMITED})


class ViolationKind(StrEnum):
    """What is wrong."""

    WAITING = "waiting"  #: no trial of a sweep is let start, by a limit of its own tenant or class
    NEVER = "never"  #: none ever will be, as policies are
    OVER = "over"  #: a tenant has more than it may


class ViolationKey(NamedTuple):
    """By what one look finds the violation of the one before again."""

    kind: ViolationKind
    tenant_id: str
    subject: str  #: the sweep, or the limit: ``gpu_types.a100``


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A trial that stands for those of its sweep that wait for the same."""

    trial: Waiting
    kind: str  #: what the scheduler says that it waits for; empty: nobody has looked
    reason: str
    is_silent: bool  #: its controller has not asked lately: nobody would let it start


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is in the way of whom, and what would remedy it."""

    key: ViolationKey
    owner: str  #: of the sweep; empty: it is the whole tenant's
    what: str  #: one sentence
    remedy: str  #: one sentence, with the key of the policy and the value that would let it pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violations:
    """What one look finds."""

    found: Sequence[Violation]
    #: Of which nobody can tell now: what was a violation before is none that is over.
    unsure: frozenset[ViolationKey]


def find_violations(
    stuck: Sequence[Stuck], live: Sequence[Live], stored: Mapping[str, int], quotas: Quotas
) -> Violations:
    """All that there are.

    Args:
        stuck: Of each sweep one trial for each thing that its trials wait for.
        live: All that was admitted and has not ended.
        stored: Bytes in the artifact store, by tenant.
    """
    obstacles = Obstacles(quotas, [one.trial for one in stuck], live)
    holding = {trial.sweep_id for trial in live}
    found: list[Violation] = []
    unsure: set[ViolationKey] = set()
    ordered = sorted(stuck, key=lambda one: (one.trial.sweep_id, one.kind))
    for sweep_id, rows in groupby(ordered, key=lambda one: one.trial.sweep_id):
        waiting = list(rows)
        keys = _keys(waiting[0].trial.tenant, sweep_id)
        if any(one.is_silent for one in waiting):
            unsure.update(keys)
            continue
        one = _of_sweep(waiting, obstacles, is_holding=sweep_id in holding)
        if one is not None:
            found.append(one)
        elif sweep_id not in holding and any(one.kind in _MAY_BE_LIMITED for one in waiting):
            unsure.add(keys[0])
    found += _of_tenants(obstacles, quotas)
    found += _of_stores(stored, quotas)
    return Violations(found=found, unsure=frozenset(unsure))


def _keys(tenant: str, sweep_id: str) -> tuple[ViolationKey, ViolationKey]:
    return (
        ViolationKey(ViolationKind.WAITING, tenant, sweep_id),
        ViolationKey(ViolationKind.NEVER, tenant, sweep_id),
    )


def _of_sweep(
    waiting: Iterable[Stuck], obstacles: Obstacles, *, is_holding: bool
) -> Violation | None:
    """What keeps a sweep; None: nothing that could be told for sure."""
    for one in waiting:
        if one.kind in HOPELESS and (found := obstacles.forever(one.trial)):
            what = f"no trial of sweep {one.trial.sweep_id} can start as policies are: {one.reason}"
            is_refused = one.kind == WaitKind.REFUSED
            other = "with another priority" if is_refused else "that asks for less"
            or_else = f"or submit one {other}"
            return _violation(one, ViolationKind.NEVER, what, found, or_else=or_else)
    for one in waiting:
        if not is_holding and one.kind in _LIMITED and (found := obstacles.now(one.trial)):
            held = ", ".join(obstacle.held for obstacle in found if obstacle.held)
            what = f"no trial of sweep {one.trial.sweep_id} starts: {one.reason}"
            what += f", and has {held}" if held else ""
            or_else = "so would the end of trials that hold it"
            return _violation(one, ViolationKind.WAITING, what, found, or_else=or_else)
    return None


def _violation(
    one: Stuck, kind: ViolationKind, what: str, found: Sequence[Obstacle], *, or_else: str
) -> Violation:
    trial = one.trial
    return Violation(
        key=ViolationKey(kind, trial.tenant, SweepId(trial.sweep_id)),
        owner=trial.owner,
        what=what,
        remedy=f"{' and '.join(obstacle.remedy for obstacle in found)} in the policy quotas would "
        f"let one start; {or_else}",
    )


def _of_tenants(obstacles: Obstacles, quotas: Quotas) -> list[Violation]:
    return [
        _excess(
            one.tenant,
            one.limit,
            what=f"tenant {one.tenant} holds {one.held} and may hold {one.allowed}",
            remedy=f"`{quotas.path_of(one.tenant)}.{one.limit}: {one.written}` in the policy quotas "
            "would allow it; nothing new starts until enough has ended, or end trials",
        )
        for one in excesses(obstacles)
    ]


def _of_stores(stored: Mapping[str, int], quotas: Quotas) -> list[Violation]:
    return [
        _excess(
            tenant,
            "storage",
            what=f"tenant {tenant} has {bytes_words(count)} in the artifact store and may have "
            f"{bytes_words(limit)}",
            remedy=f"`{quotas.path_of(tenant)}.storage: {math.ceil(count / 2**20)}Mi` in the policy "
            "quotas would allow it; nothing new is stored until it is less: see `sweepworks "
            "retention plan`",
        )
        for tenant, count in sorted(stored.items())
        if (limit := quotas.of_tenant(tenant).storage_bytes) is not None and count > limit
    ]


def _excess(tenant: str, limit: str, *, what: str, remedy: str) -> Violation:
    key = ViolationKey(ViolationKind.OVER, tenant, limit)
    return Violation(key=key, owner="", what=what, remedy=remedy)
