"""A run once more from Dagster's launchpad."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from assets.boundary import dagster_errors
from assets.links import RERUN_JOB, RERUN_OP
from governance.features.catalogue import Feature
from governance.tenants import DEFAULT
from orchestration.people import person
from orchestration.platform import platform
from orchestration.reruns.execution import Rerun
from orchestration.reruns.rerunning import found_again, make_again, require_whole
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, SweepId, TenantId, is_name, is_scratch_run
from sweeps.reruns import Line
from sweeps.states import RunState

_OWNER_TAG = "user"


class RerunConfig(dg.Config):
    """A run to make again."""

    run: str = Field(description="Name of a trial's or a scratch run's run.")
    attempts: int = Field(default=1, ge=1, le=100, description="How many times; a run each.")
    force: bool = Field(default=False, description="Also when something of it is missing.")
    tenant: str = Field(
        default="", description="Whose run. Empty: its sweep's; of a scratch run the default one."
    )


@dg.op(name=RERUN_OP)
def make_run_again(context: dg.OpExecutionContext, config: RerunConfig) -> None:
    """Find all that the run was made of, say what is missing, and make it again."""
    with dagster_errors():
        if not is_name(config.run):
            raise RunNotFound(config.run[:80])
        run_id = RunId(config.run)
        tenant_id = TenantId(config.tenant or _tenant_of(run_id))
        found = found_again(platform(), run_id, tenant_id=tenant_id)
        experiment = found.record.run.experiment
        platform().features.require(
            Feature.LAUNCHPAD_RERUNS, tenant=tenant_id, experiment=experiment
        )
        for line in found.lines:
            context.log.info(f"{line.fate}: {line.part}: {line.says}")
        context.add_output_metadata({"plan": dg.MetadataValue.md(_plan(found.lines))})
        if not config.force:
            require_whole(found)
        by = context.run.tags.get(_OWNER_TAG) or person()
        done = [
            make_again(platform(), found, by=by, is_forced=config.force, say=context.log.info)
            for _ in range(config.attempts)
        ]
    context.add_output_metadata({"reruns": dg.MetadataValue.md(_reruns(config.run, done))})
    bad = [one for one in done if one.state is not RunState.COMPLETED]
    if bad:
        raise dg.Failure(f"{bad[0].run_id} {bad[0].state}: {bad[0].reason}"[:2000])


@dg.job(
    name=RERUN_JOB,
    executor_def=dg.in_process_executor,
    description="Makes a run again: its code, packages or image, data, parameters and seed.",
)
def rerun_run() -> None:
    """Make a run again."""
    make_run_again()


def _tenant_of(run_id: RunId) -> str:
    if is_scratch_run(run_id):
        return DEFAULT
    return platform().tenant_of(SweepId(run_id.rpartition("-")[0]))


def _plan(lines: Sequence[Line]) -> str:
    rows = [f"| {line.part} | {line.fate} | {_cell(line.says)} |" for line in lines]
    return "\n".join(["| part | | what |", "|---|---|---|", *rows])


def _reruns(run: str, done: Sequence[Rerun]) -> str:
    rows = [f"| `{one.run_id}` | {one.state} | {_cell(one.reason)} |" for one in done]
    compared = f"Compare them: `sweepworks reproduce {run}`"
    return "\n".join(["| run | ended | |", "|---|---|---|", *rows, "", compared])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:500]
