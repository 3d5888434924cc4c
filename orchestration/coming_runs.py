"""Dagster runs that are on their way to a sweep and have not said so in its row yet."""

import dagster as dg

from sweeps.ids import SweepId

PARTITION_TAG = "dagster/partition"
CONTROLLER_JOB = "run_sweep"
_FAILED_SECONDS = 3600.0  # that a job is left alone after it has failed
UNFINISHED = [  #: statuses
    status
    for status in dg.DagsterRunStatus
    if status
    not in {
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    }
]


def coming_run(instance: dg.DagsterInstance, sweep_id: SweepId) -> dg.DagsterRun | None:
    """The newest unfinished Dagster run that controls a sweep, or is about to."""
    filters = dg.RunsFilter(
        job_name=CONTROLLER_JOB, tags={PARTITION_TAG: sweep_id}, statuses=UNFINISHED
    )
    return next(iter(instance.get_runs(filters=filters, limit=1)), None)


def last_run(instance: dg.DagsterInstance, filters: dg.RunsFilter) -> dg.DagsterRun | None:
    """The newest of some Dagster runs; None: there is none."""
    return next(iter(instance.get_runs(filters=filters, limit=1)), None)


def may_be_asked_again(
    instance: dg.DagsterInstance, *, job_name: str, now: float, rest: float = _FAILED_SECONDS
) -> bool:
    """Whether a job neither comes already nor has failed a moment ago.

    Args:
        now: In seconds since 1970.
        rest: Seconds that it is left alone after it has failed.
    """
    filters = dg.RunsFilter(job_name=job_name)
    last = next(iter(instance.get_run_records(filters=filters, limit=1)), None)
    if last is None:
        return True
    if last.dagster_run.status in UNFINISHED:
        return False
    has_failed = last.dagster_run.status is not dg.DagsterRunStatus.SUCCESS
    ended = last.end_time or last.update_timestamp.timestamp()
    return not has_failed or now - ended > rest
