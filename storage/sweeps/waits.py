"""Which sweeps wait for which, and how that stands."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from storage import queries
from storage.database import Pool, transaction
from sweeps.errors import InvalidSweepFile, Problem
from sweeps.ids import SweepId
from sweeps.specs import SweepSpec
from sweeps.states import SweepState
from sweeps.waits import (
    Awaited,
    AwaitedEnd,
    AwaitedState,
    Wait,
    WaitingSweep,
    Waits,
    is_met,
    wait_problems,
)

_QUERIES = queries.load("waits")
Connection = psycopg.Connection[tuple[Any, ...]]


class SweepWaits:
    """Reads, and decides nothing. Every method raises `StorageUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def problems(
        self, spec: SweepSpec, *, sweep_id: SweepId | None = None, line: int | None = None
    ) -> list[Problem]:
        """What a sweep that is to be submitted cannot wait for, as things are now.

        Args:
            sweep_id: Its name, where it has one: nothing is held against one that is there already.
            line: Of `after` in its file, from 1.
        """
        if not spec.after:
            return []
        with transaction(self._pool) as connection:
            found = _states(connection, spec.after, tenant_id=spec.tenant)
            problems = wait_problems(spec.after, found, tenant=spec.tenant, line=line)
            named = {"sweep_id": sweep_id, "tenant_id": spec.tenant}
            if problems and connection.execute(_QUERIES["is_submitted"], named).fetchone():
                return []
        return problems

    def of(self, sweep_id: SweepId) -> Waits:
        """Both directions; of a sweep that there is none of, nothing."""
        with transaction(self._pool) as connection:
            rows = (
                connection.cursor(row_factory=dict_row)
                .execute(_QUERIES["waits_of"], {"sweep_id": sweep_id})
                .fetchall()
            )
        return Waits(
            waits_for=[_wait(row) for row in rows if row["is_awaiting"]],
            awaited_by=[_wait(row) for row in rows if not row["is_awaiting"]],
        )

    def waiting(self, *, tenant_id: str | None = None, limit: int = 200) -> list[WaitingSweep]:
        """Sweeps that have not started since others have not ended, the oldest first."""
        with transaction(self._pool) as connection:
            return read_waiting(connection, tenant_id=tenant_id, limit=limit)


def read_waiting(
    connection: Connection, *, tenant_id: str | None, limit: int
) -> list[WaitingSweep]:
    """Sweeps that have not started since others have not ended, the oldest first."""
    rows = (
        connection.cursor(row_factory=dict_row)
        .execute(_QUERIES["waiting_sweeps"], {"tenant_id": tenant_id, "limit": limit})
        .fetchall()
    )
    waits = open_waits(connection, [SweepId(row["sweep_id"]) for row in rows])
    return [WaitingSweep(**row, waits_for=waits.get(row["sweep_id"], ())) for row in rows]


def open_waits(
    connection: Connection, sweep_ids: Sequence[SweepId]
) -> Mapping[SweepId, Sequence[Wait]]:
    """What sweeps still wait for, of those that do."""
    found: dict[SweepId, list[Wait]] = {}
    if sweep_ids:
        rows = connection.cursor(row_factory=dict_row).execute(
            _QUERIES["open_waits"], {"sweep_ids": list(sweep_ids)}
        )
        for row in rows:
            found.setdefault(SweepId(row["sweep_id"]), []).append(_wait(row))
    return found


def lock_awaited(connection: Connection, spec: SweepSpec) -> None:
    """Let nobody end what a new sweep waits for, until the transaction that writes it down ends.

    Before anything else in it: a tick of one of these holds its row, and may ask for that of the
    experiment then, which a submission holds.
    """
    if spec.after:
        named = [awaited.sweep_id for awaited in spec.after]
        connection.execute(_QUERIES["lock_awaited"], {"sweep_ids": named})


def write_waits(connection: Connection, sweep_id: SweepId, spec: SweepSpec) -> None:
    """Note what a new sweep waits for, which is locked.

    Raises:
        InvalidSweepFile: There is no such sweep of its tenant, or one has ended otherwise.
    """
    if not spec.after:
        return
    found = _states(connection, spec.after, tenant_id=spec.tenant)
    found.pop(sweep_id, None)  # its own row, which nobody could name before
    if problems := wait_problems(spec.after, found, tenant=spec.tenant):
        raise InvalidSweepFile("sweep", problems)
    connection.execute(
        _QUERIES["insert_waits"],
        {
            "sweep_id": sweep_id,
            "awaited_ids": [one.sweep_id for one in spec.after],
            "must_succeeds": [one.ended is AwaitedEnd.SUCCEEDED for one in spec.after],
            "are_met": [is_met(one, found[one.sweep_id]) for one in spec.after],
        },
    )


def _states(
    connection: Connection, after: Sequence[Awaited], *, tenant_id: str
) -> dict[SweepId, AwaitedState]:
    rows = connection.cursor(row_factory=dict_row).execute(
        _QUERIES["awaited_states"],
        {"sweep_ids": [awaited.sweep_id for awaited in after], "tenant_id": tenant_id},
    )
    return {
        SweepId(row["sweep_id"]): AwaitedState(
            state=SweepState(row["state"]),
            reason=row["reason"],
            has_succeeded=row["has_succeeded"],
        )
        for row in rows
    }


def _wait(row: DictRow) -> Wait:
    return Wait(
        sweep=SweepId(row["sweep"]),
        ended=AwaitedEnd.SUCCEEDED if row["must_succeed"] else AwaitedEnd.ANY,
        state=SweepState(row["state"]),
        is_met=row["is_met"],
    )
