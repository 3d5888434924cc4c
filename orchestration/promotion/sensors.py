"""Sensors of promotion: evaluate what was tagged, go on with what has failed, end what was cancelled.

And tell Dagster's checks what people have said since.
"""

import datetime as dt

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter

from assets.partitions import EVALUATIONS
from assets.promotion import check_evaluation, evaluations
from governance.promotion.evaluations import CandidateEvaluations, EvaluationLog, EvaluationNotFound
from governance.promotion.policy import Gate
from orchestration.coming_runs import PARTITION_TAG, UNFINISHED
from orchestration.jobs import evaluate_candidate

_MOST_REJECTIONS = 1_000
#: Rejections of that time are looked at again: one may be committed after a later one.
_OVERLAP = dt.timedelta(minutes=1)
_EVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def coming_evaluation(instance: dg.DagsterInstance, evaluation_id: str) -> dg.DagsterRun | None:
    """The newest unfinished Dagster run of an evaluation."""
    filters = dg.RunsFilter(
        job_name=evaluate_candidate.name, tags={PARTITION_TAG: evaluation_id}, statuses=UNFINISHED
    )
    return next(iter(instance.get_runs(filters=filters, limit=1)), None)


@dg.sensor(
    job=evaluate_candidate,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Evaluates every run that is tagged production_candidate, once.",
)
def production_candidates(
    context: dg.SensorEvaluationContext, evaluation_log: dg.ResourceParam[EvaluationLog]
) -> dg.SensorResult | dg.SkipReason:
    """Write down what was tagged, and start what nobody works on.

    No cursor: there is one open row for a candidate, and the claim of a row is given to one. Its
    name is the run key, so the same claim never gets two Dagster runs.
    """
    withdrawn, requested = evaluation_log.withdraw_untagged(), evaluation_log.request_tagged()
    for names, what in ((withdrawn, "withdrawn"), (requested, "requested")):
        if names:
            context.log.info(f"{what}: {', '.join(names)}")
    claims = {
        evaluation_id: claim
        for evaluation_id in evaluation_log.due()
        if coming_evaluation(context.instance, evaluation_id) is None
        and (claim := evaluation_log.claim(evaluation_id)) is not None
    }
    if not claims:
        return dg.SkipReason("no candidate waits to be evaluated")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=claim, partition_key=evaluation_id)
            for evaluation_id, claim in claims.items()
        ],
        dynamic_partitions_requests=[EVALUATIONS.build_add_request(list(claims))],
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    monitored_jobs=[evaluate_candidate],
    request_job=evaluate_candidate,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Goes on with an evaluation whose Dagster run has failed before it was through.",
)
def failed_evaluations(
    context: dg.RunStatusSensorContext, evaluation_log: dg.ResourceParam[EvaluationLog]
) -> dg.RunRequest | dg.SkipReason:
    """A failed gate has ended its evaluation; whatever else fails is tried again, not for ever."""
    partition, failed = context.dagster_run.tags.get(PARTITION_TAG), context.dagster_run.run_id
    if partition is None:
        return dg.SkipReason(f"Dagster run {failed} has no partition")
    try:
        if evaluation_log.get(partition).is_at_rest:
            return dg.SkipReason(f"{partition} is at rest")
        claim = evaluation_log.reclaim(partition, dagster_run_id=failed)
    except EvaluationNotFound as exc:
        return dg.SkipReason(str(exc))
    if claim is None:
        return dg.SkipReason(f"{partition} goes on with another Dagster run, or has failed")
    return dg.RunRequest(run_key=claim, partition_key=partition)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.CANCELED,
    monitored_jobs=[evaluate_candidate],
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends an evaluation whose Dagster run was cancelled, and its runs.",
)
def cancelled_evaluations(
    context: dg.RunStatusSensorContext,
    candidate_evaluations: dg.ResourceParam[CandidateEvaluations],
) -> dg.SkipReason | None:
    """As its Dagster run does when it can."""
    partition, cancelled = context.dagster_run.tags.get(PARTITION_TAG), context.dagster_run.run_id
    if partition is None:
        return None
    reason = f"Dagster run {cancelled} was terminated"
    try:
        candidate_evaluations.cancel(partition, reason=reason, dagster_run_id=cancelled)
    except EvaluationNotFound as exc:
        return dg.SkipReason(str(exc))
    return None


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Has the check of approvals say that a person has rejected the candidate.",
)
def rejected_candidates(
    context: dg.SensorEvaluationContext, evaluation_log: dg.ResourceParam[EvaluationLog]
) -> dg.SensorResult:
    """A no ends its evaluation at once, with no Dagster run whose check could say it.

    What Dagster still shows as waiting is reported. The cursor is up to where all was seen; it is
    stored after the reports, and whatever is seen twice is reported once.
    """
    since = dt.datetime.fromisoformat(context.cursor) if context.cursor else _EVER
    found = evaluation_log.rejections(since=since, limit=_MOST_REJECTIONS)
    events = [
        check_evaluation(Gate.APPROVALS, record)
        for record in found
        if _is_waiting(context.instance, record.evaluation.evaluation_id)
    ]
    ended = max((one.evaluation.ended_at or since for one in found), default=since)
    cursor = max(since, ended - _OVERLAP).isoformat()
    if not events:
        return dg.SensorResult(skip_reason="no rejection is to be told", cursor=cursor)
    return dg.SensorResult(asset_events=events, cursor=cursor)


def _is_waiting(instance: dg.DagsterInstance, evaluation_id: str) -> bool:
    """Whether the last that Dagster knows of its approvals is that they are waited for."""
    executions = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(evaluations.key, str(Gate.APPROVALS)),
        limit=1,
        partition_filter=PartitionKeyFilter(key=evaluation_id),
    )
    said = executions[0].evaluation if executions else None
    return (
        isinstance(said, dg.AssetCheckEvaluation)
        and not said.passed
        and said.severity is dg.AssetCheckSeverity.WARN
    )


SENSORS = [production_candidates, failed_evaluations, cancelled_evaluations, rejected_candidates]
