"""The bunches of one level in the order of turns, which changes with every admission."""

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace
from typing import Any

from governance.scheduling.bunches import Bunch, age
from governance.scheduling.fair_share import FairShare, Path

#: What a node's heap has: key, age of the first trial below, name, heap below.
_Heap = list[tuple[Any, ...]]
_DEPTH = 3
_LEAF_ENTRY = 2  # age and bunch


class Turns:
    """A tree of tenants, owners and experiments; at each node whoever has least is next.

    Below an experiment trials go by age.
    """

    def __init__(self, bunches: Iterable[Bunch], shares: FairShare) -> None:
        self._shares = shares
        tree: dict[str, dict[str, dict[str, _Heap]]] = {}
        for bunch in bunches:
            shares.enter(bunch.whose)
            tenant, owner, experiment = bunch.whose
            leaf = tree.setdefault(tenant, {}).setdefault(owner, {}).setdefault(experiment, [])
            leaf.append((age(bunch.first), bunch))
        self._root = self._heap(tree, ())

    def _heap(self, below: Any, path: Path) -> _Heap:
        if len(path) == _DEPTH:
            heap: _Heap = below
        else:
            heap = []
            for name, item in below.items():
                child = self._heap(item, (*path, name))
                heap.append((self._shares.keys[(*path, name)], _first_age(child), name, child))
        heapify(heap)
        return heap

    def __bool__(self) -> bool:
        return bool(self._root)

    @property
    def first(self) -> Bunch:
        """The bunch whose turn it is."""
        heap = self._root
        for _ in range(_DEPTH):
            heap = heap[0][-1]
        return heap[0][1]

    def move_on(self, *, drops: bool) -> None:
        """The first bunch has had its turn.

        Args:
            drops: It can have no other one.
        """
        heaps: list[_Heap] = [self._root]
        for _ in range(_DEPTH):
            heaps.append(heaps[-1][0][-1])
        leaf = heaps.pop()
        bunch: Bunch = leaf[0][1]
        path = bunch.whose
        if drops or bunch.n_admitted == len(bunch.trials):
            heappop(leaf)
        else:
            heapreplace(leaf, (age(bunch.first), bunch))
        below = leaf
        for depth in range(_DEPTH, 0, -1):
            heap = heaps.pop()
            if below:
                # Only who was admitted has more than before.
                key = heap[0][0] if drops else self._shares.keys[path[:depth]]
                heapreplace(heap, (key, _first_age(below), path[depth - 1], below))
            else:
                heappop(heap)
            below = heap


def _first_age(heap: _Heap) -> Any:
    """Age of the first trial in a heap: a leaf has ages in front, any other one behind keys."""
    entry = heap[0]
    return entry[0] if len(entry) == _LEAF_ENTRY else entry[1]
