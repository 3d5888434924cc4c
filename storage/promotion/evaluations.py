"""Evaluations of candidates as rows: asked for once, begun, judged, ended."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from governance.promotion.approvals import rejected
from governance.promotion.evaluations import (
    MODEL,
    SEED,
    Approval,
    Beginning,
    Evaluation,
    EvaluationNotFound,
    EvaluationRecord,
    EvaluationState,
    Subjects,
)
from governance.promotion.gates.facts import JudgingCode, MeasuredWith, Measurement, Subject
from governance.promotion.gates.results import GateResult, in_words
from storage import queries
from storage.database import transaction
from storage.promotion.evaluation_requests import EvaluationRequests, read_evaluations
from storage.promotion.judgements import newest_gates, settle
from sweeps.errors import StateConflict
from sweeps.ids import RunId, SweepId, TenantId

_MOST_CLAIMS = 10  # a Dagster run that fails more often than that has a reason to

_QUERIES = queries.load("evaluations")
Connection = psycopg.Connection[tuple[Any, ...]]


class EvaluationStore(EvaluationRequests):
    """Evaluations, their runs, gates and approvals."""

    def due(
        self,
        *,
        tenant_id: TenantId | None = None,
        evaluation_id: str | None = None,
        limit: int = 20,
    ) -> list[str]:
        """What somebody has to work on, oldest first, and nobody has claimed."""
        parameters = {"tenant_id": tenant_id, "evaluation_id": evaluation_id, "limit": limit}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["due_evaluations"], parameters).fetchall()
        return [str(row[0]) for row in rows]

    def claim(self, evaluation_id: str) -> str | None:
        """Take one in order to start a Dagster run: a claim's name, None when somebody was faster."""
        return self._take("claim_evaluation", evaluation_id)

    def reclaim(self, evaluation_id: str, *, dagster_run_id: str) -> str | None:
        """Take one over from a Dagster run that is not through and never will be; not for ever.

        One that was claimed too often has failed.
        """
        claim = self._take("reclaim_evaluation", evaluation_id, dagster_run_id=dagster_run_id)
        if claim is None:
            found = self.get(evaluation_id)
            if found.dagster_run_id == dagster_run_id and found.claims >= _MOST_CLAIMS:
                reason = f"its Dagster run fails again and again, the last time as {dagster_run_id}"
                self.end(evaluation_id, EvaluationState.FAILED, reason=reason)
        return claim

    def _take(self, query: str, evaluation_id: str, **parameters: object) -> str | None:
        values = {"evaluation_id": evaluation_id, "most": _MOST_CLAIMS, **parameters}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES[query], values).fetchone()
        return None if row is None else f"{evaluation_id}@{row[0]}"

    def attach(self, evaluation_id: str, *, dagster_run_id: str) -> None:
        """Note which Dagster run works on it."""
        parameters = {"evaluation_id": evaluation_id, "dagster_run_id": dagster_run_id}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["attach_evaluation"], parameters)

    def begin(self, evaluation_id: str, beginning: Beginning) -> None:
        """Fix what is asked of it. A second time changes nothing."""
        rule = beginning.rule
        parameters = {
            "evaluation_id": evaluation_id,
            "rule": Jsonb(dict(rule.document)),
            "policy_version": beginning.policy_version,
            "model": rule.model,
            "artifact": rule.artifact,
            "sha256": beginning.sha256,
            "dataset_id": beginning.dataset_id,
            "dataset_number": beginning.dataset_number,
            "compared_with": beginning.compared_with,
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["begin_evaluation"], parameters)

    def note_sweep(self, evaluation_id: str, sweep_id: SweepId) -> None:
        """Note the sweep that its runs are in, and that this is no search."""
        parameters = {"evaluation_id": evaluation_id, "sweep_id": sweep_id}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["mark_sweep"], parameters)
            connection.execute(_QUERIES["note_sweep"], parameters)

    def end(self, evaluation_id: str, state: EvaluationState, *, reason: str) -> None:
        """It has come to its end; one that had already stays as it is."""
        parameters = {"evaluation_id": evaluation_id, "state": str(state), "reason": reason}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["end_evaluation"], parameters)

    def record_runs(self, evaluation_id: str, sweep_id: SweepId, subjects: Subjects) -> None:
        """Write down what its runs came to; a second time changes nothing."""
        parameters = {
            "evaluation_id": evaluation_id,
            "sweep_id": sweep_id,
            "candidate": subjects.candidate,
            "model_param": MODEL,
            "seed_param": SEED,
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["insert_evaluation_runs"], parameters)

    def crashed(self, sweep_id: SweepId) -> list[str]:
        """Runs of the sweep that never came to their own end, a sentence each."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["crashed_runs"], {"sweep_id": sweep_id}).fetchall()
        return [f"{run_id} {state}: {reason}" for run_id, state, reason in rows]

    def measured_with(self, evaluation_id: str) -> list[MeasuredWith]:
        """Data, files and code of its runs, by name."""
        parameters = {"evaluation_id": evaluation_id, "model_param": MODEL}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(MeasuredWith))
            return cursor.execute(_QUERIES["measured_with"], parameters).fetchall()

    def judging_code(self, evaluation_id: str) -> JudgingCode:
        """Code of its command, as it was submitted; without a sweep, none."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(JudgingCode))
            found = cursor.execute(
                _QUERIES["judging_code"], {"evaluation_id": evaluation_id}
            ).fetchone()
        return found or JudgingCode(image=None, commit=None, differing=())

    def now(self) -> dt.datetime:
        """The database's clock, which approvals are stamped with."""
        with transaction(self._pool) as connection:
            return _now(connection)

    def record_judgement(
        self,
        evaluation_id: str,
        results: Sequence[GateResult],
        *,
        state: EvaluationState,
        reason: str,
        judged_at: dt.datetime,
    ) -> None:
        """Write a judgement down, and what it means for the evaluation.

        Args:
            judged_at: When its facts were collected; approvals from then on ask for another one.

        Raises:
            StateConflict: It has ended, or has not begun.
        """
        with transaction(self._pool) as connection:
            held = _hold(connection, evaluation_id)
            is_settled = settle(
                connection,
                evaluation_id,
                results,
                state=state,
                reason=reason,
                judged_at=judged_at,
            )
            if not is_settled:
                what = f"evaluation {evaluation_id!r}"
                raise StateConflict(what, current=str(held), asked="judged")

    def approve(self, evaluation_id: str, *, by: str, comment: str) -> bool:
        """Note a person's word; whether it is new.

        Raises:
            EvaluationNotFound: There is none of that name.
            StateConflict: It has ended.
        """
        parameters = {"evaluation_id": evaluation_id, "by": by, "comment": comment}
        with transaction(self._pool) as connection:
            state = _hold(connection, evaluation_id)
            if state.has_ended:
                what = f"evaluation {evaluation_id}"
                raise StateConflict(what, current=str(state), asked="approved")
            return (
                connection.execute(_QUERIES["insert_approval"], parameters).fetchone() is not None
            )

    def reject(self, evaluation_id: str, *, by: str, comment: str) -> None:
        """A person's no: written down as another judgement, which ends it.

        Raises:
            EvaluationNotFound: There is none of that name.
            StateConflict: It waits for nobody's word.
        """
        with transaction(self._pool) as connection:
            state = _hold(connection, evaluation_id)
            if state is not EvaluationState.WAITING:
                what = f"evaluation {evaluation_id}"
                raise StateConflict(what, current=str(state), asked="rejected")
            results = rejected(newest_gates(connection, evaluation_id), by=by, comment=comment)
            settle(
                connection,
                evaluation_id,
                results,
                state=EvaluationState.REJECTED,
                reason=in_words(results),
                judged_at=_now(connection),
            )

    def rejections(self, *, since: dt.datetime, limit: int) -> list[EvaluationRecord]:
        """What people have rejected since, oldest first."""
        parameters = {"since": since, "limit": limit}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["rejections"], parameters).fetchall()
        return [self.record(str(row[0])) for row in rows]

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation. `EvaluationNotFound`."""
        with transaction(self._pool) as connection:
            return _get(connection, evaluation_id)

    def newest(self, run_id: RunId, *, tenant_id: TenantId) -> Evaluation:
        """The last one of a candidate. `EvaluationNotFound`."""
        found = self.list(tenant_id=tenant_id, run_id=run_id, limit=1)
        if not found:
            raise EvaluationNotFound(run_id)
        return found[0]

    def list(
        self,
        *,
        tenant_id: TenantId,
        run_id: RunId | None = None,
        state: EvaluationState | None = None,
        model: str | None = None,
        limit: int = 50,
    ) -> "list[Evaluation]":
        """Evaluations, newest first."""
        asked = {"run_id": run_id, "state": None if state is None else str(state), "model": model}
        with transaction(self._pool) as connection:
            return read_evaluations(connection, tenant_id=tenant_id, limit=limit, **asked)

    def record(self, evaluation_id: str) -> EvaluationRecord:
        """One with its runs, its newest judgement and its approvals. `EvaluationNotFound`."""
        parameters = {"evaluation_id": evaluation_id}
        with transaction(self._pool) as connection:
            found = _get(connection, evaluation_id)
            gates = newest_gates(connection, evaluation_id)
            rows = connection.cursor(row_factory=dict_row)
            runs = rows.execute(_QUERIES["evaluation_runs"], parameters).fetchall()
            approvals = connection.cursor(row_factory=class_row(Approval))
            given = approvals.execute(_QUERIES["approvals"], parameters).fetchall()
        return EvaluationRecord(
            evaluation=found,
            gates=gates,
            measurements=tuple(_measurement(row) for row in runs),
            approvals=tuple(given),
        )


def _hold(connection: Connection, evaluation_id: str) -> EvaluationState:
    """The state, which stays until the transaction ends."""
    parameters = {"evaluation_id": evaluation_id}
    row = connection.execute(_QUERIES["hold_evaluation"], parameters).fetchone()
    if row is None:
        raise EvaluationNotFound(evaluation_id)
    return EvaluationState(row[0])


def _now(connection: Connection) -> dt.datetime:
    row = connection.execute(_QUERIES["now"]).fetchone()
    assert row is not None  # a SELECT without FROM gives one row
    return row[0]


def _get(connection: Connection, evaluation_id: str) -> Evaluation:
    found = read_evaluations(connection, evaluation_id=evaluation_id, limit=1)
    if not found:
        raise EvaluationNotFound(evaluation_id)
    return found[0]


def _measurement(row: Mapping[str, Any]) -> Measurement:
    metrics: Mapping[str, str | None] = row["metrics"]
    return Measurement(
        run_id=row["run_id"],
        subject=Subject(row["subject"]),
        seed=row["seed"],
        metrics={name: float(text) for name, text in metrics.items() if text is not None},
    )
