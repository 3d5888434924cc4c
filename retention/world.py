"""What is there, as retention sees it: columns, since there may be millions of rows. Pure.

All times are whole seconds since 1970 UTC.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from retention.tiers import Tier
from sweeps.states import RunState

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Int8s = NDArray[np.int8]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

STATES = tuple(RunState)  #: codes of `Runs.states`
NONE = -1  #: in columns: there is none


class ArtifactKind(StrEnum):
    """What rules tell apart."""

    OTHER = "other"
    CHECKPOINT = "checkpoint"
    LOG = "log"
    POINTS = "points"  #: metric points in full, exported before they were dropped


KINDS = tuple(ArtifactKind)  #: codes of `Artifacts.kinds`


@dataclass(frozen=True, slots=True)
class Group:
    """An experiment, by name."""

    tenant: str
    experiment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFacts:
    """A sweep, as far as it matters."""

    sweep_id: str
    group: int  #: place in `World.groups`
    class_name: str | None = None  #: its file's `retention:`
    metric: str = ""
    is_maximized: bool = False
    is_open: bool = False  #: submitted, running or paused
    warm_start: tuple[str, ...] = ()  #: sweeps that it learns from


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs, all columns of shape `(n,)`, in the order of their names."""

    run_ids: Sequence[str]
    groups: Int32s
    sweeps: Int32s  #: place in `World.sweeps`; `NONE` for a scratch run
    states: Int8s
    ended: Int64s  #: `NONE` while it is live
    is_sealed: Bools
    objectives: Float64s  #: NaN when there is none
    points: Int64s  #: that are still there, about
    first_points: Int64s  #: time of the first of them; `NONE` when there is none
    last_points: Int64s  #: likewise of the last
    is_exported: Bools  #: whether a file has all points of its script; also when there are none
    is_marked: Bools  #: whether its points are marked already

    def __len__(self) -> int:
        return len(self.run_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """Artifacts, all columns of shape `(m,)`."""

    names: Sequence[str]
    runs: Int32s  #: place in `World.runs`
    kinds: Int8s
    sizes: Int64s
    created: Int64s
    levels: Int64s  #: resource level of a checkpoint; `NONE` when its name has none
    values: Float64s  #: of the objective, as it was reported at that level; NaN when it was not
    blobs: Int64s  #: equal for equal bytes of one tenant
    is_marked: Bools  #: whether it is marked already

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def none(cls) -> "Artifacts":
        """No artifact at all."""
        numbers = np.zeros(0, dtype=np.int64)
        small = numbers.astype(np.int8)
        return cls(
            names=(), runs=numbers.astype(np.int32), kinds=small, sizes=numbers, created=numbers,
            levels=numbers, values=np.zeros(0), blobs=numbers, is_marked=small > 0,
        )  # fmt: skip


class HoldScope(StrEnum):
    """What can be held. Values are stored; add, never rename."""

    TENANT = "tenant"
    EXPERIMENT = "experiment"
    SWEEP = "sweep"
    RUN = "run"
    MODEL = "model"  #: `NAME`, all of its versions, or `NAME@N`
    DATASET = "dataset"  #: likewise: all runs that learnt from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An order to keep something, until somebody lifts it or its time is over."""

    tenant: str
    scope: HoldScope
    name: str  #: of what is held; of a tenant its own
    until: dt.datetime | None = None
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonds:
    """What ties runs to what must stay.

    Attributes:
        run_tags: Names of tags by run.
        sweep_tags: Likewise; what is said of a sweep holds for its runs.
        experiment_tags: Likewise, by `Group`.
        promoted: Runs that a version of a model was made from.
        candidates: Runs whose evaluation is open.
        evaluated: Runs that an evaluation that has ended is of, or that any is made of.
        reruns: (rerun, the run that it repeats).
        edges: Of the lineage, (tenant, upstream, downstream), but for those from a run to its own
            artifacts.
    """

    run_tags: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    sweep_tags: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    experiment_tags: Mapping[Group, frozenset[str]] = field(
        default_factory=dict[Group, frozenset[str]]
    )
    holds: Sequence[Hold] = ()
    promoted: Sequence[str] = ()
    candidates: Sequence[str] = ()
    evaluated: Sequence[str] = ()
    reruns: Sequence[tuple[str, str]] = ()
    edges: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All of it."""

    groups: Sequence[Group]
    sweeps: Sequence[SweepFacts]
    runs: Runs
    artifacts: Artifacts
    bonds: Bonds = field(default_factory=Bonds)
    #: Blobs that something other than an artifact refers to: files of datasets.
    other_blobs: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    #: Blobs that are in a colder class of the store, and those that an alias of a model means.
    cold_blobs: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    serving_blobs: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    #: From when on a tier of points is whole; what is older was dropped. Absent: always.
    kept_since: Mapping[Tier, int] = field(default_factory=dict[Tier, int])

    def has_points(self, tier: Tier) -> Bools:
        """Whether a run still has points in a tier, shape `(n,)`."""
        since = self.kept_since.get(tier, NONE)
        return (self.runs.first_points != NONE) & (self.runs.last_points >= since)
