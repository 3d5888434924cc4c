"""Which bytes go to a colder class of the store: they stay, can be read, and cost less. Pure, in columns."""

import datetime as dt
from dataclasses import dataclass, field

import numpy as np

from retention.guards import tagged
from retention.policy import RetentionPolicy
from retention.world import NONE, Bools, Float64s, Int8s, Int32s, Int64s, World
from sweeps.blobs import StorageClass
from sweeps.tags import PRODUCTION_CANDIDATE

STORAGE_CLASSES = tuple(StorageClass)  #: codes of columns
#: Colder classes ask as much for less as for this.
LEAST_BYTES = 128 * 1024


def _nowhere() -> Int64s:
    return np.zeros(0, dtype=np.int64)


def _no_classes() -> Int8s:
    return np.zeros(0, dtype=np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdMoves:
    """Bytes that go to another class, each named by one of its artifacts.

    Attributes:
        artifacts: Places of these artifacts, shape `(k,)`.
        classes: Where they go, as places in `STORAGE_CLASSES`.
    """

    artifacts: Int64s = field(default_factory=_nowhere)
    classes: Int8s = field(default_factory=_no_classes)

    def __len__(self) -> int:
        return len(self.artifacts)


def cold_moves(
    world: World, policy: RetentionPolicy, *, class_of: Int32s, going: Bools, now: dt.datetime
) -> ColdMoves:
    """What goes cold now: bytes that are read by nobody that is known, and stay.

    All artifacts of the same bytes have to be due, but for those that go anyway. Bytes of datasets,
    and of what an alias of a model means, stay where they are, and so does what was moved before.

    Args:
        class_of: The retention class of each run, as a place among the policy's; shape `(n,)`.
        going: What is to be deleted, planned or marked, shape `(m,)`.
    """
    artifacts, owners = world.artifacts, world.artifacts.runs
    rules = list(policy.classes.values())
    targets = [policy.cold_class_of(one) for one in rules]
    if not len(artifacts) or not any(targets):
        return ColdMoves()
    seconds = int(now.timestamp())
    after = _by_owner([one.cold_after for one in rules], class_of)[owners]
    ages = np.minimum(seconds - world.runs.ended[owners], seconds - artifacts.created)
    is_due = (ages > after) & ~_in_use(world)[owners]
    _, blobs = np.unique(artifacts.blobs, return_inverse=True)
    is_held_up = np.zeros(int(blobs.max()) + 1, dtype=np.bool_)
    is_held_up[blobs[~is_due & ~going]] = True
    stays_hot = np.concatenate([world.other_blobs, world.cold_blobs, world.serving_blobs])
    places = np.flatnonzero(
        is_due
        & ~going
        & ~is_held_up[blobs]
        & (artifacts.sizes >= LEAST_BYTES)
        & ~np.isin(artifacts.blobs, stays_hot)
    )
    _, firsts = np.unique(blobs[places], return_index=True)
    chosen = np.sort(places[firsts])
    codes = np.array(
        [NONE if one is None else STORAGE_CLASSES.index(one) for one in targets], dtype=np.int8
    )
    return ColdMoves(artifacts=chosen, classes=codes[class_of[owners[chosen]]])


def _by_owner(lengths: list[dt.timedelta | None], class_of: Int32s) -> Float64s:
    seconds = [np.inf if one is None else one.total_seconds() for one in lengths]
    return np.array(seconds, dtype=np.float64)[class_of]


def _in_use(world: World) -> Bools:
    """Runs whose files somebody is about to read, or may still add to."""
    runs = world.runs
    is_open = np.array([one.is_open for one in world.sweeps] + [False], dtype=np.bool_)
    evaluated = set(world.bonds.candidates)
    is_candidate = np.fromiter((run in evaluated for run in runs.run_ids), np.bool_, len(runs))
    return (
        (runs.ended == NONE)
        | ~runs.is_sealed
        | is_open[runs.sweeps]
        | is_candidate
        | tagged(world, PRODUCTION_CANDIDATE)
    )
