"""Places in the queue: in which order those who wait would start if everybody in front of them did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from governance.scheduling.bunches import Bunch
from governance.scheduling.fair_share import FairShare, Path
from governance.scheduling.queue import Waiting

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Those who wait, by place; arrays have one entry for each of them."""

    trials: Sequence[Waiting]
    bunches: Sequence[Bunch]
    bunch_of: Indices
    demands: Floats  #: by dimension in the second axis


def line_up(bunches: Sequence[Bunch], shares: FairShare) -> Line:
    """The rest of all bunches in the order of turns.

    At every node of the tree a trial's key is what the node would have just before it, so that
    sorting by keys gives the order in which whoever has least is next.
    """
    bunches = [bunch for bunch in bunches if bunch.n_admitted < len(bunch.trials)]
    n_dimensions = len(shares.parts)
    trials: list[Waiting] = [trial for bunch in bunches for trial in bunch.rest]
    bunch_of = np.repeat(np.arange(len(bunches)), [len(bunch.rest) for bunch in bunches])
    if not trials:
        return Line(
            trials=trials, bunches=bunches, bunch_of=bunch_of, demands=np.zeros((0, n_dimensions))
        )
    needs = np.zeros((len(bunches), n_dimensions))
    for row, bunch in enumerate(bunches):
        for index, amount in bunch.needs:
            needs[row, index] = amount
    levels = np.array([-bunch.level for bunch in bunches])
    ages = np.array([trial.queued_at.timestamp() for trial in trials])
    names = np.array([trial.attempt_id for trial in trials])
    order = np.lexsort((names, ages, levels[bunch_of]))
    for depth in (3, 2, 1):
        paths = [bunch.whose[:depth] for bunch in bunches]
        nodes: dict[Path, int] = {path: i for i, path in enumerate(dict.fromkeys(paths))}
        node_of = np.array([nodes[path] for path in paths])[bunch_of[order]]
        keys = _keys(node_of, needs[bunch_of[order]], list(nodes), shares)
        order = order[_merged(levels[bunch_of[order]], keys, paths, bunch_of[order])]
    places: list[int] = order.tolist()
    return Line(
        trials=[trials[i] for i in places],
        bunches=bunches,
        bunch_of=bunch_of[order],
        demands=needs[bunch_of[order]],
    )


def _keys(node_of: Indices, needs: Floats, nodes: Sequence[Path], shares: FairShare) -> Floats:
    """What each trial's node would have before it, in the order that there is within the node."""
    parts = np.array(shares.parts)
    had = np.array([shares.had[path] for path in nodes])
    weights = np.array([shares.weights[path] for path in nodes])
    by_node = np.argsort(node_of, kind="stable")
    sorted_nodes, sorted_needs = node_of[by_node], needs[by_node]
    before = np.cumsum(sorted_needs, axis=0) - sorted_needs
    starts = np.flatnonzero(np.diff(sorted_nodes, prepend=-1))
    lengths = np.diff(starts, append=len(sorted_nodes))
    before -= np.repeat(before[starts], lengths, axis=0)
    shares_before = ((had[sorted_nodes] + before) * parts).max(axis=1) / weights[sorted_nodes]
    keys = np.empty(len(node_of))
    keys[by_node] = shares_before
    return keys


def _merged(
    levels: npt.NDArray[Any], keys: Floats, paths: Sequence[Path], bunch_of: Indices
) -> Indices:
    """Sorted by level, by parent, then by key: who is below one parent is in the order of turns."""
    parents = {path: i for i, path in enumerate(sorted({path[:-1] for path in paths}))}
    parent_of = np.array([parents[path[:-1]] for path in paths])[bunch_of]
    return np.lexsort((np.arange(len(keys)), keys, parent_of, levels))
