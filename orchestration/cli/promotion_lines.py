"""An evaluation in words: how far it is, what every gate said and from what, and exit codes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.promotion.evaluations import EvaluationRecord, EvaluationState
from governance.promotion.gates.facts import Subject
from governance.promotion.gates.results import Criterion, GateResult

#: Of `sweepworks promote`, for pipelines; 1 and 2 are errors and wrong usage.
EXIT_CODES = {
    EvaluationState.PROMOTED: 0,
    EvaluationState.REJECTED: 3,
    EvaluationState.WAITING: 4,
    EvaluationState.FAILED: 5,
    EvaluationState.REFUSED: 6,
    EvaluationState.WITHDRAWN: 7,
    EvaluationState.REQUESTED: 8,
    EvaluationState.RUNNING: 8,
}
_MARKS = {"passed": " ", "failed": "X", "waiting": "?"}
_MOST_EVIDENCE = 5


def explain_lines(record: EvaluationRecord) -> Iterator[str]:
    """All that led to where it is."""
    found = record.evaluation
    yield f"{found.evaluation_id}  {found.state}: {found.reason or 'nothing more to say'}"
    yield f"  candidate {found.run_id} of {found.experiment}, asked for by {found.requested_by}"
    if found.model is not None:
        yield (
            f"  {found.artifact} (sha256 {(found.sha256 or '')[:12]}) as {found.model}, measured on "
            f"{found.holdout} by the runs of {found.sweep_id or 'no sweep yet'}"
        )
    if found.rule is not None:
        compared = (
            f"version {found.compared_with}" if found.compared_with is not None else "nothing"
        )
        yield f"  policy `promotion` version {found.policy_version}; compared with {compared}"
    for result in record.gates:
        yield from _gate(result)
    for one in record.measurements:
        values = ", ".join(f"{name} {value:.6g}" for name, value in sorted(one.metrics.items()))
        who = "candidate" if one.subject is Subject.CANDIDATE else "production"
        yield f"  {who}, seed {one.seed}: {values}  ({one.run_id})"
    for approval in record.approvals:
        comment = f": {approval.comment}" if approval.comment else ""
        yield f"  approved by {approval.approved_by} at {approval.approved_at:%Y-%m-%d %H:%M}{comment}"
    yield from _next_step(record)


def _gate(result: GateResult) -> Iterator[str]:
    asked = "" if result.criteria else " (not asked for)"
    yield f"  {_MARKS[result.verdict]} {result.gate}: {result.verdict}{asked}"
    for one in result.criteria:
        yield f"      {_criterion(one)}"
        paths = one.evidence.get("paths")
        if isinstance(paths, Sequence) and not isinstance(paths, str):
            found: Sequence[Any] = paths
            for path in found[:_MOST_EVIDENCE]:
                yield f"        {path}"


def _criterion(one: Criterion) -> str:
    value = f"{one.value:.6g}" if isinstance(one.value, float) else one.value
    verdict = "" if one.has_passed else "  <- missing"
    return f"{one.subject}: {value}; asked is {one.asked}{verdict}"


def _next_step(record: EvaluationRecord) -> Iterator[str]:
    found = record.evaluation
    if found.state is EvaluationState.WAITING:
        yield f"  somebody who does not own it: sweepworks promotion approve {found.run_id}, or reject"
    elif found.state in {
        EvaluationState.REJECTED,
        EvaluationState.FAILED,
        EvaluationState.REFUSED,
    }:
        yield f"  another look, after what is wrong is mended: sweepworks promotion retry {found.run_id}"


def document(record: EvaluationRecord) -> Mapping[str, object]:
    """The same for programs."""
    return {
        "evaluation": record.evaluation,
        "exit_code": EXIT_CODES[record.evaluation.state],
        "gates": record.gates,
        "measurements": record.measurements,
        "approvals": record.approvals,
    }
