"""What came out of what: names of things, and the graph around one of them. Pure.

A node is a name with its kind before it: ``dataset:NAME@N``, ``run:RUN``, ``artifact:RUN/NAME``,
``model:NAME@N``. Nodes are plain text, since a graph has ten thousand of them.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType

from sweeps.artifacts import is_artifact_name
from sweeps.errors import PermanentError
from sweeps.ids import is_name

Node = NewType("Node", str)

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}@[1-9][0-9]{0,8}")
_DIGITS = re.compile(r"(\d+)")


class Kind(StrEnum):
    """What a node is; in the order in which they are shown."""

    DATASET = "dataset"
    RUN = "run"
    ARTIFACT = "artifact"
    MODEL = "model"


_ORDER: Mapping[str, int] = {kind.value: place for place, kind in enumerate(Kind)}


class InvalidNode(PermanentError):
    """A text that can name nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"{text[:80]!r} names nothing: write a run, RUN/NAME for an artifact, NAME@N for a "
            "version of a dataset, or model:NAME@N"
        )


class NodeNotFound(PermanentError):
    """Nothing of that name for this tenant."""

    def __init__(self, node: Node) -> None:
        self.node = node
        super().__init__(f"there is no {kind_of(node)} {name_of(node)!r}")


class Edge(NamedTuple):
    """Something came out of something else."""

    upstream: Node
    downstream: Node


def node(kind: Kind, name: str) -> Node:
    """The node of that kind and name.

    Raises:
        InvalidNode: No such thing can be called that.
    """
    if not _is_possible(kind, name):
        raise InvalidNode(f"{kind}:{name}")
    return Node(f"{kind}:{name}")


def parse_node(text: str) -> Node:
    """The node that a person means: with its kind before it, or by the form of its name.

    Raises:
        InvalidNode: It can be none.
    """
    prefix, colon, name = text.partition(":")
    if colon:
        if prefix not in _ORDER:
            raise InvalidNode(text)
        return node(Kind(prefix), name)
    if "@" in text:
        return node(Kind.DATASET, text)
    return node(Kind.ARTIFACT if "/" in text else Kind.RUN, text)


def kind_of(node: Node) -> str:
    """``run`` of ``run:digits-00001``; of a stored node it may be one that is not known here."""
    return node.partition(":")[0]


def name_of(node: Node) -> str:
    """``digits-00001`` of ``run:digits-00001``."""
    return node.partition(":")[2]


def sort_key(node: Node) -> tuple[object, ...]:
    """By kind, then by name with its numbers as numbers."""
    kind, _, name = node.partition(":")
    parts = _DIGITS.split(name)
    return (
        _ORDER.get(kind, len(_ORDER)),
        [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(parts)],
    )


def _is_possible(kind: Kind, name: str) -> bool:
    match kind:
        case Kind.RUN:
            return is_name(name)
        case Kind.ARTIFACT:
            run, _, rest = name.partition("/")
            return is_name(run) and is_artifact_name(rest)
        case Kind.DATASET | Kind.MODEL:
            return _VERSION.fullmatch(name) is not None


class Graph:
    """What a node came out of, and what came out of it.

    Args:
        edges: Those among the ancestors, and those among the descendants, of `root`.
        is_cut: Whether there is more than was read.
    """

    def __init__(self, root: Node, edges: Iterable[Edge], *, is_cut: bool = False) -> None:
        self.root = root
        self.edges = tuple(edges)
        self.is_cut = is_cut
        above: dict[Node, list[Node]] = defaultdict(list)
        below: dict[Node, list[Node]] = defaultdict(list)
        for upstream, downstream in self.edges:
            above[downstream].append(upstream)
            below[upstream].append(downstream)
        self._upstream, self._downstream = dict(above), dict(below)
        self.ancestors = _distances(root, self._upstream)  #: how far each is away, nearest first
        self.descendants = _distances(root, self._downstream)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All of them, each once: the root, then the nearest ones first."""
        return tuple(dict.fromkeys((self.root, *self.ancestors, *self.descendants)))

    def upstream(self, node: Node) -> Sequence[Node]:
        """What it came out of, directly; in no order."""
        return self._upstream.get(node, ())

    def downstream(self, node: Node) -> Sequence[Node]:
        """What came out of it, directly; in no order."""
        return self._downstream.get(node, ())

    def within(self, depth: int) -> "Graph":
        """The part that is at most `depth` edges away from the root."""
        sides = [
            {self.root, *(node for node, distance in side.items() if distance <= depth)}
            for side in (self.ancestors, self.descendants)
        ]
        # An edge from one side to the other closes a circle, whose far end is farther away.
        edges = (edge for edge in self.edges if any(near.issuperset(edge) for near in sides))
        return Graph(self.root, edges, is_cut=self.is_cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A part of a graph that a person can look at: the nearest nodes, and how many are left out.

    Attributes:
        nodes: The root, then the nearest ones first.
        more_above: How many of what a node came out of directly are not shown; not those of none.
        more_below: How many of what came out of it.
    """

    root: Node
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    more_above: Mapping[Node, int]
    more_below: Mapping[Node, int]
    n_left_out: int

    def above(self, node: Node) -> list[Node]:
        """What a shown node came out of, as far as it is shown."""
        return [edge.upstream for edge in self.edges if edge.downstream == node]

    def below(self, node: Node) -> list[Node]:
        """What came out of a shown node, as far as it is shown."""
        return [edge.downstream for edge in self.edges if edge.upstream == node]


def excerpt(graph: Graph, *, most: int, most_beside: int) -> Excerpt:
    """The `most` nodes that are nearest, of those beside each other `most_beside` at most."""
    shown: dict[Node, None] = {graph.root: None}
    sides = [
        (graph.upstream, deque([graph.root]), set[Node]()),
        (graph.downstream, deque([graph.root]), set[Node]()),
    ]
    while any(queue for _, queue, _ in sides):
        for neighbours, queue, seen in sides:
            if not queue:
                continue
            node = queue.popleft()
            for near in sorted(neighbours(node), key=sort_key)[:most_beside]:
                if near not in shown and len(shown) >= most:
                    break
                shown[near] = None
                if near not in seen:
                    seen.add(near)
                    queue.append(near)
    edges = [e for e in graph.edges if e.upstream in shown and e.downstream in shown]
    edges.sort(key=lambda edge: (sort_key(edge.downstream), sort_key(edge.upstream)))

    def hidden(
        side: Mapping[Node, int], neighbours: Callable[[Node], Sequence[Node]]
    ) -> dict[Node, int]:
        counts = {
            n: sum(near not in shown for near in neighbours(n))
            for n in shown
            if n == graph.root or n in side
        }
        return {node: count for node, count in counts.items() if count}

    return Excerpt(
        root=graph.root,
        nodes=tuple(shown),
        edges=tuple(edges),
        more_above=hidden(graph.ancestors, graph.upstream),
        more_below=hidden(graph.descendants, graph.downstream),
        n_left_out=len(graph.nodes) - len(shown),
    )


def columns(shown: Excerpt) -> list[list[Node]]:
    """Nodes of an excerpt in columns, so that edges point to the right and cross seldom.

    A node is one column right of the last one that it came out of; where a circle was recorded, one
    of its edges points back.
    """
    place = _places(shown)
    table: dict[int, list[Node]] = {}
    for node in sorted(shown.nodes, key=sort_key):
        table.setdefault(place[node], []).append(node)
    ordered = [table[column] for column in sorted(table)]
    neighbours: dict[Node, list[Node]] = {node: [] for node in shown.nodes}
    for edge in shown.edges:
        neighbours[edge.upstream].append(edge.downstream)
        neighbours[edge.downstream].append(edge.upstream)
    for sweep in range(4):  # there and back twice: after that little changes
        order = ordered if sweep % 2 == 0 else ordered[::-1]
        height = {
            node: _height(row, column) for column in ordered for row, node in enumerate(column)
        }
        for column in order:
            middle = {
                node: _mean(
                    [height[near] for near in neighbours[node] if place[near] != place[node]],
                    height[node],
                )
                for node in column
            }
            column.sort(key=lambda node: middle[node])
            height.update({node: _height(row, column) for row, node in enumerate(column)})
    return ordered


def _height(row: int, column: Sequence[Node]) -> float:
    return (row + 0.5) / len(column)


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _places(shown: Excerpt) -> dict[Node, int]:
    """Column of each node: the longest way to it from a node that came out of nothing."""
    upstream: dict[Node, set[Node]] = {node: set() for node in shown.nodes}
    for edge in shown.edges:
        if edge.upstream != edge.downstream:
            upstream[edge.downstream].add(edge.upstream)
    place: dict[Node, int] = {}
    while len(place) < len(shown.nodes):
        ready = [n for n in shown.nodes if n not in place and upstream[n] <= place.keys()]
        # Of a circle somebody has to be first.
        for node in ready or [next(n for n in shown.nodes if n not in place)]:
            place[node] = 1 + max(
                (place[near] for near in upstream[node] if near in place), default=-1
            )
    return place


def _distances(root: Node, neighbours: Mapping[Node, Sequence[Node]]) -> dict[Node, int]:
    found = {root: 0}
    ring, distance = [root], 0
    while ring:
        distance += 1
        around: list[Node] = []
        for node in ring:
            for near in neighbours.get(node, ()):
                if near not in found:
                    found[near] = distance
                    around.append(near)
        ring = around
    del found[root]
    return found
