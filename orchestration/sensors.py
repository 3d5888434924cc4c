"""Sensors: start what was submitted, clean up after what was cancelled."""

import dagster as dg

from assets.partitions import SWEEPS
from orchestration.coming_runs import PARTITION_TAG, coming_run
from orchestration.jobs import run_sweep
from sweeps.ids import SweepId
from sweeps.ports import SweepLog, TrialLauncher


@dg.sensor(
    job=run_sweep,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts every submitted sweep, once.",
)
def submitted_sweeps(
    context: dg.SensorEvaluationContext, sweep_log: dg.ResourceParam[SweepLog]
) -> dg.SensorResult | dg.SkipReason:
    """Claim what nobody has started, and ask for a Dagster run each.

    No cursor: the claim in the database says what is done. Its name is the run key, so a sweep
    that is claimed again after a crash gets a new Dagster run, and the same claim never two.
    """
    claims = {
        sweep_id: claim
        for sweep_id in sweep_log.unclaimed(limit=20)
        # One that waits in Dagster's queue, for however long, has its Dagster run already.
        if coming_run(context.instance, sweep_id) is None
        and (claim := sweep_log.claim(sweep_id)) is not None
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
    run_status=dg.DagsterRunStatus.CANCELED,
    monitored_jobs=[run_sweep],
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the trials of a cancelled sweep that its controller could not end itself.",
)
def cancelled_sweeps(
    context: dg.RunStatusSensorContext,
    sweep_log: dg.ResourceParam[SweepLog],
    launcher: dg.ResourceParam[TrialLauncher],
) -> None:
    """End what is left of a sweep whose Dagster run was cancelled."""
    partition = context.dagster_run.tags.get(PARTITION_TAG)
    if partition is None:
        return
    sweep_id = SweepId(partition)
    # First the row: a controller that is not quite dead finds its lease gone and starts nothing.
    closed = sweep_log.cancel_abandoned(
        sweep_id,
        dagster_run_id=context.dagster_run.run_id,
        reason="its Dagster run was cancelled",
    )
    if not closed and not sweep_log.get(sweep_id).state.is_terminal:
        return  # another Dagster run controls it, and goes on
    reaped = launcher.reap(sweep_id)
    if closed or reaped:
        context.log.info(f"{sweep_id}: closed {closed}, ended {reaped} attempts left behind")


SENSORS = [submitted_sweeps, cancelled_sweeps]
