"""What attempts held, and what was in the store, in a stretch of time: read for the ledger."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from governance.cost.entries import outcome
from governance.cost.idleness import IDLE_PERCENT, LEAST_IDLE, IdleSpan, idle_spans
from governance.cost.ledger import Holding, StoredBytes
from storage import queries
from sweeps.states import ExitReason, RunState

_QUERIES = queries.load("costs")
_BATCH = 5_000  # holdings at once: enough to be quick, and a few megabytes

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFilter:
    """Whose costs; None: everybody's."""

    tenant_id: str | None = None
    sweep_id: str | None = None
    run_id: str | None = None

    def parameters(self) -> dict[str, object]:
        """As the queries take it."""
        return {"tenant_id": self.tenant_id, "sweep_id": self.sweep_id, "run_id": self.run_id}


def read_holdings(
    connection: Connection, *, start: dt.datetime, end: dt.datetime, of: CostFilter
) -> Iterator[list[Holding]]:
    """What attempts held in a stretch of time, some at once, with the idle time of their GPUs."""
    parameters = {"start": start, "end": end, **of.parameters()}
    with connection.cursor("holdings", row_factory=dict_row) as cursor:
        cursor.execute(_QUERIES["holdings"], parameters)
        while rows := cursor.fetchmany(_BATCH):
            runs = sorted({row["run_id"] for row in rows if row["gpus"]})
            idle = _idle(connection, runs, start=start, end=end) if runs else {}
            yield [_holding(row, idle.get(row["run_id"], ())) for row in rows]


def read_stored_bytes(
    connection: Connection, *, start: dt.datetime, end: dt.datetime, of: CostFilter
) -> list[StoredBytes]:
    """What was in the store in a stretch of one day, by whom it is charged to."""
    if of.run_id is not None or start >= end:
        return []
    parameters = {"day": start.date(), "start": start, "end": end, **of.parameters()}
    cursor = connection.cursor(row_factory=dict_row)
    # A sum of whole numbers comes as a decimal, which arithmetic would round to 28 digits.
    rows = cursor.execute(_QUERIES["stored_bytes"], parameters).fetchall()
    return [
        StoredBytes(byte_microseconds=int(row.pop("byte_microseconds")), **row)
        for row in rows
        if row["byte_microseconds"]
    ]


def _holding(row: dict[str, Any], idle: Sequence[IdleSpan]) -> Holding:
    reason, final = row.pop("reason"), row.pop("final")
    ended = row["ended_at"]
    return Holding(
        **row,
        outcome=outcome(
            # An exit is known a moment before or after its time.
            None if ended is None else ExitReason(reason or ExitReason.LOST),
            final=None if final is None else RunState(final),
        ),
        idle=_within(idle, row["started_at"], ended) if idle else (),
    )


def _within(
    idle: Sequence[IdleSpan], start: dt.datetime, end: dt.datetime | None
) -> Sequence[IdleSpan]:
    """Idle time of a run's GPUs that belongs to one of its attempts."""
    return [
        IdleSpan(start=max(one.start, start), end=one.end if end is None else min(one.end, end))
        for one in idle
        if one.end > start and (end is None or one.start < end)
    ]


def _idle(
    connection: Connection, run_ids: Sequence[str], *, start: dt.datetime, end: dt.datetime
) -> dict[str, list[IdleSpan]]:
    """Idle stretches by run. One that crosses the edge of the stretch of time counts from outside."""
    parameters = {
        "run_ids": list(run_ids),
        "start": start - LEAST_IDLE,
        "end": end + LEAST_IDLE,
        "idle_percent": IDLE_PERCENT,
    }
    found: dict[str, list[IdleSpan]] = {}
    for run_id, buckets in connection.execute(_QUERIES["idle_minutes"], parameters):
        minutes = (dt.datetime.fromtimestamp(bucket / 10, dt.UTC) for bucket in buckets)
        found.setdefault(run_id, []).extend(idle_spans(minutes))
    return found
