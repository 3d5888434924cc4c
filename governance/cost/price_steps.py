"""What one thing costs over time, by all files of prices that were ever applied. Pure.

An entry without a `from` counts from the moment at which its file was applied: until then holds
what the file before it said. So what was spent costs what it did, whenever it is summed. There are
two ways into the past. An entry with a `from` counts from then on, whenever that was; and where
there was no price, the first one that anybody gives counts, also for the time before.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

EVER = dt.datetime.min.replace(tzinfo=dt.UTC)  #: before everything


class Dated(Protocol):
    """An entry of a file."""

    @property
    def usd(self) -> Decimal:
        """What a unit costs."""
        ...

    @property
    def since(self) -> dt.datetime | None:
        """Its `from`."""
        ...

    @property
    def until(self) -> dt.datetime | None:
        """Its `to`."""
        ...

    def holds(self, at: dt.datetime) -> bool:
        """Whether it holds at a moment."""
        ...


class Step(NamedTuple):
    """A price that holds until the next step begins; the last one for ever."""

    start: dt.datetime
    usd: Decimal | None  #: None: there is no price


class _Said(NamedTuple):
    """What one file says from a moment on."""

    start: dt.datetime
    usd: Decimal | None
    is_dated: bool  #: by a `from`


def steps(files: Iterable[tuple[dt.datetime, Sequence[Dated]]]) -> tuple[Step, ...]:
    """What a thing costs over all of the time; the first step begins at `EVER`.

    Args:
        files: When each was applied, in order, and its entries that fit the thing, the most
            specific one first. The first file counts as if it had always held.
    """
    known = (Step(EVER, None),)
    for applied_at, fits in files:
        known = _after(known, _said(fits), applied_at)
    return known


def _said(fits: Sequence[Dated]) -> list[_Said]:
    cuts = {at for entry in fits for at in (entry.since, entry.until) if at is not None}
    said: list[_Said] = []
    for cut in sorted({EVER, *cuts}):
        found = next((entry for entry in fits if entry.holds(cut)), None)
        is_dated = found is not None and found.since is not None
        said.append(_Said(cut, None if found is None else found.usd, is_dated))
    return said


def _after(
    before: Sequence[Step], said: Sequence[_Said], applied_at: dt.datetime
) -> tuple[Step, ...]:
    """The steps once a file is applied."""
    found: list[Step] = []
    old = new = 0
    for cut in sorted({applied_at, *(one.start for one in before), *(one.start for one in said)}):
        while old + 1 < len(before) and before[old + 1].start <= cut:
            old += 1
        while new + 1 < len(said) and said[new + 1].start <= cut:
            new += 1
        known, own = before[old].usd, said[new]
        is_own = own.is_dated or cut >= applied_at or known is None
        usd = own.usd if is_own else known
        if not found or found[-1].usd != usd:
            found.append(Step(cut, usd))
    return tuple(found)
