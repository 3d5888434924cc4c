"""Schedules: keep the tiers of metric points up to date, drop what is old, check lineage."""

import datetime as dt

import dagster as dg

from assets.partitions import DATASET_VERSIONS, dataset_partition
from orchestration.jobs import (
    carry_out_retention,
    check_datasets,
    check_lineage,
    close_metric_chunks,
    drop_system_metrics,
    finish_metric_day,
    plan_retention,
    reap_jobs,
    refresh_rollups,
)
from orchestration.purge.job import purge_dagster
from orchestration.settings import Settings
from retention.system_metrics import SystemMetrics
from retention.tiers import ROLLUPS, MetricTiers
from sweeps.datasets import DatasetLog

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
    return _unless_busy(context, refresh_rollups.name, request=_today(context))


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
    return _unless_busy(context, close_metric_chunks.name, request=_today(context))


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


@dg.schedule(
    job=drop_system_metrics,
    cron_schedule="10 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Drops what was measured beside the training of runs that were sealed long ago.",
)
def old_system_metrics(
    context: dg.ScheduleEvaluationContext, system_points: dg.ResourceParam[SystemMetrics]
) -> dg.RunRequest | dg.SkipReason:
    """All of them, when there is one."""
    kept = system_points.kept()
    if kept is None:
        return dg.SkipReason("the policy of retention keeps them for ever")
    if not system_points.count_due(sealed_before=context.scheduled_execution_time - kept):
        return dg.SkipReason("no run has system metrics that are older")
    return _unless_busy(context, drop_system_metrics.name, request=dg.RunRequest())


@dg.schedule(
    job=plan_retention,
    cron_schedule="0 4 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Plans what is to go by the policy; with `apply: automatic` it is marked as well.",
)
def weekly_retention(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """On Sundays."""
    return _unless_busy(context, plan_retention.name, request=dg.RunRequest())


@dg.schedule(
    job=carry_out_retention,
    cron_schedule="30 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes what is marked and due, and collects files that nothing refers to.",
)
def daily_retention(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every day."""
    return _unless_busy(context, carry_out_retention.name, request=dg.RunRequest())


@dg.schedule(
    job=check_lineage,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks whether all runs, files and edges are what they have to be.",
)
def checked_lineage(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """All of it, once a day."""
    return _unless_busy(context, check_lineage.name, request=dg.RunRequest())


@dg.schedule(
    job=check_datasets,
    cron_schedule="50 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Checks the newest version of every dataset: data may rot, expectations change.",
)
def daily_data_checks(
    context: dg.ScheduleEvaluationContext, dataset_log: dg.ResourceParam[DatasetLog]
) -> list[dg.RunRequest] | dg.SkipReason:
    """The newest version of each dataset that Dagster knows; the sensor brings it the others."""
    newest = {(row.tenant_id, row.name): row for row in dataset_log.all_versions()}
    known = set(context.instance.get_dynamic_partitions(str(DATASET_VERSIONS.name)))
    keys = [key for row in newest.values() if (key := dataset_partition(row)) in known]
    if not keys:
        return dg.SkipReason("there is no dataset")
    day = context.scheduled_execution_time.date().isoformat()
    return [dg.RunRequest(run_key=f"{day} {key}", partition_key=key) for key in keys]


@dg.schedule(
    job=reap_jobs,
    cron_schedule="*/10 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Puts in order what nobody looks after in the cluster that trials run in.",
)
def reaped_cluster(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every ten minutes, where trials run in a cluster."""
    if Settings.from_environment().cluster is None:
        return dg.SkipReason("trials run on this machine")
    return _unless_busy(context, reap_jobs.name, request=dg.RunRequest())


@dg.schedule(
    job=purge_dagster,
    cron_schedule="15 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes what is old of Dagster's own records, once a day.",
)
def old_dagster_records(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """All of it, or what there is time for."""
    return _unless_busy(context, purge_dagster.name, request=dg.RunRequest())


def _today(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(partition_key=context.scheduled_execution_time.date().isoformat())


def _unless_busy(
    context: dg.ScheduleEvaluationContext, job: str, *, request: dg.RunRequest
) -> dg.RunRequest | dg.SkipReason:
    """A run, unless the last one goes on: what is missed now is found by the next look."""
    busy = dg.RunsFilter(job_name=job, statuses=_UNFINISHED)
    if context.instance.get_runs_count(busy):
        return dg.SkipReason("the last one goes on")
    return request


SCHEDULES = [
    due_rollups,
    closed_chunks,
    finished_days,
    old_system_metrics,
    weekly_retention,
    daily_retention,
    checked_lineage,
    daily_data_checks,
    reaped_cluster,
    old_dagster_records,
]
