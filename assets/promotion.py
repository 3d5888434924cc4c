"""From a candidate to a model in production, as assets: one partition for each evaluation.

`evaluations` measures the candidate, its checks are the gates, and `model_versions` is materialized
only when all of them have passed: a failed one blocks it. Automation: the sensor
`production_candidates`, or the command line, and nothing else.
"""

import time
from collections.abc import Iterator, Sequence

import dagster as dg

from assets.boundary import dagster_errors
from assets.partitions import EVALUATIONS
from assets.unfinished_features import unfinished_features
from governance.promotion.evaluations import (
    CandidateEvaluations,
    Evaluation,
    EvaluationRecord,
    EvaluationState,
)
from governance.promotion.gates.results import Criterion, GateResult, Verdict, overall
from governance.promotion.policy import Gate
from sweeps.errors import TransientError

LOOK_SECONDS = 1.0
_MOST_ROWS = 200
_WORDS = {
    Gate.HOLDOUT: "No run of the experiment has learnt from the holdout, or from what shares data "
    "with it.",
    Gate.MEASUREMENT: "Every run has measured on exactly the holdout, with code that is recorded.",
    Gate.THRESHOLDS: "The metrics of the evaluation reach their bounds.",
    Gate.PRODUCTION: "On the same data and seeds it is not worse than what is in production.",
    Gate.TRAINING: "Its training has cost no more than it may.",
    Gate.SERVING: "Serving it costs no more, and takes no longer, than it may.",
    Gate.LINEAGE: "It came out of runs whose code is recorded, and of versions of data.",
    Gate.REPRODUCIBLE: "It can be made again, or has been.",
    Gate.DATA: "What it learnt from, and the holdout, meet what is expected of them.",
    Gate.APPROVALS: "People who do not own it have said yes.",
}


@dg.asset(
    partitions_def=EVALUATIONS,
    group_name="models",
    kinds={"python", "postgres"},
    description="Candidates for production, measured on data that no trial has learnt from.",
)
def evaluations(
    context: dg.AssetExecutionContext, candidate_evaluations: dg.ResourceParam[CandidateEvaluations]
) -> dg.MaterializeResult:
    """Check the holdout, let the candidate be measured, wait for its runs.

    A termination by a person ends them; any other interruption leaves them to the next Dagster run.
    """
    evaluation_id = context.partition_key
    try:
        with dagster_errors():
            candidate_evaluations.attach(evaluation_id, dagster_run_id=context.run.run_id)
            candidate_evaluations.begin(evaluation_id)
            record = _measure(context, candidate_evaluations, evaluation_id)
    except dg.DagsterExecutionInterruptedError:
        if _is_cancelled(context):
            reason = f"Dagster run {context.run.run_id} was terminated"
            candidate_evaluations.cancel(
                evaluation_id, reason=reason, dagster_run_id=context.run.run_id
            )
        raise
    found = record.evaluation
    metadata = _metadata(record)
    if found.state in {
        EvaluationState.FAILED,
        EvaluationState.REFUSED,
        EvaluationState.WITHDRAWN,
    }:
        raise dg.Failure(
            f"{evaluation_id} {found.state}: {found.reason}",
            metadata=metadata,
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=metadata)


def _measure(
    context: dg.AssetExecutionContext, steps: CandidateEvaluations, evaluation_id: str
) -> EvaluationRecord:
    said = False
    while True:
        try:
            found = steps.look(evaluation_id)
            if found.state is not EvaluationState.RUNNING or steps.is_measured(found):
                return steps.measured(evaluation_id)
        except TransientError as exc:  # waited out: the runs go on meanwhile
            context.log.warning(f"{exc}; looking again")
            time.sleep(exc.retry_after_seconds)
            continue
        if not said and found.sweep_id is not None:
            context.log.info(f"measured by the runs of {found.sweep_id}")
            said = True
        time.sleep(LOOK_SECONDS)


def _is_cancelled(context: dg.AssetExecutionContext) -> bool:
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.status in {
        dg.DagsterRunStatus.CANCELING,
        dg.DagsterRunStatus.CANCELED,
    }


with unfinished_features():
    _SPECS = [
        dg.AssetCheckSpec(
            str(gate),
            asset=evaluations,
            blocking=True,
            partitions_def=EVALUATIONS,
            description=words,
        )
        for gate, words in _WORDS.items()
    ]

    @dg.multi_asset_check(specs=_SPECS)
    def gates(
        context: dg.AssetCheckExecutionContext,
        candidate_evaluations: dg.ResourceParam[CandidateEvaluations],
    ) -> Iterator[dg.AssetCheckResult]:
        """One judgement for all of them, from facts of the same moment."""
        with dagster_errors():
            record = candidate_evaluations.judge(context.partition_key)
        results = {result.gate: result for result in record.gates}
        for gate in Gate:
            yield _check_result(gate, results.get(gate), record.evaluation)


@dg.asset(
    partitions_def=EVALUATIONS,
    deps=[evaluations],
    group_name="models",
    kinds={"postgres"},
    output_required=False,
    description="Versions of models, and what their aliases mean: what has passed every gate.",
)
def model_versions(
    context: dg.AssetExecutionContext, candidate_evaluations: dg.ResourceParam[CandidateEvaluations]
) -> Iterator[dg.MaterializeResult]:
    """Register the version and move the alias; nothing while people are waited for."""
    with dagster_errors():
        number = candidate_evaluations.promote(context.partition_key)
        record = candidate_evaluations.measured(context.partition_key)
    found = record.evaluation
    if number is None:
        context.log.info(f"{found.evaluation_id} is {found.state}: {found.reason}")
        return
    yield dg.MaterializeResult(
        metadata={
            "version": dg.MetadataValue.text(f"{found.model}@{number}"),
            "promotion": dg.MetadataValue.text(found.reason),
            "run": dg.MetadataValue.text(found.run_id),
            "artifact": dg.MetadataValue.text(found.artifact or ""),
            "sha256": dg.MetadataValue.text(found.sha256 or ""),
            "gates": _table(_gate_rows(record.gates)),
        }
    )


def check_evaluation(gate: Gate, record: EvaluationRecord) -> dg.AssetCheckEvaluation:
    """What a check says of an evaluation, for whoever reports it outside a Dagster run."""
    result = next((one for one in record.gates if one.gate is gate), None)
    found = _check_result(gate, result, record.evaluation)
    return dg.AssetCheckEvaluation(
        asset_key=evaluations.key,
        check_name=str(gate),
        passed=found.passed,
        severity=found.severity,
        description=found.description,
        metadata=found.metadata,
        blocking=True,
        partition=record.evaluation.evaluation_id,
    )


def _check_result(gate: Gate, result: GateResult | None, found: Evaluation) -> dg.AssetCheckResult:
    if result is None:  # it was pruned, or withdrawn, before it could be judged
        return dg.AssetCheckResult(
            check_name=str(gate),
            asset_key=evaluations.key,
            passed=False,
            description=f"not judged: {found.state}, {found.reason}",
        )
    is_waiting = result.verdict is Verdict.WAITING
    return dg.AssetCheckResult(
        check_name=str(gate),
        asset_key=evaluations.key,
        passed=result.verdict is Verdict.PASSED,
        severity=dg.AssetCheckSeverity.WARN if is_waiting else dg.AssetCheckSeverity.ERROR,
        description=_sentence(result),
        metadata={
            "verdict": dg.MetadataValue.text(str(result.verdict)),
            "criteria": _table([_row(one) for one in result.criteria]),
            "evidence": dg.MetadataValue.json(
                [{"subject": one.subject, **one.evidence} for one in result.criteria]
            ),
        },
    )


def _sentence(result: GateResult) -> str:
    if not result.criteria:
        return "not asked for"
    shown = result.failed or result.criteria
    return "; ".join(
        f"{one.subject}: {_text(one.value)}, asked is {one.asked}" for one in shown[:3]
    )


def _row(criterion: Criterion) -> dict[str, str | bool]:
    return {
        "subject": criterion.subject,
        "asked": criterion.asked,
        "value": _text(criterion.value),
        "bound": _text(criterion.bound),
        "passed": criterion.has_passed,
    }


def _gate_rows(results: Sequence[GateResult]) -> list[dict[str, str | bool]]:
    return [
        {"gate": str(result.gate), "verdict": str(result.verdict), "says": _sentence(result)}
        for result in results
    ]


def _metadata(record: EvaluationRecord) -> dict[str, dg.MetadataValue]:
    found = record.evaluation
    metadata: dict[str, dg.MetadataValue] = {
        "candidate": dg.MetadataValue.text(found.run_id),
        "state": dg.MetadataValue.text(f"{found.state}: {found.reason}".rstrip(": ")),
        "requested_by": dg.MetadataValue.text(found.requested_by),
    }
    for name, value in (
        ("model", found.model),
        ("artifact", found.artifact),
        ("sha256", found.sha256),
        ("holdout", found.holdout),
        ("sweep", found.sweep_id),
    ):
        if value is not None:
            metadata[name] = dg.MetadataValue.text(value)
    if found.policy_version is not None:
        metadata["policy_version"] = dg.MetadataValue.int(found.policy_version)
    if found.rule is not None:
        metadata["rule"] = dg.MetadataValue.json(dict(found.rule))
    if record.measurements:
        names = sorted({name for one in record.measurements for name in one.metrics})
        metadata["measurements"] = _table(
            [
                {
                    "of": str(one.subject),
                    "seed": str(one.seed),
                    **{name: _text(one.metrics.get(name)) for name in names},
                    "run": str(one.run_id),
                }
                for one in record.measurements[:_MOST_ROWS]
            ]
        )
    if record.gates:
        metadata["verdict"] = dg.MetadataValue.text(str(overall(record.gates)))
    return metadata


def _table(rows: Sequence[dict[str, str | bool]]) -> dg.MetadataValue:
    if not rows:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])


def _text(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
