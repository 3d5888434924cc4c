"""Sweeps that wait for others: what is waited for, how it stands, and what cannot be waited for.

Rows say how each wait stands; a trigger of the database moves them in the transaction in which the
sweep ends that is waited for.
"""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.errors import Problem
from sweeps.ids import SweepId
from sweeps.states import SweepState

_MOST_NAMED = 3  # sweeps in one sentence


class AwaitedEnd(enum.StrEnum):
    """How a sweep has to end for those that wait for it."""

    SUCCEEDED = "succeeded"  #: completed, and one trial at least came to a result
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A sweep that another one waits for."""

    sweep_id: SweepId
    ended: AwaitedEnd = AwaitedEnd.SUCCEEDED

    def as_document(self) -> dict[str, str]:
        """As it is written in a sweep file."""
        return {"sweep": self.sweep_id, "ended": self.ended.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How a wait stands, seen from either end of it."""

    sweep: SweepId  #: the one at the other end
    ended: AwaitedEnd  #: how the one that is waited for has to end
    state: SweepState  #: of `sweep`
    is_met: bool  #: whether it has ended so

    @property
    def words(self) -> str:
        """For people: ``digits-4f2kq7ab (running)``."""
        return f"{self.sweep} ({self.state})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Both directions of one sweep."""

    waits_for: Sequence[Wait] = ()
    awaited_by: Sequence[Wait] = ()

    @property
    def open(self) -> Sequence[Wait]:
        """What it still waits for."""
        return [wait for wait in self.waits_for if not wait.is_met]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSweep:
    """A sweep that has not started since others have not ended."""

    sweep_id: SweepId
    tenant_id: str
    experiment: str
    owner: str
    is_paused: bool  #: rests also when they have ended, until a person resumes it
    submitted_at: dt.datetime
    waits_for: Sequence[Wait]  #: those that have not ended yet

    @property
    def words(self) -> str:
        """What it waits for, for people."""
        return wait_words(self.waits_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedState:
    """A sweep that is to be waited for, as it is now."""

    state: SweepState
    reason: str
    has_succeeded: bool


def wait_words(waits: Sequence[Wait]) -> str:
    """The first few that are waited for, each with its state, and how many more there are."""
    named = ", ".join(wait.words for wait in waits[:_MOST_NAMED])
    more = len(waits) - _MOST_NAMED
    return named if more <= 0 else f"{named} and {more} more"


def is_met(awaited: Awaited, now: AwaitedState) -> bool:
    """Whether nothing has to be waited for any more."""
    return now.state.is_terminal and (awaited.ended is AwaitedEnd.ANY or now.has_succeeded)


def wait_problems(
    after: Sequence[Awaited],
    found: Mapping[SweepId, AwaitedState],
    *,
    tenant: str,
    line: int | None = None,
) -> list[Problem]:
    """What cannot be waited for: sweeps of which the tenant has none, and what ended otherwise.

    Args:
        found: Those of them that the tenant has.
        tenant: Its name.
        line: Of `after` in the sweep file, from 1.
    """
    problems: list[Problem] = []
    for index, awaited in enumerate(after):
        now = found.get(awaited.sweep_id)
        if now is None:
            message = f"there is no sweep {awaited.sweep_id!r} of tenant {tenant}"
            hint = "`sweepworks list` shows those there are"
        elif now.state.is_terminal and not is_met(awaited, now):
            message = f"{awaited.sweep_id} {_ended(now)}"
            hint = "write {sweep: …, ended: any} if how it ended does not matter, or leave it out"
        else:
            continue
        problems.append(Problem(path=f"after[{index}]", message=message, hint=hint, line=line))
    return problems


def _ended(now: AwaitedState) -> str:
    if now.state is SweepState.COMPLETED:
        return "has completed without a result of any trial"
    return f"has ended already: {now.state}, {now.reason}".removesuffix(", ")
