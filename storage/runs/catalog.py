"""Runs as people and scripts read them back, and runs outside any sweep as they are made.

Every call is scoped to a tenant; a run of another tenant is as good as none.
"""

from typing import Any

import psycopg
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from storage import queries
from storage.artifacts.catalog import artifacts_of_run
from storage.database import Pool, transaction
from storage.lineage.origins import write_scratch_origin
from storage.lineage.provenance import provenance_of_run
from storage.points.points import USER
from storage.runs.hearing import hear_of
from storage.runs.summaries import summaries_of_run
from sweeps.errors import RunNotFound, StateConflict
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.runs import MetricPoint, Run, RunEnd, RunRecord, ScratchRun, Series, TrialRow
from sweeps.states import AttemptState, Decision, ExitReason, RunState
from sweeps.trials import Attempt, Exit

_RUNS = queries.load("runs")
_METRICS = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]


class RunCatalog:
    """Runs, their curves, and their end as a record."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        tenant_id: TenantId,
        sweep_id: SweepId | None = None,
        state: RunState | None = None,
        after: RunId | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """Runs, newest first; `after` is the run that the last page ended with."""
        parameters = {
            "tenant_id": tenant_id,
            "sweep_id": sweep_id,
            "state": None if state is None else str(state),
            "after": after,
            "limit": limit,
        }
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=kwargs_row(run_of_row))
            return cursor.execute(_RUNS["list_runs"], parameters).fetchall()

    def trials(self, sweep_id: SweepId, *, tenant_id: TenantId) -> list[TrialRow]:
        """A sweep's trials by number; none when there is no such sweep."""
        parameters = {"sweep_id": sweep_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_trial))
            return cursor.execute(_RUNS["trials_of_sweep"], parameters).fetchall()

    def get(self, run_id: RunId, *, tenant_id: TenantId) -> RunRecord:
        """One run with everything but its points.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        of_run = {"run_id": run_id}
        with transaction(self._pool) as connection:
            run = _get(connection, run_id, tenant_id)
            attempts = connection.cursor(row_factory=kwargs_row(_attempt))
            return RunRecord(
                run=run,
                params=dict(connection.execute(_RUNS["params_of_run"], of_run)),
                tags=dict(connection.execute(_RUNS["tags_of_run"], of_run)),
                summary=summaries_of_run(connection, run_id),
                notices=dict(connection.execute(_RUNS["notices_of_run"], of_run)),
                attempts=tuple(attempts.execute(_RUNS["attempts_of_run"], of_run)),
                artifacts=artifacts_of_run(connection, run_id, tenant_id=tenant_id),
                provenance=provenance_of_run(connection, run_id),
            )

    def notices(self, run_id: RunId) -> dict[str, str]:
        """What of a run was not stored, and why."""
        with transaction(self._pool) as connection:
            return dict(connection.execute(_RUNS["notices_of_run"], {"run_id": run_id}))

    def series(self, run_id: RunId, *, tenant_id: TenantId) -> list[Series]:
        """Curves of a run, by key.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            _get(connection, run_id, tenant_id)
            cursor = connection.cursor(row_factory=class_row(Series))
            return cursor.execute(_METRICS["series_of_run"], parameters).fetchall()

    def points(
        self,
        run_id: RunId,
        key: str,
        *,
        tenant_id: TenantId,
        family: str = USER,
        limit: int = 10_000,
    ) -> list[MetricPoint]:
        """The last `limit` points of a curve in order of time; none when there is no such curve.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        parameters = {"run_id": run_id, "key": key, "family": family, "limit": limit}
        with transaction(self._pool) as connection:
            _get(connection, run_id, tenant_id)
            cursor = connection.cursor(row_factory=class_row(MetricPoint))
            return cursor.execute(_METRICS["latest_points"], parameters).fetchall()[::-1]

    def require(self, run_id: RunId, *, tenant_id: TenantId) -> None:
        """Raise RunNotFound unless there is one of that name for the tenant."""
        with transaction(self._pool) as connection:
            _get(connection, run_id, tenant_id)

    def create_scratch_run(self, run: ScratchRun, *, tenant_id: TenantId) -> bool:
        """Write down a run outside any sweep, unless it is there already.

        Returns:
            Whether it is new.

        Raises:
            StateConflict: There is another run of that name.
        """
        with transaction(self._pool) as connection:
            return write_scratch_run(connection, run, tenant_id=tenant_id)

    def decision(self, run_id: RunId, *, level: int, tenant_id: TenantId) -> Decision | None:
        """The search's answer to the report at `level`; None while there is none.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        parameters = {"run_id": run_id, "level": level, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            row = connection.execute(_RUNS["decision"], parameters).fetchone()
        if row is None:
            raise RunNotFound(run_id)
        return None if row[0] is None else Decision(row[0])

    def beat(self, run_id: RunId, *, tenant_id: TenantId) -> str:
        """Note that the run's script lives; returns what it is told.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            row = connection.execute(_RUNS["beat"], parameters).fetchone()
            if row is None:
                raise RunNotFound(run_id)
            hear_of(connection, [run_id])
        return str(row[0])

    def watermarks(self, run_id: RunId) -> dict[str, int]:
        """Sequence of the last stored flush of each writer of a run; of whatever tenant."""
        with transaction(self._pool) as connection:
            return dict(connection.execute(_RUNS["watermarks"], {"run_id": run_id}))

    def end_of(self, run_id: RunId, *, writer: str) -> RunEnd:
        """How a run has ended, and how much of a writer is stored; of whatever tenant.

        Raises:
            RunNotFound: There is no such run.
        """
        parameters = {"run_id": run_id, "writer_id": writer}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(RunEnd))
            end = cursor.execute(_RUNS["end_of_run"], parameters).fetchone()
        if end is None:
            raise RunNotFound(run_id)
        return end


def write_scratch_run(connection: Connection, run: ScratchRun, *, tenant_id: TenantId) -> bool:
    """Write down a run outside any sweep, in whoever's transaction; see `create_scratch_run`."""
    of_run: dict[str, object] = {"run_id": run.run_id, "tenant_id": tenant_id, "seed": run.seed}
    experiment = connection.execute(
        _RUNS["ensure_scratch_experiment"],
        {"tenant_id": tenant_id, "name": run.experiment, "owner": run.owner},
    ).fetchone()
    assert experiment is not None  # INSERT … RETURNING with DO UPDATE always gives a row
    is_new = connection.execute(
        _RUNS["insert_scratch_run"],
        {
            **of_run,
            "experiment_id": experiment[0],
            "created_by": run.owner,
            "started_at": run.started_at,
            "rerun_of": run.rerun_of,
            "is_queued": run.is_queued,
        },
    ).fetchone()
    if is_new:
        write_scratch_origin(connection, run)
        params, tags = Jsonb(dict(run.params)), Jsonb(dict(run.tags))
        connection.execute(_RUNS["insert_scratch_params"], {**of_run, "params": params})
        connection.execute(_RUNS["insert_scratch_tags"], {**of_run, "tags": tags})
    elif not connection.execute(_RUNS["is_scratch_run"], of_run).fetchone():
        raise StateConflict(f"run {run.run_id!r}", current="another one", asked="made")
    connection.execute(_RUNS["touch_scratch_run"], of_run)
    hear_of(connection, [run.run_id])
    if run.ended_at is not None:
        connection.execute(_RUNS["record_end"], {**of_run, "ended_at": run.ended_at})
    return is_new is not None


def _get(connection: Connection, run_id: RunId, tenant_id: TenantId) -> Run:
    cursor = connection.cursor(row_factory=kwargs_row(run_of_row))
    row = cursor.execute(_RUNS["get_run"], {"run_id": run_id, "tenant_id": tenant_id}).fetchone()
    if row is None:
        raise RunNotFound(run_id)
    return row


def run_of_row(**columns: Any) -> Run:
    """A run from the columns of its row."""
    columns["state"] = RunState(columns["state"])
    return Run(**columns)


def _trial(**columns: Any) -> TrialRow:
    columns["state"] = RunState(columns["state"])
    return TrialRow(**columns)


def _attempt(**columns: Any) -> Attempt:
    reason = columns.pop("exit_reason")
    code, signal, message = (columns.pop(f) for f in ("exit_code", "exit_signal", "message"))
    columns["exit"] = reason and Exit(
        reason=ExitReason(reason), code=code, signal=signal, message=message
    )
    columns["state"] = AttemptState(columns["state"])
    columns["gpus"] = tuple(columns["gpus"])
    return Attempt(**columns)
