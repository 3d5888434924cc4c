"""What is measured beside the training, as an asset: materializing it drops what is old."""

import datetime as dt

import dagster as dg
from pydantic import Field

from assets.boundary import dagster_errors
from retention.system_metrics import KEPT, SystemMetrics

_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)


class KeptConfig(dg.Config):
    """For how long."""

    days: float = Field(
        default=KEPT / dt.timedelta(days=1), ge=0, description="Kept after a run was sealed."
    )


@dg.asset(
    group_name="metrics",
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description=(
        "CPU, memory, disk, network and GPUs of every run, kept for a while after the run was "
        "sealed. Summaries stay."
    ),
)
def system_metrics(
    config: KeptConfig, system_points: dg.ResourceParam[SystemMetrics]
) -> dg.MaterializeResult:
    """Drop the points of runs that were sealed that long ago."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=config.days)
    with dagster_errors():
        dropped = system_points.drop(sealed_before=before)
    return dg.MaterializeResult(
        metadata={
            "kept_days": dg.MetadataValue.float(config.days),
            "dropped_points": dg.MetadataValue.int(dropped.points),
            "dropped_runs": dg.MetadataValue.int(dropped.runs),
        }
    )
