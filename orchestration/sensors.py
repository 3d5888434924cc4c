"""Sensors: start what was submitted, replace what has failed, clean up after cancelling, tell others."""

import time

import dagster as dg

from assets.datasets import dataset_versions
from assets.partitions import DATASET_VERSIONS, SWEEPS, dataset_partition
from orchestration.abandoned import close_abandoned
from orchestration.coming_runs import PARTITION_TAG, coming_run, may_be_asked_again
from orchestration.jobs import check_datasets, run_sweep, write_graveyard
from orchestration.openlineage import http_post, send_due
from orchestration.platform import platform
from orchestration.settings import Settings
from sweeps.datasets import DatasetLog
from sweeps.errors import RunsElsewhere, SweepNotFound
from sweeps.graveyard.entry import Graveyard
from sweeps.ids import SweepId
from sweeps.ports import SweepClaims, SweepLog, TrialLauncher

_MOST_DATASETS = 20  # new versions in one look


@dg.sensor(
    job=run_sweep,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts every submitted sweep, once.",
)
def submitted_sweeps(
    context: dg.SensorEvaluationContext, sweep_claims: dg.ResourceParam[SweepClaims]
) -> dg.SensorResult | dg.SkipReason:
    """Claim what nobody has started, and ask for a Dagster run each.

    No cursor: the claim in the database says what is done. Its name is the run key, so a sweep
    that is claimed again after a crash gets a new Dagster run, and the same claim never two.
    """
    claims = {
        sweep_id: claim
        for sweep_id in sweep_claims.unclaimed(limit=20)
        # One that waits in Dagster's queue, for however long, has its Dagster run already.
        if coming_run(context.instance, sweep_id) is None
        and (claim := sweep_claims.claim(sweep_id)) is not None
    }
    if not claims:
        return dg.SkipReason("no submitted sweep waits to be started")
    keys = [str(sweep_id) for sweep_id in claims]
    context.log.info(f"starting {', '.join(keys)}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=claim, partition_key=sweep_id)
            for sweep_id, claim in claims.items()
        ],
        dynamic_partitions_requests=[SWEEPS.build_add_request(keys)],
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    monitored_jobs=[run_sweep],
    request_job=run_sweep,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Goes on with a sweep whose controller has failed, three times.",
)
def failed_sweeps(
    context: dg.RunStatusSensorContext,
    sweep_log: dg.ResourceParam[SweepLog],
    sweep_claims: dg.ResourceParam[SweepClaims],
) -> dg.RunRequest | dg.SkipReason:
    """Ask for another Dagster run of a sweep that has not ended.

    A command that follows the sweep does the same: the claim in the database is given to one.
    """
    partition, failed = context.dagster_run.tags.get(PARTITION_TAG), context.dagster_run.run_id
    if partition is None:
        return dg.SkipReason(f"Dagster run {failed} has no partition")
    sweep_id = SweepId(partition)
    try:
        if sweep_log.get(sweep_id).state.is_terminal:
            return dg.SkipReason(f"{sweep_id} has ended")
        sweep_claims.check_place(sweep_id)
    except (SweepNotFound, RunsElsewhere) as exc:
        return dg.SkipReason(str(exc))
    claim = sweep_claims.reclaim(sweep_id, dagster_run_id=failed)
    if claim is None:
        return dg.SkipReason(
            f"{sweep_id} goes on with another Dagster run than {failed}, or has failed too often: "
            f"`sweepworks attach {sweep_id}` tells"
        )
    context.log.info(f"{sweep_id}: Dagster run {failed} has failed; starting another one")
    return dg.RunRequest(run_key=claim, partition_key=sweep_id)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.CANCELED,
    monitored_jobs=[run_sweep],
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the trials of a cancelled sweep that its controller could not end itself.",
)
def cancelled_sweeps(
    context: dg.RunStatusSensorContext,
    sweep_log: dg.ResourceParam[SweepLog],
    sweep_claims: dg.ResourceParam[SweepClaims],
    launcher: dg.ResourceParam[TrialLauncher],
) -> dg.SkipReason | None:
    """End what is left of a sweep whose Dagster run was cancelled."""
    partition = context.dagster_run.tags.get(PARTITION_TAG)
    if partition is None:
        return None
    sweep_id, run_id = SweepId(partition), context.dagster_run.run_id
    try:
        closed = close_abandoned(sweep_log, sweep_claims, launcher, sweep_id, dagster_run_id=run_id)
    except (SweepNotFound, RunsElsewhere) as exc:
        return dg.SkipReason(str(exc))
    if closed:
        context.log.info(f"{sweep_id}: closed, and what was left of its trials ended")
    return None


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Brings back what other sensors have missed; ends dead trials of what was given up.",
)
def left_sweeps(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look as a command of a person does while it waits. It asks for no Dagster run itself."""
    # Only now: who starts controllers knows the definitions that this sensor is one of.
    from orchestration.left_sweeps import LeftSweeps

    said = LeftSweeps(platform()).look()
    for line in said:
        context.log.info(line)
    return dg.SkipReason(f"{len(said)} sweeps had nobody who looked after them")


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends events of OpenLineage to SWEEPWORKS_OPENLINEAGE_URL, if that is set.",
)
def openlineage_events(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Send what is due. No cursor: the rows say what was sent. It starts no Dagster run."""
    settings = Settings.from_environment()
    if settings.openlineage_url is None:
        return dg.SkipReason("SWEEPWORKS_OPENLINEAGE_URL is not set")
    post = http_post(settings.openlineage_url, settings.openlineage_key)
    sent = send_due(platform().openlineage, post)
    for sentence in sent.refused:
        context.log.warning(f"the receiver of OpenLineage events will not have {sentence}")
    if sent.problem is not None:
        context.log.warning(f"the receiver of OpenLineage events: {sent.problem}")
    return dg.SkipReason(f"{sent.things} sent, {len(sent.refused)} refused")


@dg.sensor(
    job=check_datasets,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows and checks every version of a dataset, once, when it is registered.",
)
def registered_datasets(
    context: dg.SensorEvaluationContext, dataset_log: dg.ResourceParam[DatasetLog]
) -> dg.SensorResult | dg.SkipReason:
    """Add the partitions that are missing, and ask for a Dagster run for each new version.

    No cursor: what has been materialized says what is done. The partition is the run key, so one
    whose Dagster run has failed is left to a person.
    """
    keys = [dataset_partition(row) for row in dataset_log.all_versions()]
    shown = context.instance.get_materialized_partitions(dataset_versions.key)
    new = [key for key in keys if key not in shown][:_MOST_DATASETS]
    if not new:
        return dg.SkipReason("every registered version is shown")
    known = set(context.instance.get_dynamic_partitions(str(DATASET_VERSIONS.name)))
    missing = [key for key in new if key not in known]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=key, partition_key=key) for key in new],
        dynamic_partitions_requests=[DATASET_VERSIONS.build_add_request(missing)]
        if missing
        else [],
    )


@dg.sensor(
    job=write_graveyard,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for pages of sweeps that have ended, and again when they are out of date.",
)
def ended_sweeps(
    context: dg.SensorEvaluationContext, graveyard: dg.ResourceParam[Graveyard]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for what is due, one Dagster run for all. No cursor: the rows say what was written.

    While one is coming no other is asked for, nor for an hour after one that failed as a whole.
    """
    if not graveyard.due(limit=1):
        return dg.SkipReason("every sweep that has ended has its page")
    if not may_be_asked_again(context.instance, job_name=write_graveyard.name, now=time.time()):
        return dg.SkipReason("pages are being written, or could not be within the last hour")
    return dg.RunRequest()


SENSORS = [
    submitted_sweeps,
    failed_sweeps,
    cancelled_sweeps,
    left_sweeps,
    openlineage_events,
    registered_datasets,
    ended_sweeps,
]
