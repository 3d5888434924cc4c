"""Jobs: run a sweep, register one from the launchpad, keep metric points and lineage."""

import secrets
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.boundary import dagster_errors
from assets.datasets import dataset_versions
from assets.graveyard import graveyard_entries
from assets.lineage import lineage
from assets.metric_tiers import CHECKS, ROLLUPS, metric_points
from assets.partitions import SWEEPS
from assets.promotion import evaluations, model_versions
from assets.reports import monthly_report, weekly_report
from assets.retention import retention_deletions, retention_plan
from assets.sweep import sweep
from assets.system_metrics import system_metrics
from orchestration.cluster.reaping import reap_cluster
from orchestration.platform import platform
from orchestration.submission import notes, submission, submit

run_sweep = dg.define_asset_job(
    "run_sweep",
    selection=dg.AssetSelection.assets(sweep),
    description="Runs the sweep that the partition names; goes on with it where it was.",
    executor_def=dg.in_process_executor,
)

write_graveyard = dg.define_asset_job(
    "write_graveyard",
    selection=dg.AssetSelection.assets(graveyard_entries),
    description="Writes the pages that are due of sweeps that have ended.",
    executor_def=dg.in_process_executor,
)

check_datasets = dg.define_asset_job(
    "check_datasets",
    # Checks alone have no partition to be of.
    selection=dg.AssetSelection.assets(dataset_versions),
    description="Shows the version of a dataset that the partition names, and checks it.",
    executor_def=dg.in_process_executor,
)

EVALUATION_TAG = {"sweepworks/kind": "evaluation"}

evaluate_candidate = dg.define_asset_job(
    "evaluate_candidate",
    selection=dg.AssetSelection.assets(evaluations, model_versions),
    description="Measures the candidate that the partition names, judges it, and promotes it if it "
    "has passed every gate; goes on where it was.",
    # Each waits for a sweep, whose controller needs a place in the queue, too.
    tags=EVALUATION_TAG,
    executor_def=dg.in_process_executor,
)

refresh_rollups = dg.define_asset_job(
    "refresh_rollups",
    # Without the checks that read a whole day: it runs every few minutes.
    selection=dg.AssetSelection.assets(*ROLLUPS).without_checks()
    | dg.AssetSelection.checks(
        *(key for check in CHECKS for key in check.check_keys if "in_time" in key.name)
    ),
    description="Stores in the rollups what has become due.",
    executor_def=dg.in_process_executor,
)

close_metric_chunks = dg.define_asset_job(
    "close_metric_chunks",
    selection=dg.AssetSelection.assets(metric_points),
    description="Compresses chunks of metric points that have closed, merges days that are over.",
    executor_def=dg.in_process_executor,
)

finish_metric_day = dg.define_asset_job(
    "finish_metric_day",
    selection=dg.AssetSelection.assets(metric_points, *ROLLUPS),
    description="All tiers of a day, counted, and rolled up anew where they differ.",
    executor_def=dg.in_process_executor,
)

drop_system_metrics = dg.define_asset_job(
    "drop_system_metrics",
    selection=dg.AssetSelection.assets(system_metrics),
    description="Drops what was measured beside the training of runs that ended long ago.",
    executor_def=dg.in_process_executor,
)

plan_retention = dg.define_asset_job(
    "plan_retention",
    selection=dg.AssetSelection.assets(retention_plan),
    description="Plans what is to go by the policy, and applies it where the policy says so.",
    executor_def=dg.in_process_executor,
)

carry_out_retention = dg.define_asset_job(
    "carry_out_retention",
    selection=dg.AssetSelection.assets(retention_deletions),
    description="Deletes what is marked and due, and collects files that nothing refers to.",
    executor_def=dg.in_process_executor,
)

check_lineage = dg.define_asset_job(
    "check_lineage",
    selection=dg.AssetSelection.assets(lineage),
    description="Digests of sealed runs, what can be made again, and all checks of lineage.",
    executor_def=dg.in_process_executor,
)

report_week = dg.define_asset_job(
    "report_week",
    selection=dg.AssetSelection.assets(weekly_report),
    description="The report of a week: of the installation and of each tenant.",
    executor_def=dg.in_process_executor,
)

report_month = dg.define_asset_job(
    "report_month",
    selection=dg.AssetSelection.assets(monthly_report),
    description="The report of a month: of the installation and of each tenant.",
    executor_def=dg.in_process_executor,
)


class RegisterSweepConfig(dg.Config):
    """A sweep to submit: a file on this machine, or its content right here."""

    sweep_file: str = Field(
        default="", description="Path of a sweep file. Leave empty to write the sweep below."
    )
    sweep: dict[str, Any] = Field(
        default={},
        description="The content of a sweep file: experiment, owner, purpose, objective, space, …",
    )
    source_dir: str = Field(
        default="",
        description="Folder that relative paths of the command start from, when `sweep` is used.",
    )


@dg.op
def look_after_cluster(context: dg.OpExecutionContext) -> None:
    """Compare the cluster with the rows, and put in order what nobody looks after."""
    with dagster_errors():
        found = reap_cluster(platform())
    for one in found:
        context.log.info(f"{one.what} {one.namespace}/{one.name}: {one.why}")
    lines = [f"| {one.what} | `{one.namespace}/{one.name}` | {one.why} |" for one in found[:200]]
    table = "\n".join(["| was | what | why |", "|---|---|---|", *lines])
    context.add_output_metadata({"count": len(found), "report": dg.MetadataValue.md(table)})


@dg.job(
    executor_def=dg.in_process_executor,
    description="Stops Jobs that no row knows, and removes what was stopped long ago.",
)
def reap_jobs() -> None:
    """Put the cluster in order."""
    look_after_cluster()


@dg.op
def submit_sweep(context: dg.OpExecutionContext, config: RegisterSweepConfig) -> None:
    """Check the sweep and write it down; the sensor `submitted_sweeps` starts it."""
    with dagster_errors():
        submitted = submission(
            file=Path(config.sweep_file) if config.sweep_file else None,
            document=config.sweep,
            source_dir=config.source_dir,
            # The Dagster run's own name makes a retried op submit the same sweep.
            entropy=bytes.fromhex(context.run_id.replace("-", ""))[:5] or secrets.token_bytes(5),
        )
        forecast = submit(platform(), submitted)
        told = notes(platform(), submitted)
    context.instance.add_dynamic_partitions(str(SWEEPS.name), [submitted.sweep_id])
    context.log.info(f"submitted {submitted.sweep_id}; the sensor submitted_sweeps starts it")
    for note in told:
        context.log.warning(note)
    for sentence in forecast.sentences:
        context.log.info(sentence)
    context.add_output_metadata({"sweep": submitted.sweep_id})


@dg.job(
    executor_def=dg.in_process_executor,
    description="Submits a sweep from the launchpad: a path, or the content of a sweep file.",
)
def register_sweep() -> None:
    """Submit a sweep."""
    submit_sweep()
