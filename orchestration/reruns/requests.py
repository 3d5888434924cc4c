"""What a rerun executes: the recorded command in the new work tree, in an environment of ours."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from orchestration.platform import Platform
from orchestration.reruns.recipe import Recipe
from orchestration.settings import inherited_environment
from sweeps import ids, recorded, reruns
from sweeps.errors import PermanentError
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.relocation import relocated, relocated_command, relocated_variables
from sweeps.schedulers.catalog import make_scheduler
from sweeps.specs import Resources
from sweeps.trial_environment import data_variables, launch_request, parameter_variables
from sweeps.trials import LaunchRequest, SweepSnapshot, Trial


class RerunRefused(PermanentError):
    """A run that cannot be made again as it was."""


def params_of(recipe: Recipe) -> Mapping[str, str | int | float | bool]:
    """Of a trial its configuration, which its script may add to; of others all there are."""
    return recipe.record.params if recipe.trial is None else recipe.trial[1].configuration


def rerun_request(
    platform: Platform,
    recipe: Recipe,
    run_id: RunId,
    tree: Path,
    python: Path,
    *,
    resources: Resources,
) -> LaunchRequest:
    """The recorded command, its paths led into the new work tree.

    Raises:
        RerunRefused: There is no command, or no gateway to report to.
    """
    attempt_id = ids.attempt_id(run_id, 1)
    credentials = platform.credentials.for_attempt(recipe.tenant_id, attempt_id)
    if not credentials:
        raise RerunRefused("a rerun reports to a gateway, and none is known here")
    path = inherited_environment().get("PATH", "/usr/bin:/bin")
    variables = {
        **reruns.kept_variables(recipe.ran_with),
        **_python_path(recipe, tree),
        **data_variables([dataset.version for dataset in recipe.datasets]),
        "PATH": f"{python.parent}:{path}",
        # Without a repository of its own it must not be taken for the one around the home.
        "GIT_CEILING_DIRECTORIES": str(tree.parent),
    }
    if recipe.trial is None:
        request = _scratch_request(recipe, attempt_id, credentials, variables, tree, python)
        return replace(request, resources=resources)
    return _trial_request(recipe.trial, recipe, attempt_id, credentials, variables, tree, python)


def _trial_request(
    of: tuple[SweepSnapshot, Trial],
    recipe: Recipe,
    attempt_id: AttemptId,
    credentials: Mapping[str, str],
    variables: Mapping[str, str],
    tree: Path,
    python: Path,
) -> LaunchRequest:
    snapshot, trial = of
    spec = snapshot.sweep.spec
    run_id = ids.run_of(attempt_id)
    asked = launch_request(
        sweep_id=snapshot.sweep.sweep_id,
        spec=spec,
        source_dir=str(tree / (recipe.source_folder or ".")),
        trial=replace(trial, run_id=run_id),
        attempt_id=attempt_id,
        rungs=(),  # nobody decides about it
        max_resource=make_scheduler(spec.strategy.scheduler).max_resource,
        credentials=credentials,
    )
    # With an attempt it would be a trial, whose end its controller writes down.
    kept = {n: v for n, v in asked.environment.items() if n != "SWEEPWORKS_ATTEMPT_ID"}
    roots = recipe.roots
    return replace(
        asked,
        sweep_id=SweepId(run_id),  # what is ended with its sweep must not end this
        command=relocated_command(asked.command, roots=roots, tree=tree, python=python),
        environment=relocated_variables(kept, variables, roots=roots, tree=tree),
    )


def _scratch_request(
    recipe: Recipe,
    attempt_id: AttemptId,
    credentials: Mapping[str, str],
    variables: Mapping[str, str],
    tree: Path,
    python: Path,
) -> LaunchRequest:
    code, old = recipe.made_of, recipe.record
    arguments = [
        relocated(word, roots=recipe.roots, tree=tree) for word in recorded.words(code, "arguments")
    ]
    script = recorded.part(code, "script")
    path = recorded.text(script, "path")
    if path is None or script.get("is_notebook"):
        raise RerunRefused(f"there is no command to run {old.run.run_id} with")
    run_id = ids.run_of(attempt_id)
    file = tree / path
    module = recorded.text(script, "module")
    what = [str(file)] if module is None else ["-m", module]
    folder = (tree / (recorded.text(code, "folder") or ".")).resolve()
    is_inside = folder.is_relative_to(tree.resolve())
    if is_inside:
        folder.mkdir(parents=True, exist_ok=True)  # an empty one is in no commit
    return LaunchRequest(
        attempt_id=attempt_id,
        run_id=run_id,
        sweep_id=SweepId(run_id),
        command=(str(python), *what, *arguments),
        environment={
            **variables,
            **parameter_variables(old.params),
            **credentials,
            "SWEEPWORKS_RUN_ID": run_id,
            "SWEEPWORKS_EXPERIMENT": old.run.experiment,
            "SWEEPWORKS_SEED": str(old.run.seed),
            "SWEEPWORKS_PARAMS": json.dumps(dict(old.params)),
            "SWEEPWORKS_SOURCE_DIR": str(file.parent),
        },
        resources=Resources(),
        source_dir="",  # no argument is the name of a file beside it
        working_folder=str(folder) if is_inside else "",
    )


def _python_path(recipe: Recipe, tree: Path) -> Mapping[str, str]:
    """Folders of its code from which modules are imported, in the new work tree."""
    joined = recorded.texts(recipe.ran_with, "environment").get("PYTHONPATH", "")
    entries = [
        relocated(entry, roots=recipe.roots, tree=tree) for entry in joined.split(":") if entry
    ]
    for place in recipe.software.packages.own_code.values():
        entries += [str(path) for path in (tree / place / "src", tree / place) if path.is_dir()]
    # An interpreter with editable packages imports them from where they were, in any folder.
    for folder in recipe.software.interpreter.folders:
        moved = relocated(str(folder), roots=recipe.roots, tree=tree)
        if moved != str(folder) and Path(moved).is_dir():
            entries.append(moved)
    return {"PYTHONPATH": ":".join(dict.fromkeys(entries))} if entries else {}
