"""Which runs no plan may touch, and why. The same function judges at planning, marking and deleting."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from retention.world import (
    NONE,
    STATES,
    Bonds,
    Bools,
    Group,
    Hold,
    HoldScope,
    Int8s,
    Runs,
    SweepFacts,
    World,
)
from sweeps.states import RunState
from sweeps.tags import BASELINE, KEEPER, PRODUCTION_CANDIDATE, TEST_RUN

TAGS = (KEEPER, PRODUCTION_CANDIDATE, BASELINE, TEST_RUN)  #: that retention goes by


class Guard(StrEnum):
    """Why something stays, the strongest reason first. Values are stored; add, never rename."""

    HELD = "held"  #: somebody ordered it
    PROMOTED = "promoted"  #: a version of a model is made of it
    EVALUATED = "evaluated"  #: an evaluation that has ended refers to it, or is made of it
    KEEPER = "keeper"  #: tagged, or its sweep or experiment is
    CANDIDATE = "candidate"  #: tagged, or its evaluation is open: a promotion may take its file
    BASELINE = "baseline"  #: others are compared with it
    IN_USE = "in_use"  #: live or paused, or its sweep is
    UNSEALED = "unsealed"  #: something may still arrive
    WARM_START = "warm_start"  #: an open sweep learns from it
    RERUN = "rerun"  #: it is being repeated
    LINEAGE = "lineage"  #: what stays came out of it
    TOO_YOUNG = "too_young"
    BEST_OF_SWEEP = "best_of_sweep"


GUARDS = tuple(Guard)  #: codes of columns, with `NONE` for what nothing guards
_OVER = frozenset({RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, RunState.CANCELLED})
_IS_OVER = np.array([state in _OVER for state in STATES])


def code(guard: Guard) -> int:
    """As columns have it."""
    return GUARDS.index(guard)


def guards(world: World, *, now: dt.datetime) -> Int8s:
    """The guard of each run, shape `(n,)`; `NONE` when nothing but its age may keep it."""
    return _Guarding(world, now).all()


def tagged(world: World, tag: str) -> Bools:
    """Runs that have a tag, or whose sweep or experiment has it; shape `(n,)`."""
    runs, bonds = world.runs, world.bonds
    own = {run_id for run_id, tags in bonds.run_tags.items() if tag in tags}
    mask = np.fromiter((run_id in own for run_id in runs.run_ids), np.bool_, len(runs))
    sweeps, groups = bonds.sweep_tags, bonds.experiment_tags
    of_sweep = [tag in sweeps.get(one.sweep_id, ()) for one in world.sweeps]
    of_group = [tag in groups.get(one, ()) for one in world.groups]
    return (
        mask
        | _of_sweeps(world, np.array(of_sweep, dtype=np.bool_))
        | _of_groups(world, np.array(of_group, dtype=np.bool_))
    )


class _Guarding:
    """Collects guards, the strongest last."""

    def __init__(self, world: World, now: dt.datetime) -> None:
        self._world = world
        self._runs: Runs = world.runs
        self._bonds: Bonds = world.bonds
        self._holds = [hold for hold in world.bonds.holds if hold.until is None or hold.until > now]
        self._places = {run_id: place for place, run_id in enumerate(world.runs.run_ids)}
        self._found = np.full(len(world.runs), NONE, dtype=np.int8)

    def all(self) -> Int8s:
        world, runs, bonds = self._world, self._runs, self._bonds
        is_live = ~_IS_OVER[runs.states]
        is_open = _of_sweeps(
            world, np.array([sweep.is_open for sweep in world.sweeps], dtype=np.bool_)
        )
        in_use = is_live | is_open | (runs.ended == NONE)
        unsealed = ~runs.is_sealed
        sources = {source for sweep in world.sweeps if sweep.is_open for source in sweep.warm_start}
        busy = in_use | unsealed
        repeated = [of for rerun, of in bonds.reruns if self._is_any(rerun, busy)]
        self._mark(Guard.RERUN, self._named(repeated))
        self._mark(
            Guard.WARM_START,
            _of_sweeps(
                world, np.array([s.sweep_id in sources for s in world.sweeps], dtype=np.bool_)
            ),
        )
        self._mark(Guard.UNSEALED, unsealed)
        self._mark(Guard.IN_USE, in_use)
        self._mark(Guard.BASELINE, tagged(world, BASELINE))
        self._mark(
            Guard.CANDIDATE, tagged(world, PRODUCTION_CANDIDATE) | self._named(bonds.candidates)
        )
        self._mark(Guard.KEEPER, tagged(world, KEEPER))
        self._mark(Guard.EVALUATED, self._named(bonds.evaluated))
        self._mark(Guard.PROMOTED, self._named(bonds.promoted))
        for hold in self._holds:
            self._mark(Guard.HELD, self._held(hold))
        self._mark_ancestors()
        return self._found

    def _mark(self, guard: Guard, mask: Bools) -> None:
        self._found[mask] = code(guard)

    def _is_any(self, run_id: str, mask: Bools) -> bool:
        place = self._places.get(run_id)
        return place is not None and bool(mask[place])

    def _named(self, run_ids: Iterable[str]) -> Bools:
        mask = np.zeros(len(self._runs), dtype=np.bool_)
        mask[[self._places[run_id] for run_id in run_ids if run_id in self._places]] = True
        return mask

    def _held(self, hold: Hold) -> Bools:
        world = self._world
        match hold.scope:
            case HoldScope.TENANT:
                held = [group.tenant == hold.name for group in world.groups]
                return _of_groups(world, np.array(held, dtype=np.bool_))
            case HoldScope.EXPERIMENT:
                held = [group == Group(hold.tenant, hold.name) for group in world.groups]
                return _of_groups(world, np.array(held, dtype=np.bool_))
            case HoldScope.SWEEP:
                return _of_sweeps(world, _held_sweeps(hold, world.sweeps, world.groups))
            case HoldScope.RUN:
                return self._named([hold.name])
            case HoldScope.MODEL | HoldScope.DATASET:
                # Of models and of runs of a dataset it is the edges that tell.
                beside = f"{hold.scope.value}:"
                return self._named(
                    node.removeprefix("run:")
                    for tenant, upstream, downstream in self._bonds.edges
                    for named, node in ((upstream, downstream), (downstream, upstream))
                    if tenant == hold.tenant
                    and named.startswith(beside)
                    and _is_version(named.removeprefix(beside), hold.name)
                )

    def _mark_ancestors(self) -> None:
        """What anything guarded, or any model, came out of. A run stays with all its artifacts."""
        above: dict[tuple[str, str], list[str]] = defaultdict(list)
        for tenant, upstream, downstream in self._bonds.edges:
            above[tenant, _run_of(downstream)].append(_run_of(upstream))
        found: set[tuple[str, str]] = set()
        waiting = [node for node in above if self._is_root(*node)]
        while waiting:
            tenant, node = waiting.pop()
            for upstream in above.get((tenant, node), ()):
                if (tenant, upstream) not in found:
                    found.add((tenant, upstream))
                    waiting.append((tenant, upstream))
        mask = self._named(
            node.removeprefix("run:") for _, node in found if node.startswith("run:")
        )
        self._mark(Guard.LINEAGE, mask & (self._found == NONE))

    def _is_root(self, tenant: str, node: str) -> bool:
        kind, _, name = node.partition(":")
        if kind == "model":
            return True
        if kind == "dataset":
            return any(
                (hold.scope is HoldScope.TENANT and hold.name == tenant)
                or (hold.scope is HoldScope.DATASET and hold.tenant == tenant
                    and _is_version(name, hold.name))
                for hold in self._holds
            )  # fmt: skip
        return self._is_any(name, self._found != NONE)


def _of_sweeps(world: World, flags: Bools) -> Bools:
    """Runs of the sweeps that are flagged."""
    padded = np.append(flags, np.False_)  # what `NONE` finds
    return padded[world.runs.sweeps]


def _of_groups(world: World, flags: Bools) -> Bools:
    return flags[world.runs.groups] if len(flags) else np.zeros(len(world.runs), dtype=np.bool_)


def _held_sweeps(hold: Hold, sweeps: Iterable[SweepFacts], groups: Iterable[Group]) -> Bools:
    tenants = [group.tenant for group in groups]
    return np.array(
        [one.sweep_id == hold.name and tenants[one.group] == hold.tenant for one in sweeps],
        dtype=np.bool_,
    )


def _is_version(node: str, name: str) -> bool:
    """Whether ``NAME@N`` is meant by ``NAME``, or by itself."""
    return node == name or node.rpartition("@")[0] == name


def _run_of(node: str) -> str:
    """The run that an artifact is of; every other node is itself."""
    if not node.startswith("artifact:"):
        return node
    return f"run:{node.removeprefix('artifact:').partition('/')[0]}"
