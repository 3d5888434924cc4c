"""Where a sweep's attempts are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What launchers must share to see each other's attempts: for local processes, a home."""

    key: str  #: equal for the same place, and for no other one
    name: str  #: for people: ``home /there on host here``
