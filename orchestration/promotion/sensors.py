"""Sensors of promotion: evaluate what was tagged, go on with what has failed, end what was cancelled."""

import dagster as dg

from assets.partitions import EVALUATIONS
from governance.promotion.evaluations import CandidateEvaluations, EvaluationLog, EvaluationNotFound
from orchestration.coming_runs import PARTITION_TAG, UNFINISHED
from orchestration.jobs import evaluate_candidate


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


SENSORS = [production_candidates, failed_evaluations, cancelled_evaluations]
