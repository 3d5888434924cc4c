"""What is measured beside the training, as an asset: materializing it drops what is old."""

import datetime as dt
from typing import Any

import dagster as dg

from assets.boundary import dagster_errors
from retention.system_metrics import Dropped, SystemMetrics

_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)


@dg.asset(
    group_name="metrics",
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description=(
        "CPU, memory, disk, network and GPUs of every run, kept for as long after the run was "
        "sealed as the policy of retention says. Summaries stay."
    ),
)
def system_metrics(system_points: dg.ResourceParam[SystemMetrics]) -> dg.MaterializeResult:
    """Drop the points of runs that were sealed that long ago."""
    with dagster_errors():
        kept = system_points.kept()
        dropped = Dropped(runs=0, points=0)
        if kept is not None:
            dropped = system_points.drop(sealed_before=dt.datetime.now(dt.UTC) - kept)
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "dropped_points": dg.MetadataValue.int(dropped.points),
        "dropped_runs": dg.MetadataValue.int(dropped.runs),
    }
    if kept is not None:
        metadata["kept_days"] = dg.MetadataValue.float(kept / dt.timedelta(days=1))
    return dg.MaterializeResult(metadata=metadata)
