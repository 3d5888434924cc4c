"""Features switched on and off, where Dagster and the command line begin what they are about."""

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from governance.features.file import FEATURES
from governance.naming_file import NAMING
from orchestration import jobs
from orchestration.reruns import job
from orchestration.settings import Settings
from storage.database import Pool
from storage.features import AppliedFeatures
from storage.policy_store import PolicyStore
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.waits import SweepWaits
from sweeps.ids import RunId
from sweeps.policies import PolicyKind
from sweeps.states import RunState
from tests.integration.orchestration.promotion_world import TENANT, PromotionWorld
from tests.integration.policies import apply

DOCUMENT = {
    "experiment": "digits",
    "owner": "ana",
    "purpose": "To see whether it works.",
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0, "high": 1}},
    "limits": {"max_trials": 3},
    "trial": {"command": ["python", "train.py"]},
}
RUN = RunId("scratch-aaaaaaaaaaaa")


def why_not(world: PromotionWorld, run: RunId) -> list[str]:
    return world.evaluations.why_not_by_tag([run], tenant_id=TENANT)


def test_a_tag_starts_no_evaluation_where_that_is_off(pool: Pool, world: PromotionWorld) -> None:
    run = world.candidate()
    world.tag(run)
    apply(pool, FEATURES, "features: {evaluation_by_tag: {on: false, tenants: [default]}}")
    begun, told = world.evaluations.request_tagged(), why_not(world, run)
    asked = world.evaluations.request(run, tenant_id=TENANT, by="ana")  # as `promote` does
    world.rows("DELETE FROM evaluations")
    apply(pool, FEATURES, "features: {evaluation_by_tag: {on: true, experiments: [scratch]}}")

    assert begun == []
    (sentence,) = told
    assert "evaluation_by_tag is switched off for experiment" in sentence
    assert "`sweepworks promote`" in sentence
    assert asked.run_id == run
    assert why_not(world, run) == []
    assert world.evaluations.request_tagged() == [f"{run}-e1"]


def test_runs_that_are_not_evaluated_keep_no_others_from_it(
    pool: Pool, world: PromotionWorld
) -> None:
    world.tag(world.candidate())
    other = world.whole_run("scratch-bbbbbbbbbbbb", dataset=("train", 1))
    world.tag(other)
    world.rows(
        "WITH made AS (INSERT INTO experiments (tenant_id, name, owner, purpose) "
        "VALUES ('default', 'words', 'ana', '') RETURNING experiment_id) "
        f"UPDATE runs SET experiment_id = made.experiment_id FROM made WHERE run_id = '{other}'"
    )
    apply(pool, FEATURES, "features: {evaluation_by_tag: {on: true, experiments: [words]}}")

    assert world.evaluations.request_tagged(limit=1) == [f"{other}-e1"]


@pytest.mark.parametrize("is_on", [True, False])
def test_the_launchpad_makes_runs_again_where_that_is_on(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, is_on: bool
) -> None:
    made: list[RunId] = []

    def make_again(_platform: Any, found: Any, **_: Any) -> Any:
        made.append(found.record.run.run_id)
        return SimpleNamespace(run_id="rerun", state=RunState.COMPLETED, reason="")

    run = SimpleNamespace(run_id=RUN, experiment="digits")
    found = SimpleNamespace(record=SimpleNamespace(run=run), lines=(), missing=[])
    features = AppliedFeatures(PolicyStore(pool))
    monkeypatch.setattr(job, "platform", lambda: SimpleNamespace(features=features))
    monkeypatch.setattr(job, "found_again", lambda *_, **__: found)
    monkeypatch.setattr(job, "make_again", make_again)
    apply(pool, FEATURES, f"features: {{launchpad_reruns: {{on: {str(is_on).lower()}}}}}")

    result = job.rerun_run.execute_in_process(
        run_config={"ops": {job.RERUN_OP: {"config": {"run": RUN}}}}, raise_on_error=False
    )

    assert result.success is is_on
    assert made == ([RUN] if is_on else [])
    if not is_on:
        (failure,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
        assert "launchpad_reruns is switched off" in str(failure.event_specific_data)
        assert "`sweepworks rerun`" in str(failure.event_specific_data)


@pytest.fixture
def launchpad(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> SweepCatalog:
    """The platform of the job `register_sweep`."""
    catalog = SweepCatalog(pool)
    forecast = SimpleNamespace(sentences=["It costs nothing."])
    platform = SimpleNamespace(
        services=SimpleNamespace(gateway_url="http://127.0.0.1:1"),
        settings=Settings.from_environment(),
        policies=PolicyStore(pool),
        waits=SweepWaits(pool),
        budget_gate=SimpleNamespace(check=lambda *_: forecast),
        data_gate=SimpleNamespace(pin=lambda *_, **__: ()),
        is_admitted_by_kueue=lambda _: False,
        catalog=catalog,
    )
    monkeypatch.setattr(jobs, "platform", lambda: platform)
    return catalog


def register(instance: dg.DagsterInstance, **changes: Any) -> dg.ExecuteInProcessResult:
    document = {**DOCUMENT, **changes}
    config = {"sweep": document, "source_dir": "/there"}
    return jobs.register_sweep.execute_in_process(
        run_config={"ops": {"submit_sweep": {"config": config}}},
        instance=instance,
        raise_on_error=False,
    )


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (FEATURES, "features: {optuna: {on: false}}", "optuna is switched off"),
        (NAMING, "default: {expected_outcome: true}", "expected_outcome: it is missing"),
    ],
)
def test_the_launchpad_holds_sweeps_to_the_policies(
    pool: Pool,
    launchpad: SweepCatalog,
    instance: dg.DagsterInstance,
    kind: PolicyKind[Any],
    text: str,
    told: str,
) -> None:
    asked = {"strategy": {"name": "optuna"}}
    taken = register(instance, **asked)
    apply(pool, kind, text)
    refused = register(instance, **asked)

    assert (taken.success, refused.success) == (True, False)
    (failure,) = [e for e in refused.all_events if e.event_type_value == "STEP_FAILURE"]
    assert told in str(failure.event_specific_data)
    assert len(launchpad.list(tenant_id=TENANT)) == 1
