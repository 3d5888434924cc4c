"""Where an alias of a model goes back to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class MoveKind(StrEnum):
    """Why an alias has moved."""

    PROMOTED = "promoted"  #: a candidate passed every gate
    SET = "set"  #: by a person, to a version that had been promoted
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move of an alias."""

    kind: MoveKind
    number: int  #: of the version that it means from then on


def before(moves: Iterable[Move]) -> int | None:
    """The version that an alias meant before the one that it means now; None: there was none.

    Rolling back undoes a move, so that doing it twice goes back two moves, and what was rolled back
    from is not come back to by rolling back again.

    Args:
        moves: All of them, oldest first.
    """
    meant: list[int] = []
    for move in moves:
        if move.kind is MoveKind.ROLLED_BACK:
            if len(meant) > 1:
                meant.pop()
        elif not meant or meant[-1] != move.number:
            meant.append(move.number)
    return meant[-2] if len(meant) > 1 else None
