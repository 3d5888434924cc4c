"""Which checkpoints of a trial, and which trials of a sweep, are among the best. Pure, in columns."""

import numpy as np

from retention.world import (
    NONE,
    STATES,
    Bools,
    Float64s,
    Int32s,
    Int64s,
    World,
)
from sweeps.states import RunState

_HAS_RESULT = np.array([state in {RunState.COMPLETED, RunState.STOPPED} for state in STATES])


def is_among_best(world: World, counts: Int32s) -> Bools:
    """Whether a run is among the best of its sweep, shape `(n,)`.

    Args:
        counts: How many are, by run.
    """
    runs = world.runs
    ranked = np.flatnonzero(
        (runs.sweeps != NONE) & np.isfinite(runs.objectives) & _HAS_RESULT[runs.states]
    )
    signed = _signed(world, runs.sweeps[ranked], runs.objectives[ranked])
    # Of equal ones, the first by name: its number is lower.
    order = np.lexsort((ranked, signed, runs.sweeps[ranked]))
    best = np.zeros(len(runs), dtype=np.bool_)
    placed = ranked[order]
    best[placed] = _ranks(runs.sweeps[placed]) < counts[placed]
    return best


def is_kept_of_trial(world: World, checkpoints: Int64s, *, best: Int32s, latest: Int32s) -> Bools:
    """Whether checkpoints are among the best or the latest of their trials.

    All files of one level are one checkpoint. One without a level is kept: nobody knows when it was
    made, and it may well be the final model.

    Args:
        checkpoints: Places of artifacts, shape `(k,)`.
        best: How many of the best a run keeps, by run.
        latest: Likewise of the latest.

    Returns:
        Shape `(k,)`.
    """
    if not len(checkpoints):
        return np.zeros(0, dtype=np.bool_)
    artifacts = world.artifacts
    owners = artifacts.runs[checkpoints]
    levels = artifacts.levels[checkpoints]
    order = np.lexsort((-levels, owners))
    is_first = _differs(owners[order]) | _differs(levels[order])
    of_level = np.empty(len(checkpoints), dtype=np.int64)  # place of each one's checkpoint
    of_level[order] = np.cumsum(is_first) - 1
    level_runs = owners[order][is_first]
    values = artifacts.values[checkpoints][order][is_first]
    kept = _ranks(level_runs) < latest[level_runs]
    signed = _signed(world, world.runs.sweeps[level_runs], values)
    valued = np.flatnonzero(np.isfinite(signed))
    # Of equal ones, the later.
    by_value = valued[np.lexsort((valued, signed[valued], level_runs[valued]))]
    kept[by_value] |= _ranks(level_runs[by_value]) < best[level_runs[by_value]]
    return kept[of_level] | (levels == NONE)


def _signed(world: World, sweeps: Int32s, values: Float64s) -> Float64s:
    """Lower is better. Of scratch runs nobody knows which way is."""
    signs = np.array([-1.0 if sweep.is_maximized else 1.0 for sweep in world.sweeps] + [np.nan])
    return values * signs[sweeps]


def _differs(column: Int32s | Int64s) -> Bools:
    """Whether a value differs from the one before it."""
    return np.append(True, column[1:] != column[:-1])


def _ranks(groups: Int32s) -> Int64s:
    """The place of each row in its group, from 0; equal groups are beside each other."""
    if not len(groups):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(_differs(groups))
    lengths = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, lengths)
