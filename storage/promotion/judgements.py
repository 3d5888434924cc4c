"""Judgements of evaluations as rows: one for each gate, with its criteria as JSON."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from governance.promotion.evaluations import EvaluationState
from governance.promotion.gates.results import Criterion, GateResult, Verdict
from governance.promotion.policy import Gate
from storage import queries
from storage.json_numbers import json_number
from sweeps.sweep_files.reading import as_list, as_mapping

_ORDER = {gate: place for place, gate in enumerate(Gate)}

_QUERIES = queries.load("evaluations")
Connection = psycopg.Connection[tuple[Any, ...]]


def settle(
    connection: Connection,
    evaluation_id: str,
    results: Sequence[GateResult],
    *,
    state: EvaluationState,
    reason: str,
    judged_at: dt.datetime,
) -> bool:
    """Write a judgement of an evaluation that is held; whether it was still open."""
    parameters = {
        "evaluation_id": evaluation_id,
        "gates": [str(result.gate) for result in results],
        "verdicts": [str(result.verdict) for result in results],
        "criteria": [Jsonb([_document(one) for one in r.criteria]) for r in results],
        "judged_at": judged_at,
        "state": str(state),
        "reason": reason,
    }
    connection.execute(_QUERIES["insert_gate_results"], parameters)
    return connection.execute(_QUERIES["settle_evaluation"], parameters).fetchone() is not None


def newest_gates(connection: Connection, evaluation_id: str) -> tuple[GateResult, ...]:
    """The newest judgement, in the order in which gates are shown."""
    rows = connection.cursor(row_factory=dict_row)
    parameters = {"evaluation_id": evaluation_id}
    found = rows.execute(_QUERIES["newest_gate_results"], parameters).fetchall()
    return tuple(sorted(map(_result, found), key=lambda result: _ORDER[result.gate]))


def _document(criterion: Criterion) -> dict[str, Any]:
    return {
        "subject": criterion.subject,
        "asked": criterion.asked,
        "value": _storable(criterion.value),
        "bound": _storable(criterion.bound),
        "has_passed": criterion.has_passed,
        "evidence": _storable(criterion.evidence),
    }


def _storable(value: Any) -> Any:
    """For JSON, which has no word for NaN: a text that `float` reads."""
    if isinstance(value, float):
        return json_number(value)
    if (mapping := as_mapping(value)) is not None:
        return {key: _storable(item) for key, item in mapping.items()}
    if (several := as_list(value)) is not None:
        return [_storable(item) for item in several]
    return value


def _result(row: Mapping[str, Any]) -> GateResult:
    return GateResult(
        gate=Gate(row["gate"]),
        verdict=Verdict(row["verdict"]),
        criteria=tuple(Criterion(**criterion) for criterion in row["criteria"]),
    )
