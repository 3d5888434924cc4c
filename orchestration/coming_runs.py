"""Dagster runs that are on their way to a sweep and have not said so in its row yet."""

import dagster as dg

from sweeps.ids import SweepId

PARTITION_TAG = "dagster/partition"
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
    """The newest unfinished Dagster run of a sweep's partition."""
    filters = dg.RunsFilter(tags={PARTITION_TAG: sweep_id}, statuses=UNFINISHED)
    return next(iter(instance.get_runs(filters=filters, limit=1)), None)
