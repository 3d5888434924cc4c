"""Schedules: keep the tiers of metric points up to date, when there is something to do."""

import datetime as dt

import dagster as dg

from orchestration.jobs import close_metric_chunks, finish_metric_day, refresh_rollups
from retention.tiers import ROLLUPS, MetricTiers

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.schedule(
    job=refresh_rollups,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Stores what has become due in the rollups; nothing while nothing has.",
)
def due_rollups(
    context: dg.ScheduleEvaluationContext, metric_tiers: dg.ResourceParam[MetricTiers]
) -> dg.RunRequest | dg.SkipReason:
    """The present day, when points wait. Where the database's own workers are quicker, none do."""
    if not any(metric_tiers.state(tier).lag for tier in ROLLUPS):
        return dg.SkipReason("all points that are due are rolled up")
    return _unless_busy(context, refresh_rollups.name, context.scheduled_execution_time.date())


@dg.schedule(
    job=close_metric_chunks,
    cron_schedule="20 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compresses chunks that have closed, and merges those of days that are over.",
)
def closed_chunks(
    context: dg.ScheduleEvaluationContext, metric_tiers: dg.ResourceParam[MetricTiers]
) -> dg.RunRequest | dg.SkipReason:
    """The present day, when a chunk waits."""
    if not metric_tiers.chunks().to_close:
        return dg.SkipReason("no chunk waits to be closed")
    return _unless_busy(context, close_metric_chunks.name, context.scheduled_execution_time.date())


@dg.schedule(
    job=finish_metric_day,
    cron_schedule="40 1 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Counts the day before in all tiers, and mends it where they differ.",
)
def finished_days(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The day before."""
    day = context.scheduled_execution_time.date() - dt.timedelta(days=1)
    return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())


def _unless_busy(
    context: dg.ScheduleEvaluationContext, job: str, day: dt.date
) -> dg.RunRequest | dg.SkipReason:
    """A run, unless the last one goes on: what is missed now is found by the next look."""
    busy = dg.RunsFilter(job_name=job, statuses=_UNFINISHED)
    if context.instance.get_runs_count(busy):
        return dg.SkipReason("the last one goes on")
    return dg.RunRequest(partition_key=day.isoformat())


SCHEDULES = [due_rollups, closed_chunks, finished_days]
