"""What a rerun asks for: what its trial did, or a core and the GPUs that the run had."""

import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

from orchestration.reruns.recipe import Recipe
from sweeps.ids import RunId, TenantId
from sweeps.reruns import Fate, Line
from sweeps.runs import Run, RunRecord
from sweeps.specs import PodOptions, Resources, SchedulerSpec, TrialSpec
from sweeps.states import RunState
from sweeps.trials import SweepSnapshot
from tests.factories import a_spec, a_trial

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
RUN = RunId("scratch-aaaaaaaaaaaa")


def a_recipe(*, gpus: int, lines: tuple[Line, ...] = (), trial: Any = None) -> Recipe:
    run = Run(
        run_id=RUN, experiment="digits", sweep_id=None, number=None, seed=1, created_by="me",
        created_at=NOW, state=RunState.COMPLETED, reason="", started_at=NOW, ended_at=NOW,
        objective=None, resource_level=None, sealed_at=None,
    )  # fmt: skip
    record = RunRecord(
        run=run, params={}, tags={}, summary={}, notices={}, attempts=(), artifacts=(),
        provenance={"hardware": {"gpus": [{"model": "A100"}] * gpus}},
    )  # fmt: skip
    nothing = cast("Any", None)
    return Recipe(
        record=record, tenant_id=TenantId("vision"), lines=lines, code=nothing, roots=(),
        software=nothing, trial=trial, source_folder=None, datasets=(),
    )  # fmt: skip


def test_a_run_outside_sweeps_gets_a_core_and_as_many_gpus_as_it_had() -> None:
    demand = a_recipe(gpus=2).demand(by="ana")

    assert demand.resources == Resources(cpu=1.0, gpu=2)
    assert (demand.repeats, demand.tenant_id, demand.experiment) == (RUN, "vision", "digits")
    assert (demand.owner, demand.is_in_cluster) == ("ana", False)


def test_where_there_are_fewer_it_gets_none() -> None:
    missing = Line(part="gpus", fate=Fate.MISSING, says="it had 2, there is none")

    assert a_recipe(gpus=2, lines=(missing,)).demand(by="ana").resources.gpu == 0


def test_a_trial_gets_what_its_sweep_asks_for_and_belongs_to_who_makes_it() -> None:
    resources = Resources(cpu=4, memory_bytes=2**30, gpu=1, gpu_type="a100")
    trial = TrialSpec(command=("true",), resources=resources, pods=PodOptions(nodes=2))
    scheduler = SchedulerSpec(name="asha", max_resource=27)
    spec = a_spec(trial=trial, scheduler=scheduler, trial_timeout=dt.timedelta(hours=2))
    snapshot = cast("SweepSnapshot", SimpleNamespace(sweep=SimpleNamespace(spec=spec)))

    demand = a_recipe(gpus=0, trial=(snapshot, a_trial(1))).demand(by="ana")

    assert (demand.resources, demand.nodes, demand.owner) == (resources, 2, "ana")
    assert (demand.max_resource, demand.timeout) == (27, dt.timedelta(hours=2))
