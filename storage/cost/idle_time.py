"""How long GPUs of attempts were idle: as measured, or where metrics are gone, as the books have it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import psycopg

from governance.cost.idleness import IDLE_PERCENT, LEAST_IDLE, IdleSpan, idle_spans
from storage import queries

_QUERIES = queries.load("costs")
_HOUR = 3_600_000_000  # in microseconds

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptIdle:
    """Idle time of an attempt that a day has in the books, between two changes of its price.

    Args:
        since, until: None: from the day's, or the attempt's, first moment, or to its last.
        microseconds: Of GPUs.
    """

    since: dt.datetime | None
    until: dt.datetime | None
    microseconds: int

    def span(self, start: dt.datetime, end: dt.datetime) -> IdleSpan | None:
        """As a part of what its attempt held; None: it held nothing then, as it turned out."""
        low = start if self.since is None else max(self.since, start)
        high = end if self.until is None else min(self.until, end)
        if low >= high:
            return None
        return IdleSpan(start=low, end=high, microseconds=self.microseconds)


#: For stretches of time that the books do not have.
NOTHING_KEPT: Mapping[str, Sequence[KeptIdle]] = MappingProxyType({})


def read_kept_idle(connection: Connection, day: dt.date) -> dict[str, list[KeptIdle]]:
    """What a day has in the books, by attempt."""
    kept: dict[str, list[KeptIdle]] = {}
    for attempt_id, since, until, hours in connection.execute(_QUERIES["kept_idle"], {"day": day}):
        one = KeptIdle(since=since, until=until, microseconds=round(hours * _HOUR))
        kept.setdefault(attempt_id, []).append(one)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTime:
    """Of some attempts, in a stretch of time.

    Args:
        measured: By run.
        kept: By attempt, of those whose metrics are not all there any more.
    """

    start: dt.datetime
    end: dt.datetime
    measured: Mapping[str, Sequence[IdleSpan]]
    kept: Mapping[str, Sequence[KeptIdle]]

    @classmethod
    def read(
        cls,
        connection: Connection,
        attempts: Mapping[str, str],
        *,
        start: dt.datetime,
        end: dt.datetime,
        kept: Mapping[str, Sequence[KeptIdle]],
    ) -> Self:
        """Read what was measured of attempts with GPUs, which are given with their runs."""
        # In this order: what is dropped between both is found to be gone.
        measured = _measured(connection, set(attempts.values()), start=start, end=end)
        in_books = {name: run for name, run in attempts.items() if name in kept}
        whole = _whole(connection, set(in_books.values()), start=start, end=end)
        gone = {name: kept[name] for name, run in in_books.items() if run not in whole}
        return cls(start=start, end=end, measured=measured, kept=gone)

    def of(
        self, attempt_id: str, run_id: str, *, start: dt.datetime, end: dt.datetime | None
    ) -> Sequence[IdleSpan]:
        """Of one attempt, which held its GPUs from `start` to `end`, or holds them still."""
        low, high = max(start, self.start), self.end if end is None else min(end, self.end)
        measured = [
            IdleSpan(start=max(one.start, start), end=one.end if end is None else min(one.end, end))
            for one in self.measured.get(run_id, ())
            if one.end > start and (end is None or one.start < end)
        ]
        spans = (one.span(low, high) for one in self.kept.get(attempt_id, ()))
        kept = [one for one in spans if one is not None]
        is_more = sum(one.total for one in kept) > sum(one.within(low, high) for one in measured)
        return kept if is_more else measured


def _measured(
    connection: Connection, run_ids: set[str], *, start: dt.datetime, end: dt.datetime
) -> dict[str, list[IdleSpan]]:
    """Idle stretches by run. One that crosses the edge of the stretch of time counts from outside."""
    found: dict[str, list[IdleSpan]] = {}
    if not run_ids:
        return found
    parameters = {**_within(run_ids, start=start, end=end), "idle_percent": IDLE_PERCENT}
    for run_id, buckets in connection.execute(_QUERIES["idle_minutes"], parameters):
        minutes = (dt.datetime.fromtimestamp(bucket / 10, dt.UTC) for bucket in buckets)
        found.setdefault(run_id, []).extend(idle_spans(minutes))
    return found


def _whole(
    connection: Connection, run_ids: set[str], *, start: dt.datetime, end: dt.datetime
) -> set[str]:
    """Those of which nothing that was measured is gone."""
    if not run_ids:
        return set()
    parameters = _within(run_ids, start=start, end=end)
    return {name for (name,) in connection.execute(_QUERIES["measured_still"], parameters)}


def _within(run_ids: set[str], *, start: dt.datetime, end: dt.datetime) -> dict[str, object]:
    return {"run_ids": sorted(run_ids), "start": start - LEAST_IDLE, "end": end + LEAST_IDLE}
