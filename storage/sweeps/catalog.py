"""Submitting, finding and steering sweeps: the side of the record that people use."""

import builtins
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Json, Jsonb

from governance.tenant_inventory import LiveSweep
from storage import queries
from storage.annotations.notes import write_first_words
from storage.database import Pool, transaction
from storage.datasets.catalog import pin_to_sweep
from storage.sweeps.waits import lock_awaited, open_waits, write_waits
from sweeps.datasets import DatasetReference, PinnedDataset
from sweeps.errors import StateConflict, SweepNotFound
from sweeps.ids import SweepId
from sweeps.specs import SPEC_VERSION, SweepSpec, as_document
from sweeps.states import SweepRequest, SweepState
from sweeps.sweep_files import parse_document
from sweeps.trials import Sweep
from sweeps.waits import Wait

_QUERIES = queries.load("sweeps")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """A line of the list of sweeps."""

    sweep_id: SweepId
    tenant_id: str
    experiment: str
    state: str
    requested: str
    reason: str
    created_by: str
    created_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    log_position: int  #: pass as `before` for the next page
    metric: str
    direction: str
    max_trials: int
    trials: int
    live: int
    completed: int  #: with a result: those that ran to their end, and those stopped early
    stopped: int  #: of these, the ones that the search ended early
    paused: int  #: wait at a rung
    failed: int
    best: float | None
    waits_for: Sequence[Wait] = ()  #: sweeps that have to end before it starts


class SweepCatalog:
    """Sweeps as people see them. Every call is scoped to a tenant where one is given.

    Also a `sweeps.ports.ImagePins`.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def submit(
        self,
        sweep_id: SweepId,
        spec: SweepSpec,
        *,
        source_dir: str,
        created_by: str,
        datasets: Sequence[PinnedDataset] = (),
        code: Mapping[str, object] | None = None,
        image: str | None = None,
    ) -> None:
        """Write the sweep down, and what its trials use. The same name again changes nothing.

        Args:
            code: State of the work tree that `source_dir` is in; None when nobody could look.
            image: Of its trials, by its digest; None when nobody has looked it up.

        Raises:
            InvalidSweepFile: It waits for a sweep that its tenant has not, or that ended otherwise.
        """
        named = [DatasetReference.parse(text).name for text in spec.trial.data]
        if named != [dataset.name for dataset in datasets]:
            raise ValueError(f"the spec names {named}, pinned are {[*map(str, datasets)]}")
        with transaction(self._pool) as connection:
            lock_awaited(connection, spec)
            connection.execute(_QUERIES["ensure_tenant"], {"tenant_id": spec.tenant})
            row = connection.execute(
                _QUERIES["ensure_experiment"],
                {
                    "tenant_id": spec.tenant,
                    "name": spec.experiment,
                    "owner": spec.owner,
                    "purpose": spec.purpose,
                },
            ).fetchone()
            assert row is not None  # INSERT … RETURNING with DO UPDATE always gives a row
            is_new = connection.execute(
                _QUERIES["insert_sweep"],
                {
                    "sweep_id": sweep_id,
                    "tenant_id": spec.tenant,
                    "experiment_id": row[0],
                    "spec": Json(as_document(spec)),
                    "spec_version": SPEC_VERSION,
                    "spec_digest": spec.digest(),
                    "source_dir": source_dir,
                    "created_by": created_by,
                    "code": None if code is None else Jsonb(dict(code)),
                    "image": image,
                },
            ).fetchone()
            if is_new:
                write_waits(connection, sweep_id, spec)
                write_first_words(connection, sweep_id, spec, by=created_by)
            if datasets:
                pin_to_sweep(connection, sweep_id, datasets)

    def pinned_image(self, sweep_id: SweepId) -> str | None:
        """Image of its trials by its digest; None when nobody has looked it up.

        Raises:
            SweepNotFound: There is none of that name.
        """
        return self._image("pinned_image", sweep_id)

    def pin_image(self, sweep_id: SweepId, image: str) -> str:
        """Note the image of its trials, unless there is one; gives what counts.

        Raises:
            SweepNotFound: There is none of that name.
        """
        pinned = self._image("pin_image", sweep_id, image=image)
        assert pinned is not None  # the statement has seen to it
        return pinned

    def _image(self, query: str, sweep_id: SweepId, **parameters: object) -> str | None:
        with transaction(self._pool) as connection:
            row = connection.execute(
                _QUERIES[query], {"sweep_id": sweep_id, **parameters}
            ).fetchone()
        if row is None:
            raise SweepNotFound(sweep_id)
        return row[0]

    def get(self, sweep_id: SweepId, *, tenant_id: str | None = None) -> Sweep:
        """One sweep.

        Raises:
            SweepNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            return read_sweep(connection, sweep_id, tenant_id=tenant_id)

    def list(
        self,
        *,
        tenant_id: str | None = None,
        state: SweepState | None = None,
        experiment: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[SweepRow]:
        """Sweeps, newest first; `before` is the `log_position` that the last page ended with."""
        return self._rows(
            tenant_id=tenant_id, state=state, experiment=experiment, before=before, limit=limit
        )

    def live(self, *, tenant_id: str | None = None) -> "builtins.list[LiveSweep]":
        """Sweeps that have not ended, newest first."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(LiveSweep))
            return cursor.execute(_QUERIES["live_sweeps"], {"tenant_id": tenant_id}).fetchall()

    def row(self, sweep_id: SweepId, *, tenant_id: str | None = None) -> SweepRow:
        """One line of the list.

        Raises:
            SweepNotFound: There is none of that name for the tenant.
        """
        rows = self._rows(sweep_id=sweep_id, tenant_id=tenant_id, limit=1)
        if not rows:
            raise SweepNotFound(sweep_id)
        return rows[0]

    def _rows(self, **parameters: object) -> "builtins.list[SweepRow]":
        absent = dict.fromkeys(("sweep_id", "tenant_id", "state", "experiment", "before"))
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(SweepRow))
            rows = cursor.execute(_QUERIES["list_sweeps"], {**absent, **parameters}).fetchall()
            waiting = [row.sweep_id for row in rows if row.state == SweepState.SUBMITTED]
            waits = open_waits(connection, waiting)
        return [replace(row, waits_for=waits.get(row.sweep_id, ())) for row in rows]

    def request(
        self, sweep_id: SweepId, requested: SweepRequest, *, tenant_id: str | None = None
    ) -> None:
        """Ask for pause, resume or cancel.

        Raises:
            SweepNotFound: There is none of that name for the tenant.
            StateConflict: It has ended, or is being cancelled.
        """
        parameters = {"sweep_id": sweep_id, "requested": str(requested), "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["request"], parameters).fetchone()
            if row is not None and requested is SweepRequest.CANCEL:
                reason = {"sweep_id": sweep_id, "reason": "cancelled before it started"}
                connection.execute(_QUERIES["cancel_unclaimed"], reason)
        if row is not None:
            return
        sweep = self.get(sweep_id, tenant_id=tenant_id)
        current = str(sweep.state) if sweep.state.is_terminal else "being cancelled"
        raise StateConflict(f"sweep {sweep_id!r}", current=current, asked=_ASKED[requested])


_ASKED = {
    SweepRequest.RUN: "resumed",
    SweepRequest.PAUSE: "paused",
    SweepRequest.CANCEL: "cancelled",
}


def read_sweep(connection: Connection, sweep_id: SweepId, *, tenant_id: str | None = None) -> Sweep:
    """The sweep's row, its spec parsed.

    Raises:
        SweepNotFound: There is none of that name for the tenant.
    """
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(_QUERIES["get_sweep"], {"sweep_id": sweep_id, "tenant_id": tenant_id})
        .fetchone()
    )
    if row is None:
        raise SweepNotFound(sweep_id)
    return _sweep(row)


def _sweep(row: Mapping[str, Any]) -> Sweep:
    columns: dict[str, Any] = {k: v for k, v in row.items() if k != "tenant_id"}
    columns["spec"] = parse_document(row["spec"], source=f"stored spec of {row['sweep_id']}")
    columns["state"] = SweepState(row["state"])
    columns["requested"] = SweepRequest(row["requested"])
    return Sweep(**columns)
