"""The controller's record in PostgreSQL: one transaction a tick, a few statements, whatever its size."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.rows import DictRow, class_row, dict_row
from psycopg.types.json import Jsonb

from storage import queries
from storage.database import Pool, snapshot, transaction
from storage.datasets.catalog import datasets_of_sweep, use_in_runs
from storage.lineage.origins import Launching, origin_of_sweep, write_origins
from storage.runs.attempt_columns import attempt_columns, column_text
from storage.sweeps.catalog import read_sweep
from sweeps.errors import LeaseLost, SweepNotFound
from sweeps.ids import RunId, SweepId
from sweeps.spaces import Configuration, Float, SearchSpace
from sweeps.states import AttemptState, Decision, ExitReason, RunState, SweepRequest
from sweeps.trials import (
    Attempt,
    Changes,
    ConcludedTrial,
    Exit,
    Report,
    Signals,
    Suggestion,
    SweepSnapshot,
    Trial,
)

_QUERIES = queries.load("trials")
Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresTrialStore:
    """A `sweeps.ports.TrialStore` on one connection pool.

    Args:
        launching: What executes the attempts, for the record of where each comes from.
    """

    def __init__(self, pool: Pool, *, launching: Launching | None = None) -> None:
        self._pool = pool
        self._launching = launching or Launching()

    def take_over(self, sweep_id: SweepId, *, controller: str) -> int:
        """Become the sweep's one controller; returns the lease's number."""
        with transaction(self._pool) as connection:
            row = connection.execute(
                _QUERIES["take_over"], {"sweep_id": sweep_id, "controller": controller}
            ).fetchone()
        if row is None:
            raise SweepNotFound(sweep_id)
        return int(row[0])

    def load(self, sweep_id: SweepId) -> SweepSnapshot:
        """Everything about the sweep, from one snapshot of the database."""
        of_sweep = {"sweep_id": sweep_id}
        with snapshot(self._pool) as connection:
            sweep = read_sweep(connection, sweep_id)
            rows = connection.cursor(row_factory=dict_row)
            floats = _floats(sweep.spec.space)
            return SweepSnapshot(
                sweep=sweep,
                trials=tuple(
                    _trial(row, floats)
                    for row in rows.execute(_QUERIES["trials_of_sweep"], of_sweep)
                ),
                attempts=tuple(
                    _attempt(row) for row in rows.execute(_QUERIES["attempts_of_sweep"], of_sweep)
                ),
                reports=_reports(connection, "decided_reports", sweep_id),
                suggestions=tuple(
                    replace(row, configuration=_configuration(row.configuration, floats))
                    for row in connection.cursor(row_factory=class_row(Suggestion)).execute(
                        _QUERIES["suggestions_of_sweep"], of_sweep
                    )
                ),
                concluded=tuple(
                    connection.cursor(row_factory=class_row(ConcludedTrial)).execute(
                        _QUERIES["concluded_trials"], of_sweep
                    )
                ),
                last_sequence=_scalar(connection, "last_sequence", sweep_id),
                datasets=datasets_of_sweep(connection, sweep_id) if sweep.spec.trial.data else (),
                earlier=tuple(
                    _trial(row, floats)
                    for row in rows.execute(
                        _QUERIES["earlier_trials"],
                        {**of_sweep, "earlier": list(sweep.spec.warm_start)},
                    )
                )
                if sweep.spec.warm_start
                else (),
            )

    def poll(self, sweep_id: SweepId) -> Signals:
        """What changed outside the controller."""
        with transaction(self._pool) as connection:
            silence = connection.execute(_QUERIES["gateway_silence"]).fetchone()
            return Signals(
                gateway_silence=None if silence is None else silence[0],
                requested=SweepRequest(_scalar(connection, "requested", sweep_id)),
                reports=_reports(connection, "undecided_reports", sweep_id),
                last_seen={
                    RunId(row[0]): row[1]
                    for row in connection.execute(_QUERIES["last_seen"], {"sweep_id": sweep_id})
                },
            )

    def apply(self, sweep_id: SweepId, lease: int, changes: Changes) -> None:
        """Write a tick, if the lease still holds."""
        with transaction(self._pool) as connection:
            held = connection.execute(
                _QUERIES["hold_lease"], {"sweep_id": sweep_id, "lease": lease}
            ).fetchone()
            if held is None:
                raise LeaseLost(sweep_id)
            origin: Mapping[str, Any] = {}
            if changes.new_attempts:
                origin = origin_of_sweep(connection, sweep_id, self._launching)
            with connection.pipeline():
                _Writer(connection, sweep_id, changes, origin).write()


class _Writer:
    """Writes one tick: new rows, then new states, journal places before what freezes a row."""

    def __init__(
        self,
        connection: Connection,
        sweep_id: SweepId,
        changes: Changes,
        origin: Mapping[str, Any],
    ) -> None:
        self._connection = connection
        self._sweep_id = sweep_id
        self._changes = changes
        self._origin = origin

    def _run(self, name: str, **parameters: object) -> None:
        common = {"sweep_id": self._sweep_id, "at": self._changes.at}
        self._connection.execute(_QUERIES[name], {**common, **parameters})

    def write(self) -> None:
        """Everything, in the order that the database's rules ask for."""
        self._insert()
        self._update()
        self._advance()

    def _insert(self) -> None:
        changes = self._changes
        if changes.suggestions:
            self._run(
                "insert_suggestions",
                numbers=[s.number for s in changes.suggestions],
                configurations=[Jsonb(dict(s.configuration)) for s in changes.suggestions],
                sequences=[s.sequence for s in changes.suggestions],
                seen_throughs=[s.seen_through for s in changes.suggestions],
            )
        if changes.new_trials:
            run_ids = [trial.run_id for trial in changes.new_trials]
            numbers = [trial.number for trial in changes.new_trials]
            seeds = [trial.seed for trial in changes.new_trials]
            configurations = [Jsonb(dict(trial.configuration)) for trial in changes.new_trials]
            self._run("insert_trials", run_ids=run_ids, numbers=numbers, seeds=seeds)
            self._run("insert_params", run_ids=run_ids, configurations=configurations)
            self._run("insert_activity", run_ids=run_ids)
            use_in_runs(self._connection, self._sweep_id, run_ids)
        if changes.new_attempts:
            self._run(
                "insert_attempts",
                attempt_ids=[attempt.attempt_id for attempt in changes.new_attempts],
                run_ids=[attempt.run_id for attempt in changes.new_attempts],
                numbers=[attempt.number for attempt in changes.new_attempts],
                promoted_sequences=[attempt.promoted_sequence for attempt in changes.new_attempts],
            )
            write_origins(self._connection, self._origin, changes.new_attempts)

    def _update(self) -> None:
        changes = self._changes
        if changes.attempts:
            self._run("update_attempts", **attempt_columns(changes.attempts))
        if changes.decided:
            self._run("decide_reports", **_decision_columns(changes.decided))
        told = {**_last_decisions(changes.decided), **changes.control}
        if told:
            self._run("tell_scripts", run_ids=list(told), decisions=[str(d) for d in told.values()])
        if changes.concluded:
            self._run(
                "conclude_trials",
                numbers=[trial.number for trial in changes.concluded],
                sequences=[trial.sequence for trial in changes.concluded],
            )
        if changes.trials:
            self._run("update_trials", **_trial_columns(changes.trials))

    def _advance(self) -> None:
        changes = self._changes
        sequence = max(
            (
                *(s.sequence for s in changes.suggestions),
                *(c.sequence for c in changes.concluded),
                *(r.sequence or 0 for r in changes.decided),
                *(a.promoted_sequence or 0 for a in changes.new_attempts),
            ),
            default=0,
        )
        if sequence:
            self._run("advance_journal", sequence=sequence)
        if changes.sweep is not None:
            self._run(
                "update_sweep",
                state=str(changes.sweep.state),
                reason=column_text(changes.sweep.reason),
                terminal=changes.sweep.state.is_terminal,
            )


def _trial_columns(trials: Sequence[Trial]) -> dict[str, object]:
    return {
        "run_ids": [t.run_id for t in trials],
        "states": [str(t.state) for t in trials],
        "reasons": [column_text(t.reason) for t in trials],
        "objectives": [t.objective for t in trials],
        "resource_levels": [t.resource_level for t in trials],
        "started_ats": [t.started_at for t in trials],
        "ended_ats": [t.ended_at for t in trials],
    }


def _decision_columns(reports: Sequence[Report]) -> dict[str, object]:
    return {
        "run_ids": [r.run_id for r in reports],
        "levels": [r.resource_level for r in reports],
        "decisions": [str(r.decision) for r in reports],
        "sequences": [r.sequence for r in reports],
        "decided_ats": [r.decided_at for r in reports],
    }


def _last_decisions(reports: Sequence[Report]) -> dict[RunId, Decision]:
    return {
        report.run_id: report.decision
        for report in reports
        if report.decision is not None and report.decision is not Decision.CONTINUE
    }


def _floats(space: SearchSpace) -> frozenset[str]:
    return frozenset(name for name, p in space.parameters.items() if isinstance(p, Float))


def _configuration(stored: Configuration, floats: frozenset[str]) -> Configuration:
    """JSON in PostgreSQL turns 1e+22 into a whole number; the space knows better."""
    return {name: float(value) if name in floats else value for name, value in stored.items()}


def _scalar(connection: Connection, name: str, sweep_id: SweepId) -> Any:
    row = connection.execute(_QUERIES[name], {"sweep_id": sweep_id}).fetchone()
    if row is None:
        raise SweepNotFound(sweep_id)
    return row[0]


def _reports(connection: Connection, name: str, sweep_id: SweepId) -> tuple[Report, ...]:
    rows = connection.cursor(row_factory=class_row(Report)).execute(
        _QUERIES[name], {"sweep_id": sweep_id}
    )
    return tuple(
        replace(row, decision=Decision(row.decision)) if row.decision else row for row in rows
    )


def _trial(row: DictRow, floats: frozenset[str]) -> Trial:
    columns: dict[str, Any] = {
        **row,
        "state": RunState(row["state"]),
        "configuration": _configuration(row["configuration"], floats),
    }
    return Trial(**columns)


def _attempt(row: DictRow) -> Attempt:
    columns: dict[str, Any] = dict(row)
    reason = columns.pop("exit_reason")
    code, signal, message = (columns.pop(f) for f in ("exit_code", "exit_signal", "message"))
    columns["state"] = AttemptState(columns["state"])
    columns["gpus"] = tuple(columns["gpus"])
    columns["exit"] = reason and Exit(
        reason=ExitReason(reason), code=code, signal=signal, message=message
    )
    return Attempt(**columns)
