"""The job that removes what is old of Dagster's own records."""

import time

import dagster as dg

from assets.boundary import dagster_errors
from orchestration.platform import platform
from orchestration.purge.purge import Purged, purge
from retention.orchestration import ORCHESTRATION
from sweeps.clock import SystemClock


@dg.op
def purge_old_records(context: dg.OpExecutionContext) -> None:
    """Remove Dagster runs, events, ticks, results of checks and partitions that are over and old."""
    with dagster_errors():
        here = platform()
        policy = here.policies.current(ORCHESTRATION).value
        begun = time.monotonic()
        purged = purge(
            context.instance,
            here.partition_subjects,
            policy,
            now=SystemClock().now(),
            is_time=lambda: time.monotonic() - begun < policy.at_most.total_seconds(),
        )
    if not purged.is_whole:
        context.log.warning("the time for a purge was over; the next one goes on")
    context.add_output_metadata({**report(purged), "seconds": round(time.monotonic() - begun, 1)})


def report(purged: Purged) -> dict[str, dg.MetadataValue]:
    """What was removed, and how much that is old stays, by reason."""
    kept = "\n".join(f"| {why} | {count} |" for why, count in sorted(purged.kept.items()))
    return {
        "dagster_runs": dg.MetadataValue.int(purged.dagster_runs),
        "events": dg.MetadataValue.int(purged.events),
        "ticks": dg.MetadataValue.int(purged.ticks),
        "check_results": dg.MetadataValue.int(purged.checks),
        "sweep_partitions": dg.MetadataValue.int(purged.sweep_partitions),
        "dataset_partitions": dg.MetadataValue.int(purged.version_partitions),
        "evaluation_partitions": dg.MetadataValue.int(purged.evaluation_partitions),
        "is_whole": dg.MetadataValue.bool(purged.is_whole),
        "old_ones_that_stay": dg.MetadataValue.md(f"| because | Dagster runs |\n|---|---|\n{kept}")
        if kept
        else dg.MetadataValue.text("none"),
    }


@dg.job(
    executor_def=dg.in_process_executor,
    description="Removes what is old of Dagster's own records; never what is live or shown.",
)
def purge_dagster() -> None:
    """Purge once."""
    purge_old_records()
