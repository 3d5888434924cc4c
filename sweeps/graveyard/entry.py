"""Pages of sweeps that have ended: what they are written from, and how they are kept."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sweeps.ids import SweepId
from sweeps.tags import Annotations
from sweeps.trials import SweepSnapshot

LONGEST_TAKEAWAY = 2_000  #: in characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the ledger has of a sweep's computing; not of its files, which are paid for by the day."""

    amount_usd: float | None  #: None: what it used has no price
    waste_usd: float | None
    gpu_hours: float
    core_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeaway:
    """What a person says that the sweep has shown."""

    text: str
    by: str
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """All that a page is written from."""

    snapshot: SweepSnapshot
    said: Annotations  #: of the sweep
    tags_of_runs: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    links: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    #: where each link leads to; None: nobody said
    cost: Cost | None = None  #: None: nothing is in the ledger
    takeaway: Takeaway | None = None
    commit: str | None = None
    image: str | None = None
    read_at: dt.datetime  #: what has changed since then is not in them
    ledger_usd: Decimal = Decimal(0)  #: as the ledger had it then


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page, and what is worth knowing without reading it."""

    sweep_id: SweepId
    title: str
    markdown: str
    proposal: str  #: takeaway as the record suggests it
    importance: Mapping[str, float]
    advice: Sequence[str]

    @property
    def digest(self) -> str:
        """sha256 of the page: the same facts give the same one."""
        return hashlib.sha256(self.markdown.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuriedEntry:
    """A page as it is kept."""

    sweep_id: SweepId
    version: int
    experiment: str
    state: str
    title: str
    markdown: str
    proposal: str
    takeaway: str | None  #: as a person has confirmed it
    confirmed_by: str | None
    importance: Mapping[str, float]
    advice: Sequence[str]
    tags: Sequence[str]
    written_at: dt.datetime


class Graveyard(Protocol):
    """Pages of sweeps that have ended. Each raises `StorageUnavailable` in an outage."""

    def due(self, *, limit: int) -> list[SweepId]:
        """Sweeps whose page is missing, or is older than what it is written from."""
        ...

    def facts(self, sweep_id: SweepId) -> EntryFacts:
        """What the page of a sweep is written from. `SweepNotFound`, `StateConflict`."""
        ...

    def keep(self, entry: Entry, facts: EntryFacts) -> int:
        """Keep a page; gives its version, which is the last one's when nothing has changed."""
        ...

    def set_aside(self, sweep_id: SweepId, reason: str) -> None:
        """Leave a page that could not be written alone for an hour."""
        ...
