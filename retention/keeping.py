"""Keeping to the policy: what the schedules ask for, and what comes of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class ItemState(StrEnum):
    """Where an item of a plan is. Values are stored; add, never rename."""

    PLANNED = "planned"  #: nothing has happened
    SPARED = "spared"  #: something guards it, a person left it out, or it would not be planned now
    MARKED = "marked"  #: it goes on its day
    DELETED = "deleted"
    RESTORED = "restored"  #: something guards it since it was marked
    UNDONE = "undone"  #: by a person
    MOVED = "moved"  #: its bytes are in a colder class


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan, and what has become of it."""

    plan_id: int
    made_at: dt.datetime
    made_by: str
    policy_version: int
    summary: Mapping[str, Any]
    applied_at: dt.datetime | None
    applied_by: str | None
    states: Mapping[str, Mapping[str, int]]  #: count and bytes of items, by state
    due_at: dt.datetime | None  #: when the first of what is marked goes

    def count(self, state: ItemState) -> int:
        """Items in a state."""
        return self.states.get(state, {}).get("count", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfPlace:
    """Something that is to go, or has gone, although it was guarded by then."""

    run_id: str
    name: str
    state: str
    guard: str

    def __str__(self) -> str:
        what = f"{self.run_id}/{self.name}" if self.name else f"points of {self.run_id}"
        return f"{what} is {self.state}, but {self.guard}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOut:
    """What a day has brought."""

    deleted: int  #: artifacts, and points of runs
    deleted_bytes: int
    restored: int  #: that something guards since they were marked, or no rule names any more
    tiers: int  #: of points, dropped up to their day
    exported_runs: int  #: whose points became a file first
    collected: int  #: blobs that nothing referred to
    freed_bytes: int
    moved: int  #: blobs that went to a colder class
    moved_bytes: int
    strays: int  #: blobs found that no row knew of; they are in quarantine
    refused: str = ""  #: why nothing was collected, or moved, where a person has to look first
    by_rule: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    #: count and bytes of what has gone in the last day


class RetentionKeeper(Protocol):
    """Keeps an installation to its policy.

    **Idempotency.** Everything may be called at any time, and again; whoever dies in it has left
    nothing that the next call does not end.

    Every method raises `StorageUnavailable` when the database or the store does not answer.
    """

    def plan(self, *, who: str, now: dt.datetime) -> PlanRow:
        """Make a plan, and apply it where the policy says so."""
        ...

    def carry_out(self, *, now: dt.datetime) -> CarriedOut:
        """Delete what is due, drop what is due of points, collect what nothing refers to, and move what is cold."""
        ...

    def out_of_place(self, *, since: dt.datetime) -> Sequence[OutOfPlace]:
        """What is to go, or has gone since then, although something guarded it."""
        ...
