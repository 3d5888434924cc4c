"""Dagster runs that are on their way, have succeeded, or are to be asked for again.

Dagster remembers run keys: one whose run has failed is never launched again. So a key names what is
asked for and the failure after which it is asked for again.
"""

import datetime as dt

import dagster as dg

from governance.periods import midnight
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


def request_of_ended(
    instance: dg.DagsterInstance, *, job_name: str, first: dt.date, until: dt.date
) -> dg.RunRequest | None:
    """A run for a partition of days that are over; None: since then one has succeeded, or comes.

    Args:
        first: The first day, which the partition is named after.
        until: The first day after them.
    """
    partition = first.isoformat()
    since_its_end = dg.RunsFilter(
        job_name=job_name, tags={PARTITION_TAG: partition}, created_after=midnight(until)
    )
    last = last_run(instance, since_its_end)
    if last is not None and not has_failed(last):
        return None
    return dg.RunRequest(run_key=key_after(partition, last), partition_key=partition)


def key_after(what: str, last: dg.DagsterRun | None) -> str:
    """The run key of what is asked for, after its last run."""
    return what if last is None or not has_failed(last) else f"{what} after {last.run_id}"


def has_failed(run: dg.DagsterRun) -> bool:
    """Whether a run has ended without success: failed, or was cancelled."""
    return run.status not in {*UNFINISHED, dg.DagsterRunStatus.SUCCESS}
