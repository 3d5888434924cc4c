"""Which artifacts go when there are more bytes than a budget has. Pure, in columns."""

from collections.abc import Sequence

import numpy as np

from retention.policy import ByteBudget
from retention.world import Bools, Int8s, World


def over_budget(
    world: World, budgets: Sequence[ByteBudget], *, going: Bools, is_free: Bools, worth: Int8s
) -> Bools:
    """What has to go for all budgets to be kept, or as near to that as guards allow.

    Bytes count once, and are only free when their last artifact goes: what would free none stays.
    The same world gives the same answer.

    Args:
        going: What goes anyway, shape `(m,)`.
        is_free: What may go.
        worth: Lower goes first; of equal ones the oldest, then by run and name.
    """
    artifacts = world.artifacts
    chosen = np.zeros(len(artifacts), dtype=np.bool_)
    if not len(artifacts):
        return chosen
    _, blobs = np.unique(artifacts.blobs, return_inverse=True)
    is_elsewhere = np.isin(artifacts.blobs, world.other_blobs)
    for budget in budgets:
        covered = np.array(
            [budget.scope.covers(tenant=g.tenant, experiment=g.experiment) for g in world.groups],
            dtype=np.bool_,
        )
        inside = covered[world.runs.groups[artifacts.runs]]
        gone = going | chosen
        here = inside & ~gone
        excess = _unique_bytes(world, blobs, here) - budget.max_bytes
        if excess <= 0:
            continue
        # A blob is free once all that refers to it goes: what goes already, and these.
        may_go = here & is_free
        stays = ~gone & ~may_go
        is_stuck = np.zeros(int(blobs.max()) + 1, dtype=np.bool_)
        is_stuck[blobs[stays | is_elsewhere]] = True
        places = np.flatnonzero(may_go & ~is_stuck[blobs])
        names = np.argsort(
            np.argsort(
                np.array([artifacts.names[place] for place in places.tolist()], dtype=object)
            )
        )
        order = np.lexsort(
            (names, artifacts.runs[places], artifacts.created[places], worth[places])
        )
        places = places[order]
        # Its bytes are free with the last of its artifacts.
        last = np.full(len(is_stuck), -1, dtype=np.int64)
        last[blobs[places]] = np.arange(len(places))
        freed = np.where(last[blobs[places]] == np.arange(len(places)), artifacts.sizes[places], 0)
        enough = np.searchsorted(np.cumsum(freed), excess) + 1
        taken = places[:enough]
        # Those whose bytes others would keep are not taken in vain.
        chosen[taken[last[blobs[taken]] < enough]] = True
    return chosen


def _unique_bytes(world: World, blobs: np.ndarray, mask: Bools) -> int:
    _, firsts = np.unique(blobs[mask], return_index=True)
    return int(world.artifacts.sizes[mask][firsts].sum())
