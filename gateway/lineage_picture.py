"""Where the boxes and lines of a lineage are: columns from left to right, as time went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from governance.lineage.facts import Facts, words
from sweeps.lineage import Excerpt, Kind, Node, columns, kind_of, name_of

_WIDTH, _HEIGHT = 222, 56  # of a box
_GAP, _LANE = 22, 58  # below a box, which says there how much is left out; beside it
_MARGIN = 12
_LETTERS = 26  # of a name that fit into a box, in fonts that are wider than most


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node."""

    x: int
    y: int
    node: Node
    kind: str
    name: str
    short_name: str
    words: str
    href: str
    is_root: bool
    left_out: str  #: how many neighbours are not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it, in pixels."""

    width: int
    height: int
    box_width: int
    box_height: int
    boxes: Sequence[Box]
    lines: Sequence[str]  #: paths of SVG


def picture(shown: Excerpt, facts: Mapping[Node, Facts]) -> Picture:
    """Boxes in columns, each column in the middle, and a curve for each edge."""
    table = columns(shown)
    height = 2 * _MARGIN + max(map(len, table)) * (_HEIGHT + _GAP)
    boxes: dict[Node, Box] = {}
    for place, column in enumerate(table):
        top = (height - len(column) * (_HEIGHT + _GAP)) // 2
        for row, node in enumerate(column):
            boxes[node] = Box(
                x=_MARGIN + place * (_WIDTH + _LANE),
                y=top + row * (_HEIGHT + _GAP),
                node=node,
                kind=kind_of(node),
                name=name_of(node),
                short_name=_short(name_of(node)),
                words=words(facts.get(node)),
                href=_address(node, is_root=node == shown.root),
                is_root=node == shown.root,
                left_out=_left_out(shown, node),
            )
    return Picture(
        width=2 * _MARGIN + len(table) * (_WIDTH + _LANE) - _LANE,
        height=height,
        box_width=_WIDTH,
        box_height=_HEIGHT,
        boxes=list(boxes.values()),
        lines=[_line(boxes[edge.upstream], boxes[edge.downstream]) for edge in shown.edges],
    )


def lineage_path(node: Node) -> str:
    """Address of a node's page."""
    return f"/lineage/{quote(node, safe='/:@')}"


def _address(node: Node, *, is_root: bool) -> str:
    """A run's own page, once one is at its lineage; of anything else, and on the way, its lineage."""
    if is_root and kind_of(node) == Kind.RUN:
        return f"/runs/{quote(name_of(node), safe='')}"
    return lineage_path(node)


def _line(start: Box, end: Box) -> str:
    x1, y1 = start.x + _WIDTH, start.y + _HEIGHT // 2
    x2, y2 = end.x, end.y + _HEIGHT // 2
    return f"M{x1} {y1} C{x1 + _LANE // 2} {y1} {x2 - _LANE // 2} {y2} {x2} {y2}"


def _short(name: str) -> str:
    """A name that fits; what tells runs and files apart is at its end."""
    if len(name) <= _LETTERS:
        return name
    return f"{name[:10]}…{name[-(_LETTERS - 11) :]}"


def _left_out(shown: Excerpt, node: Node) -> str:
    above, below = shown.more_above.get(node, 0), shown.more_below.get(node, 0)
    sides = [
        f"{word} {count:,} more"
        for word, count in (("came out of", above), ("went into", below))
        if count
    ]
    return "and " + ", ".join(sides) if sides else ""
