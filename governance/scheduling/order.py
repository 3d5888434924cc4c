"""Places in the queue: in which order those who wait would start if everybody in front of them did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from governance.scheduling.bunches import Bunch, age
from governance.scheduling.dimensions import Floats, Indices, flatten
from governance.scheduling.fair_share import FairShare, Path
from governance.scheduling.queue import Waiting, Whose


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Those who wait, by place; arrays have one entry for each of them."""

    trials: Sequence[Waiting]
    bunches: Sequence[Bunch]
    bunch_of: Indices
    demands: Floats  #: by dimension in the second axis


def line_up(bunches: Sequence[Bunch], shares: FairShare) -> Line:
    """The rest of all bunches, each of which has some, in the order of turns.

    At every node of the tree a trial's key is what the node would have just before it, so that
    sorting by keys gives the order in which whoever has least is next.
    """
    n_dimensions = len(shares.parts)
    trials = [trial for bunch in bunches for trial in bunch.rest]
    lengths = [len(bunch.trials) - bunch.n_admitted for bunch in bunches]
    bunch_of = np.repeat(np.arange(len(bunches)), lengths)
    if not trials:
        return Line(
            trials=trials, bunches=bunches, bunch_of=bunch_of, demands=np.zeros((0, n_dimensions))
        )
    needs = _needs(bunches, n_dimensions)
    levels = np.array([-bunch.level for bunch in bunches])
    by_age = np.array(sorted(range(len(trials)), key=[age(trial) for trial in trials].__getitem__))
    ages = np.empty(len(trials), dtype=np.intp)
    ages[by_age] = np.arange(len(trials))
    order = by_age[np.argsort(levels[bunch_of[by_age]], kind="stable")]
    numbers: dict[Whose, int] = {}
    whose_of = np.array([numbers.setdefault(bunch.whose, len(numbers)) for bunch in bunches])
    for depth in (3, 2, 1):
        here = bunch_of[order]
        nodes, node_of_whose = _numbered([whose[:depth] for whose in numbers])
        _, parent_of_whose = _numbered([whose[: depth - 1] for whose in numbers])
        node_of = node_of_whose[whose_of[here]]
        keys = _keys(node_of, needs[here], nodes, shares)
        ties = _ties(node_of, keys, ages[order])
        # Who is below one parent is in the order of turns.
        order = order[np.lexsort((ties, keys, parent_of_whose[whose_of[here]], levels[here]))]
    places: list[int] = order.tolist()
    return Line(
        trials=[trials[i] for i in places],
        bunches=bunches,
        bunch_of=bunch_of[order],
        demands=needs[bunch_of[order]],
    )


def _needs(bunches: Sequence[Bunch], n_dimensions: int) -> Floats:
    """What a trial of each bunch needs, by dimension in the second axis."""
    needs = np.zeros((len(bunches), n_dimensions))
    whose, indices, amounts = flatten([bunch.needs for bunch in bunches])
    needs[whose, indices] = amounts
    return needs


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


def _ties(node_of: Indices, keys: Floats, ages: Indices) -> Indices:
    """What goes by age where nodes have the same.

    Whoever is behind an older trial of its node is next once that one has had its turn: it is as
    old as the youngest of those in front of it.
    """
    by_node = np.argsort(node_of, kind="stable")
    differs = (np.diff(node_of[by_node], prepend=-1) != 0) | (
        np.diff(keys[by_node], prepend=-1) != 0
    )
    floor = np.cumsum(differs) * len(ages)
    ties = np.empty(len(ages), dtype=np.intp)
    ties[by_node] = np.maximum.accumulate(ages[by_node] + floor) - floor
    return ties


def _numbered(paths: Sequence[Path]) -> tuple[Sequence[Path], Indices]:
    """Different paths, sorted, and of each of all paths which one of them it is."""
    different = sorted(set(paths))
    number = {path: i for i, path in enumerate(different)}
    return different, np.array([number[path] for path in paths])
