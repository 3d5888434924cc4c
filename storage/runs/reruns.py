"""Runs that repeat other runs, each with the one attempt that executes it."""

from dataclasses import replace
from typing import Any

import psycopg

from storage import queries
from storage.database import Pool, transaction
from storage.runs.attempt_columns import attempt_columns, column_text
from storage.runs.catalog import write_scratch_run
from storage.runs.hearing import DESERTED
from sweeps import ids
from sweeps.ids import AttemptId, RunId, TenantId
from sweeps.runs import ScratchRun
from sweeps.states import AttemptState, RunState
from sweeps.trials import Attempt

_QUERIES = queries.load("reruns")
_TRIALS = queries.load("trials")

Connection = psycopg.Connection[tuple[Any, ...]]


class RerunStore:
    """The record of reruns. Every method raises `StorageUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def create(self, run: ScratchRun, *, tenant_id: TenantId) -> AttemptId:
        """Write down a rerun, its attempt, and that it learns from what the run has learned from."""
        attempt_id = ids.attempt_id(run.run_id, 1)
        with transaction(self._pool) as connection:
            write_scratch_run(connection, run, tenant_id=tenant_id)
            of_rerun = {"attempt_id": attempt_id, "run_id": run.run_id}
            connection.execute(_QUERIES["insert_attempt"], of_rerun)
            same_data = {"run_id": run.rerun_of, "rerun": run.run_id}
            connection.execute(_QUERIES["copy_datasets"], same_data)
        return attempt_id

    def start(self, rerun: RunId) -> None:
        """It is about to be launched."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["start_rerun"], {"run_id": rerun})

    def queue(self, rerun: RunId, *, reason: str) -> None:
        """It was not launched, and waits again."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["queue_rerun"], {"run_id": rerun, "reason": reason})

    def beat(self, attempt_id: AttemptId) -> bool:
        """Say that whoever makes a rerun is there; False: somebody has ended its attempt."""
        parameters = {"attempt_id": attempt_id, "run_id": ids.run_of(attempt_id)}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["beat"], parameters).fetchone()
        return row is not None and bool(row[0])

    def note_attempt(self, attempt: Attempt) -> bool:
        """Write down what its launcher says; False: somebody has ended it, and it stays so.

        Who ended it for whoever was gone knew when it was heard of last; its launcher knows when it
        ended, and what it held until then is charged.
        """
        with transaction(self._pool) as connection:
            held = connection.execute(
                _QUERIES["hold_attempt"], {"attempt_id": attempt.attempt_id}
            ).fetchone()
            if held is not None:
                connection.execute(_TRIALS["update_attempts"], attempt_columns([attempt]))
            elif attempt.state is AttemptState.ENDED:
                _tell_end(connection, attempt)
        return held is not None

    def state_of(self, attempt_id: AttemptId) -> AttemptState | None:
        """What its row says; None: there is none."""
        with transaction(self._pool) as connection:
            row = connection.execute(
                _QUERIES["state_of_attempt"], {"attempt_id": attempt_id}
            ).fetchone()
        return None if row is None else AttemptState(row[0])

    def end(self, rerun: RunId, state: RunState, *, reason: str) -> None:
        """End a rerun whose script did not say how it ended; one that did stays as it is."""
        parameters = {"run_id": rerun, "state": str(state), "reason": column_text(reason)}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["end_rerun"], parameters)

    def reruns_of(self, run_id: RunId, *, tenant_id: TenantId) -> list[RunId]:
        """Runs that repeat it, oldest first."""
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["reruns_of_run"], parameters)
            return [RunId(row[0]) for row in rows]


def _tell_end(connection: Connection, attempt: Attempt) -> None:
    """Of an attempt that others have ended, if they have."""
    of_attempt = {"attempt_id": attempt.attempt_id}
    deserted = connection.execute(
        _QUERIES["hold_deserted"], {**of_attempt, "deserted": DESERTED}
    ).fetchone()
    if deserted is None or attempt.ended_at is None or attempt.exit is None:
        return
    started_at, ended_at = deserted
    message = "; ".join(filter(None, (DESERTED, attempt.exit.message)))
    told = replace(
        attempt,
        started_at=attempt.started_at or started_at,
        ended_at=max(attempt.ended_at, ended_at),
        exit=replace(attempt.exit, message=f"{message}; its process has ended"),
    )
    connection.execute(_TRIALS["update_attempts"], attempt_columns([told]))
    connection.execute(_QUERIES["note_revised"], of_attempt)
