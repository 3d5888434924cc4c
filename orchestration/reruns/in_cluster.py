"""A trial that ran in a pod, made again in one: by the image that it ran, whatever its tag is now."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestration.cluster.services import log_keeper, trial_launcher
from orchestration.platform import Platform
from orchestration.reruns.data import datasets_of
from orchestration.reruns.execution import Rerun, conclude, execute, write_record
from orchestration.reruns.requests import RerunRefused
from sweeps import ids, pod_reruns, reruns
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.rerun_demand import RerunDemand, demand_of_trial
from sweeps.reruns import Dataset, Fate, Line
from sweeps.runs import RunRecord
from sweeps.schedulers.catalog import make_scheduler
from sweeps.trial_environment import launch_request
from sweeps.trials import LaunchRequest, SweepSnapshot, Trial

_LOG_SECONDS = 60.0  # for what the pod has printed


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecipe:
    """A run that can be made again in a pod, as far as `lines` say."""

    record: RunRecord
    tenant_id: TenantId
    lines: tuple[Line, ...]
    snapshot: SweepSnapshot
    trial: Trial
    image: str | None  #: None: as the sweep names it
    datasets: tuple[Dataset, ...]

    def demand(self, *, by: str) -> RerunDemand:
        """What it asks for when somebody makes it again."""
        return demand_of_trial(
            self.snapshot.sweep.spec,
            repeats=self.record.run.run_id,
            tenant_id=self.tenant_id,
            owner=by,
            is_in_cluster=True,
        )

    @property
    def missing(self) -> list[Line]:
        """What it would not be the same run without."""
        return [line for line in self.lines if line.fate is Fate.MISSING]


def pod_recipe(platform: Platform, run_id: RunId, *, tenant_id: TenantId) -> PodRecipe | None:
    """Find what the run was made of; None when trials run here, or it was no pod.

    Raises:
        RunNotFound: There is none of that name for the tenant.
    """
    if platform.settings.cluster is None:
        return None
    record = platform.runs.get(run_id, tenant_id=tenant_id)
    first = record  # a rerun is made again by what it repeats; see `rerun_recipe`
    while first.run.rerun_of is not None:
        first = platform.runs.get(first.run.rerun_of, tenant_id=tenant_id)
    image = pod_reruns.image_of(first.attempts)
    if image is None or first.run.sweep_id is None:
        return None
    snapshot = platform.trial_store.load(first.run.sweep_id)
    trial = next(t for t in snapshot.trials if t.run_id == first.run.run_id)
    gpus = next((a.gpus for a in reversed(first.attempts) if a.image), ())
    datasets = datasets_of(platform.datasets, run_id, tenant_id=tenant_id, is_here=False)
    lines = [
        *pod_reruns.pod_lines(snapshot.sweep.spec.trial, image, gpus),
        *reruns.data_lines(datasets),
        Line(
            part="params",
            fate=Fate.SAME,
            says=f"{len(trial.configuration)}, and the seed {trial.seed}",
        ),
    ]
    if not record.run.state.is_terminal:
        says = "it has not ended: what it is made of may not all be here yet"
        lines.append(Line(part="run", fate=Fate.OTHER, says=says))
    return PodRecipe(
        record=record,
        tenant_id=tenant_id,
        lines=tuple(lines),
        snapshot=snapshot,
        trial=trial,
        image=pod_reruns.pinned(image),
        datasets=tuple(datasets),
    )


def rerun_in_cluster(
    platform: Platform, recipe: PodRecipe, demand: RerunDemand, *, say: Callable[[str], None]
) -> Rerun:
    """Make the run again as a Job once it is admitted, and follow it to its end.

    Raises:
        RerunRefused: No gateway is known that it could report to, or policies never let it start.
        OverBudget: Its budgets do not pay for it.
        SweepsError: It cannot be launched, or something does not answer.
    """
    cluster, tenant_id = platform.settings.cluster, recipe.tenant_id
    assert cluster is not None  # there was a recipe
    run_id = ids.scratch_run_id(entropy=secrets.token_bytes(8))
    request = _request(platform, recipe, run_id)
    params = recipe.trial.configuration
    write_record(platform, recipe.record, run_id, params=params, demand=demand)
    say(f"{run_id} is to run in {request.image or cluster.image}")
    api = platform.cluster_api
    launcher = trial_launcher(
        cluster,
        api,
        lambda _: tenant_id,
        policies=platform.tenant_policies,
        pools=platform.pool_placements,
    )
    keeper = log_keeper(launcher, api, platform.log_archive, lambda _: tenant_id)
    try:
        state, reason = execute(platform, launcher, request, demand, say=say)
        keeper.finish(within_seconds=_LOG_SECONDS)
    finally:
        launcher.close()
    conclude(platform, run_id, state, reason)
    ended = platform.runs.get(run_id, tenant_id=tenant_id).run
    return Rerun(run_id=run_id, state=ended.state, reason=ended.reason)


def _request(platform: Platform, recipe: PodRecipe, run_id: RunId) -> LaunchRequest:
    attempt_id = ids.attempt_id(run_id, 1)
    credentials = platform.credentials.for_attempt(recipe.tenant_id, attempt_id)
    if not credentials:
        raise RerunRefused("a rerun reports to a gateway, and none is known here")
    spec = recipe.snapshot.sweep.spec
    asked = launch_request(
        sweep_id=recipe.snapshot.sweep.sweep_id,
        spec=spec,
        source_dir=recipe.snapshot.sweep.source_dir,
        trial=replace(recipe.trial, run_id=run_id),
        attempt_id=attempt_id,
        rungs=(),  # nobody decides about it
        max_resource=make_scheduler(spec.strategy.scheduler).max_resource,
        credentials=credentials,
        datasets=[dataset.version for dataset in recipe.datasets],
    )
    # With an attempt it would be a trial, whose end its controller writes down.
    kept = {n: v for n, v in asked.environment.items() if n != "SWEEPWORKS_ATTEMPT_ID"}
    return replace(
        asked,
        sweep_id=SweepId(run_id),  # what is ended with its sweep must not end this
        environment=kept,
        image=recipe.image or asked.image,
    )
