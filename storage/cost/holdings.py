"""What attempts held, and what was in the store, in a stretch of time: read for the ledger."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from governance.cost.entries import outcome
from governance.cost.ledger import Holding, StoredBytes
from storage import queries
from storage.cost.idle_time import NOTHING_KEPT, Connection, IdleTime, KeptIdle
from sweeps.states import ExitReason, RunState

_QUERIES = queries.load("costs")
_BATCH = 5_000  # holdings at once: enough to be quick, and a few megabytes


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
    connection: Connection,
    *,
    start: dt.datetime,
    end: dt.datetime,
    of: CostFilter,
    kept: Mapping[str, Sequence[KeptIdle]] = NOTHING_KEPT,
) -> Iterator[list[Holding]]:
    """What attempts held in a stretch of time, some at once, with the idle time of their GPUs.

    Args:
        kept: What was measured of it once, by attempt: it counts where the metrics are gone.
    """
    parameters = {"start": start, "end": end, **of.parameters()}
    with connection.cursor("holdings", row_factory=dict_row) as cursor:
        cursor.execute(_QUERIES["holdings"], parameters)
        while rows := cursor.fetchmany(_BATCH):
            with_gpus = {row["attempt_id"]: row["run_id"] for row in rows if row["gpus"]}
            idle = IdleTime.read(connection, with_gpus, start=start, end=end, kept=kept)
            yield [_holding(row, idle) for row in rows]


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


def _holding(row: dict[str, Any], idle: IdleTime) -> Holding:
    reason, final = row.pop("reason"), row.pop("final")
    ended = row["ended_at"]
    return Holding(
        **row,
        outcome=outcome(
            # An exit is known a moment before or after its time.
            None if ended is None else ExitReason(reason or ExitReason.LOST),
            final=None if final is None else RunState(final),
        ),
        idle=idle.of(row["attempt_id"], row["run_id"], start=row["started_at"], end=ended),
    )
