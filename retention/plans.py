"""What would go, and why; and what stays although a rule would have it go. Pure."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

import numpy as np

from retention.cold import STORAGE_CLASSES, ColdMoves
from retention.guards import GUARDS, Guard
from retention.tiers import Tier
from retention.world import NONE, Bools, Int8s, Int64s, World
from sweeps.blobs import StorageClass

Name = TypeVar("Name", bound=StrEnum)

POINT_BYTES = 40  #: about what a point takes in the database, with its index and its rollups


class Rule(StrEnum):
    """Why something goes. Values are stored; add, never rename."""

    SCRATCH = "scratch_run"
    FAILED = "failed_run"
    BELOW_BASELINE = "below_baseline"
    UNPROMOTED = "unpromoted_run"
    EXPIRED = "checkpoint_expired"
    SURPLUS = "checkpoint_surplus"  #: neither among the best of its trial nor among the latest
    LOGS = "log_expired"
    BUDGET = "over_budget"
    RESOLUTION = "resolution"  #: points that coarser ones stand for
    COLD = "cold"  #: it stays, in a colder class of the store


RULES = tuple(Rule)  #: codes of columns


class ItemKind(StrEnum):
    """What an item is. Values are stored; add, never rename."""

    ARTIFACT = "artifact"
    POINTS = "points"  #: of a run, in all tiers
    TIER = "tier"  #: points of all runs from before a time, in one tier
    COLD = "cold"  #: bytes that go to a colder class, by the name of one of their artifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One thing that goes, or is spared."""

    kind: ItemKind
    tenant: str
    experiment: str
    run_id: str
    name: str  #: of the artifact, or of the tier
    rule: Rule
    size_bytes: int
    spared_by: Guard | None = None  #: None: it goes
    before: dt.datetime | None = None  #: of a tier
    storage_class: StorageClass | None = None  #: where what is cold goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Items of one rule."""

    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TierDrop:
    """A tier, from before a time."""

    tier: Tier
    before: dt.datetime
    exports: Int64s  #: places of runs whose points become a file first


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """A plan in columns over a world: `items` gives it row by row.

    Attributes:
        artifacts: Places of artifacts that a rule names, shape `(m,)`.
        artifact_rules: Which rule, as a place in `RULES`.
        artifact_guards: What spares it, as a place in `GUARDS`; `NONE`: it goes.
        runs: Places of runs whose points a rule names, shape `(n,)`.
        freed_bytes: What the store gets back: bytes that nothing else refers to.
    """

    world: World
    made_at: dt.datetime
    artifacts: Int64s
    artifact_rules: Int8s
    artifact_guards: Int8s
    runs: Int64s
    run_rules: Int8s
    run_guards: Int8s
    tiers: Sequence[TierDrop] = field(default=())
    cold: ColdMoves = field(default_factory=ColdMoves)
    freed_bytes: int = 0

    def items(self) -> Iterator[PlanItem]:
        """Everything that a rule names: artifacts, points, what goes cold, each in the order of the world."""
        world = self.world
        rows = zip(
            self.artifacts.tolist(),
            self.artifact_rules.tolist(),
            self.artifact_guards.tolist(),
            strict=True,
        )
        owners, sizes = world.artifacts.runs, world.artifacts.sizes
        for place, rule, guard in rows:
            name = world.artifacts.names[int(place)]
            size = int(sizes[place])
            yield self._item(ItemKind.ARTIFACT, int(owners[place]), name, rule, guard, size)
        rows = zip(
            self.runs.tolist(), self.run_rules.tolist(), self.run_guards.tolist(), strict=True
        )
        for place, rule, guard in rows:
            size = int(world.runs.points[place]) * POINT_BYTES
            yield self._item(ItemKind.POINTS, place, "", rule, guard, size)
        moves = zip(self.cold.artifacts.tolist(), self.cold.classes.tolist(), strict=True)
        for place, storage_class in moves:
            name = world.artifacts.names[int(place)]
            size = int(sizes[place])
            item = self._item(
                ItemKind.COLD, int(owners[place]), name, RULES.index(Rule.COLD), NONE, size
            )
            yield replace(item, storage_class=STORAGE_CLASSES[storage_class])
        for drop in self.tiers:
            yield PlanItem(
                kind=ItemKind.TIER, tenant="", experiment="", run_id="", name=drop.tier.value,
                rule=Rule.RESOLUTION, size_bytes=0, before=drop.before,
            )  # fmt: skip

    def shares(self) -> Mapping[Rule, Share]:
        """What goes, by rule."""
        return self._counted(RULES, self.artifact_rules, self.run_rules, self._goes())

    def spared(self) -> Mapping[Guard, Share]:
        """What a rule names and stays all the same, by what spares it."""
        stays = tuple(~goes for goes in self._goes())
        return self._counted(GUARDS, self.artifact_guards, self.run_guards, stays)

    def _goes(self) -> tuple[Bools, Bools]:
        return self.artifact_guards == NONE, self.run_guards == NONE

    def _counted(
        self, names: Sequence[Name], of_artifacts: Int8s, of_runs: Int8s, masks: tuple[Bools, ...]
    ) -> dict[Name, Share]:
        codes = np.concatenate([of_artifacts[masks[0]], of_runs[masks[1]]])
        sizes = np.concatenate(
            [
                self.world.artifacts.sizes[self.artifacts[masks[0]]],
                self.world.runs.points[self.runs[masks[1]]] * POINT_BYTES,
            ]
        )
        counts = np.bincount(codes, minlength=len(names))
        return {
            name: Share(count=int(counts[place]), size_bytes=int(sizes[codes == place].sum()))
            for place, name in enumerate(names)
            if counts[place]
        }

    def _item(
        self, kind: ItemKind, run: int, name: str, rule: int, guard: int, size_bytes: int
    ) -> PlanItem:
        group = self.world.groups[int(self.world.runs.groups[run])]
        return PlanItem(
            kind=kind,
            tenant=group.tenant,
            experiment=group.experiment,
            run_id=self.world.runs.run_ids[run],
            name=name,
            rule=RULES[rule],
            size_bytes=size_bytes,
            spared_by=None if guard == NONE else GUARDS[guard],
        )
