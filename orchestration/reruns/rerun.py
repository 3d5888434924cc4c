"""One rerun on this machine: its work tree, its environment, its process."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sweepworks.provenance.software import ALLOWED

from compute.code_tree import check_script, make_tree
from orchestration.platform import Platform
from orchestration.reruns.data import with_stored
from orchestration.reruns.execution import Rerun, conclude, execute, write_record
from orchestration.reruns.folders import rerun_folder
from orchestration.reruns.recipe import Recipe
from orchestration.reruns.requests import RerunRefused, params_of, rerun_request
from orchestration.reruns.software import environments
from orchestration.settings import inherited_environment
from sweeps import ids, recorded
from sweeps.errors import PermanentError
from sweeps.rerun_demand import RerunDemand
from sweeps.trials import LaunchRequest

_LOOK_SECONDS = 0.2
_UNSENT_SECONDS = 60.0  # for what a script left in its spool


def rerun(
    platform: Platform,
    recipe: Recipe,
    demand: RerunDemand,
    *,
    keep: bool,
    is_forced: bool,
    say: Callable[[str], None],
) -> Rerun:
    """Make the run again once it is admitted, follow it to its end, and remove what it needed.

    Raises:
        PermanentError: Its code cannot be made, it may not start, or it cannot be launched; nothing
            is recorded then, or the record says that it has failed.
        SweepsError: Something does not answer.
    """
    run_id = ids.scratch_run_id(entropy=secrets.token_bytes(8))
    home = platform.settings.home
    with rerun_folder(home, run_id, keep=keep) as folder:
        tree = folder / "tree"
        say("making the work tree")
        make_tree(tree, recipe.code, is_forced=is_forced)
        _check_script(tree, recipe, is_forced=is_forced)
        software = recipe.software
        python = software.interpreter.executable
        if software.pins is not None:
            say("installing packages")
            python = environments(home).python(software.packages.python, software.pins)
        params, tenant_id = params_of(recipe), recipe.tenant_id
        old, data = recipe.record.run.run_id, folder / "data"
        datasets = with_stored(platform, recipe.datasets, old, folder=data, tenant_id=tenant_id)
        with_data = replace(recipe, datasets=datasets)
        request = rerun_request(
            platform, with_data, run_id, tree, python, resources=demand.resources
        )
        write_record(platform, recipe.record, run_id, params=params, demand=demand)
        inherited = {n: v for n, v in inherited_environment().items() if n not in ALLOWED}
        launcher = platform.launcher_with(inherited)
        state, reason = execute(platform, launcher, request, demand, say=say)
        _bring_what_is_left(platform, recipe, request)
        conclude(platform, run_id, state, reason)
        ended = platform.runs.get(run_id, tenant_id=tenant_id).run
    return Rerun(
        run_id=run_id,
        state=ended.state,
        reason=ended.reason,
        logs=home.runs / run_id / request.attempt_id,
        tree=tree if keep else None,
    )


def _check_script(tree: Path, recipe: Recipe, *, is_forced: bool) -> None:
    script = recorded.part(recipe.made_of, "script")
    path = recorded.text(script, "path")
    if path is None:
        return
    try:
        check_script(tree, path, recorded.text(script, "sha256"))
    except PermanentError as exc:
        if not is_forced:
            raise RerunRefused(f"{exc}; --force runs it all the same") from exc


def _bring_what_is_left(platform: Platform, recipe: Recipe, request: LaunchRequest) -> None:
    give_up_at = time.monotonic() + _UNSENT_SECONDS
    while platform.courier.unsent(recipe.tenant_id, [request.attempt_id]):
        if time.monotonic() >= give_up_at:
            return  # the supervisor goes on with it
        time.sleep(_LOOK_SECONDS)
