"""Whether a holdout was learnt from: ways that lead from it to a run of the experiment. Pure.

A way begins at the holdout, or at what shares data with it (`shared_data`), and goes through whoever
has used that directly. A training set that was cut out of the same parent is no such way: nobody has
used the parent itself.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sweeps.lineage import Edge, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A run that knows the holdout."""

    run: Node
    path: tuple[Node, ...]  #: from a dataset, or an artifact, to the run
    relation: str  #: what that has to do with the holdout

    def __str__(self) -> str:
        way = " -> ".join(self.path)
        return f"{way} ({self.path[0].partition(':')[2]} {self.relation})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """Runs that know the holdout, as many as are told, and how many there are besides."""

    told: tuple[Leak, ...] = ()
    more: int = 0

    def sentences(self) -> list[str]:
        """Each way, and that there are more runs."""
        ways = [str(leak) for leak in self.told]
        return [*ways, f"and {self.more} more runs"] if self.more else ways


def leaks(
    *,
    holdout: Node,
    related: Mapping[Node, str],
    edges: Iterable[Edge],
    runs: Collection[Node],
    most: int = 20,
) -> Leaks:
    """Runs that learnt from the holdout, the shortest ways first.

    Args:
        related: What shares data with the holdout, and how; itself not included.
        edges: What came out of these: first the runs that used them, then whatever came
            out of those.
        runs: Of the experiment.
        most: Ways that are told; of further runs it is known how many they are.
    """
    relation = {holdout: "is the holdout", **related}
    below: dict[Node, list[Node]] = {}
    for edge in edges:
        below.setdefault(edge.upstream, []).append(edge.downstream)
    came_by: dict[Node, Node | None] = dict.fromkeys(relation)
    queue = deque(sorted(relation, key=lambda node: (node != holdout, node)))
    told, more = list[Leak](), 0
    while queue:
        node = queue.popleft()
        if node in runs and len(told) < most:
            path = _path(node, came_by)
            told.append(Leak(run=node, path=path, relation=relation[path[0]]))
        elif node in runs:
            more += 1
        for near in sorted(below.get(node, ())):
            if near not in came_by:
                came_by[near] = node
                queue.append(near)
    return Leaks(told=tuple(told), more=more)


def _path(node: Node, came_by: Mapping[Node, Node | None]) -> tuple[Node, ...]:
    way = [node]
    while (earlier := came_by[way[-1]]) is not None:
        way.append(earlier)
    return tuple(reversed(way))
