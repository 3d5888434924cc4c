"""A sweep as an asset: one partition each, three ops, trials as rows and observations.

Every op may run twice: after a crash Dagster starts them from the beginning, and each finds in the
rows what is done already. Automation: started by the sensor `submitted_sweeps` or by the command
line, by nothing else.
"""

import contextlib
import datetime as dt
import time
from collections.abc import Callable

import dagster as dg

from assets.boundary import dagster_errors
from assets.leaderboard import sweep_metadata
from assets.links import rerun_path
from assets.partitions import SWEEPS
from governance.features.catalogue import Feature
from governance.features.policy import FeatureFlags
from governance.lineage.reproducibility import markdown, reproducibility
from governance.lineage.rules import LineageChecks, Scope
from retention.tiers import ROLLUPS, MetricTiers
from sweeps.background_suggester import make_suggester
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.errors import StateConflict, SweepsError, TransientError
from sweeps.ids import SweepId
from sweeps.ports import (
    AdmissionDesk,
    BudgetWatch,
    Courier,
    Credentials,
    SweepClaims,
    SweepLog,
    SweepSteering,
    TrialLauncher,
    TrialStore,
)
from sweeps.specs import SweepSpec
from sweeps.states import SweepRequest, SweepState
from sweeps.strategies import Strategy
from sweeps.suggesting import Suggester, make_inline_suggester
from sweeps.trials import Trial

TRIALS = dg.AssetSpec(
    "trials",
    partitions_def=SWEEPS,
    group_name="sweeps",
    kinds={"python", "postgres"},
    description="Trials of a sweep, one observation each when it ends.",
)

IDLE_SECONDS = 0.25  #: between looks while nothing happens
BUSY_SECONDS = 0.02  #: right after something did
_OUTAGE = dt.timedelta(minutes=15)  # of the store or launcher, before the Dagster run gives up
_TRIALS_BETWEEN_WARNINGS = 10
_CANCEL = dt.timedelta(seconds=60)  # for trials to end after a termination


@dg.op(
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
    # What it learns from is in the rows; this is where the UI draws the line.
    ins={"dataset_versions": dg.In(dg.Nothing)},
)
def plan_sweep(
    context: dg.OpExecutionContext,
    sweep_log: dg.ResourceParam[SweepLog],
    sweep_claims: dg.ResourceParam[SweepClaims],
) -> str:
    """Find the sweep and note that this Dagster run controls it, here."""
    with dagster_errors():
        sweep_id = SweepId(context.partition_key)
        sweep_claims.attach(sweep_id, dagster_run_id=context.run_id)
        spec = sweep_log.get(sweep_id).spec
    context.log.info(
        f"{spec.experiment}: {spec.strategy.name} over {len(spec.space.parameters)} parameters, "
        f"{spec.limits.max_trials} trials, {spec.limits.max_parallel} at a time. {spec.purpose}"
    )
    return sweep_id


@dg.op
def run_trials(
    context: dg.OpExecutionContext,
    sweep_id: str,
    trial_store: dg.ResourceParam[TrialStore],
    launcher: dg.ResourceParam[TrialLauncher],
    credentials: dg.ResourceParam[Credentials],
    courier: dg.ResourceParam[Courier],
    desk: dg.ResourceParam[AdmissionDesk],
    budgets: dg.ResourceParam[BudgetWatch],
    steering: dg.ResourceParam[SweepSteering],
    features: dg.ResourceParam[FeatureFlags],
) -> str:
    """Search until the sweep has ended.

    A termination by a person ends the trials; any other interruption leaves them running for the
    next controller.
    """
    controller = SweepController(
        SweepId(sweep_id),
        store=trial_store,
        launcher=launcher,
        credentials=credentials,
        courier=courier,
        budgets=budgets,
        desk=desk,
        clock=SystemClock(),
        name=f"dagster run {context.run_id}",
        make_suggester=suggesters(features),
    )
    with dagster_errors(), contextlib.closing(controller):
        try:
            _loop(context, controller)
        except dg.DagsterExecutionInterruptedError:
            if _is_cancelled(context):
                with contextlib.suppress(StateConflict):  # it ended at the same moment
                    steering.request(SweepId(sweep_id), SweepRequest.CANCEL)
                _loop(context, controller, at_most=_CANCEL)
            raise
    return sweep_id


def suggesters(features: FeatureFlags) -> Callable[[SweepSpec, Strategy], Suggester]:
    """What makes the suggester of a sweep; in the background only where that is switched on."""

    def make(spec: SweepSpec, strategy: Strategy) -> Suggester:
        asked = {"tenant": spec.tenant, "experiment": spec.experiment}
        is_ahead = features.is_on(Feature.SUGGESTIONS_AHEAD, **asked)
        return (make_suggester if is_ahead else make_inline_suggester)(spec, strategy)

    return make


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=5))
def materialize_metrics(
    context: dg.OpExecutionContext,
    sweep_id: str,
    trial_store: dg.ResourceParam[TrialStore],
    metric_tiers: dg.ResourceParam[MetricTiers],
    lineage_checks: dg.ResourceParam[LineageChecks],
) -> str:
    """Summarise the trials: leaderboard, best configuration, plot; roll up what they logged."""
    _roll_up(context, metric_tiers)
    with dagster_errors():
        snapshot = trial_store.load(SweepId(sweep_id))
    metadata = {**sweep_metadata(snapshot), **_reproducibility(context, lineage_checks, sweep_id)}
    if snapshot.sweep.state is SweepState.FAILED:
        raise dg.Failure(snapshot.sweep.reason, metadata=metadata, allow_retries=False)
    context.add_output_metadata(metadata)
    return sweep_id


@dg.graph_asset(
    partitions_def=SWEEPS,
    group_name="sweeps",
    kinds={"python", "postgres"},
    description="One search per partition: suggests configurations, runs trials, keeps the record.",
    ins={"dataset_versions": dg.AssetIn(dagster_type=dg.Nothing)},
)
def sweep(dataset_versions: None) -> str:
    """Plan, run, summarise."""
    return materialize_metrics(run_trials(plan_sweep(dataset_versions)))


def _roll_up(context: dg.OpExecutionContext, tiers: MetricTiers) -> None:
    """Also where no daemon runs the schedules, rollups are stored and chunks do not pile up."""
    try:
        for tier in ROLLUPS:
            tiers.refresh(tier)
        tiers.close_chunks()
    except SweepsError as exc:  # it is late then, not wrong: the next sweep, or the daemon, does it
        context.log.warning(f"metric points were not rolled up: {exc}")


def _reproducibility(
    context: dg.OpExecutionContext, checks: LineageChecks, sweep_id: str
) -> dict[str, dg.MetadataValue]:
    """Which share of the trials can be made again."""
    try:
        report = reproducibility(checks.finished(Scope(sweep_id=SweepId(sweep_id))))
    except SweepsError as exc:  # `sweepworks reproducibility` tells it later
        context.log.warning(f"nothing is said about reproducibility: {exc}")
        return {}
    metadata: dict[str, dg.MetadataValue] = {
        "reproducibility": dg.MetadataValue.md(markdown(report))
    }
    if report.captured_share is not None:
        metadata["captured_share"] = dg.MetadataValue.float(round(report.captured_share, 4))
    return metadata


def _loop(
    context: dg.OpExecutionContext,
    controller: SweepController,
    *,
    at_most: dt.timedelta | None = None,
) -> None:
    """Tick until the sweep has ended; outages are waited out."""
    begun = last_good = time.monotonic()
    n_ended, next_look = 0, _TRIALS_BETWEEN_WARNINGS
    warned: set[tuple[int, int]] = set()
    while at_most is None or time.monotonic() - begun < at_most.total_seconds():
        try:
            tick = controller.tick()
        except TransientError as exc:
            if time.monotonic() - last_good > _OUTAGE.total_seconds():
                raise
            context.log.warning(f"{exc}; looking again in {exc.retry_after_seconds:g} s")
            time.sleep(exc.retry_after_seconds)
            continue
        last_good = time.monotonic()
        for trial in tick.ended:
            context.log_event(_observation(context.partition_key, trial))
        n_ended += len(tick.ended)
        if n_ended >= next_look:
            # A look goes through all rungs: its cost must not grow with the square of the trials.
            next_look = n_ended + max(_TRIALS_BETWEEN_WARNINGS, n_ended // 10)
            for rungs, warning in controller.warnings().items():
                if rungs not in warned:
                    warned.add(rungs)
                    context.log.warning(warning)
        for sentence in controller.told():
            context.log.warning(sentence)
        if tick.state.is_terminal:
            return
        time.sleep(BUSY_SECONDS if tick.progressed else IDLE_SECONDS)


def _is_cancelled(context: dg.OpExecutionContext) -> bool:
    """Whether a person terminated the Dagster run; otherwise its process is being moved or killed."""
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status in {
        dg.DagsterRunStatus.CANCELING,
        dg.DagsterRunStatus.CANCELED,
    }


def _observation(partition: str, trial: Trial) -> dg.AssetObservation:
    metadata: dict[str, dg.MetadataValue | int | float | str] = {
        "trial": trial.number,
        "state": str(trial.state),
        "configuration": dg.MetadataValue.json(dict(trial.configuration)),
        "make_again": dg.MetadataValue.url(rerun_path(trial.run_id)),
    }
    if trial.reason:
        metadata["reason"] = trial.reason
    if trial.objective is not None:
        metadata["objective"] = trial.objective
    return dg.AssetObservation(TRIALS.key, partition=partition, metadata=metadata)
