"""One rerun: its work tree, its process, its record."""

import contextlib
import datetime as dt
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sweepworks.provenance.software import ALLOWED

from compute.code_tree import check_script, make_tree
from orchestration.platform import Platform
from orchestration.rerun_folders import rerun_folder
from orchestration.rerun_recipe import Recipe, environments
from orchestration.settings import inherited_environment
from sweeps import ids, recorded, reruns
from sweeps.errors import NoCapacity, PermanentError, SweepsError
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.runs import ScratchRun
from sweeps.schedulers.catalog import make_scheduler
from sweeps.specs import Resources
from sweeps.states import ExitReason, RunState
from sweeps.trial_environment import data_variables, launch_request, parameter_variables
from sweeps.trials import LaunchRequest, SweepSnapshot, Trial

_LOOK_SECONDS = 0.2
_BEAT_SECONDS = 20.0
_UNSENT_SECONDS = 60.0  # for what a script left in its spool
_STOP_SECONDS = 30.0


class RerunRefused(PermanentError):
    """A run that cannot be made again as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """One that has ended."""

    run_id: RunId
    state: RunState
    reason: str
    logs: Path  #: folder of what it printed
    tree: Path | None  #: its work tree, when it was kept


def rerun(
    platform: Platform,
    recipe: Recipe,
    *,
    by: str,
    keep: bool,
    is_forced: bool,
    say: Callable[[str], None],
) -> Rerun:
    """Make the run again, follow it to its end, and remove what it needed.

    Raises:
        PermanentError: Its code cannot be made, or it cannot be launched; nothing is recorded then,
            or the record says that it has failed.
        SweepsError: Something does not answer.
    """
    run_id = ids.scratch_run_id(entropy=secrets.token_bytes(8))
    home = platform.settings.home
    with rerun_folder(home, run_id, keep=keep) as folder:
        tree = folder / "tree"
        say("making the work tree")
        make_tree(tree, recipe.code, is_forced=is_forced)
        _check_script(tree, recipe, is_forced=is_forced)
        python = recipe.interpreter.executable
        if recipe.pins is not None:
            say("installing packages")
            python = environments(platform).python(recipe.python, recipe.pins)
        request = _request(platform, recipe, run_id, tree, python)
        _record(platform, recipe, run_id, by)
        say(f"running {run_id}")
        state, reason = _execute(platform, recipe, request)
        platform.reruns.end(run_id, state, reason=reason)
        ended = platform.runs.get(run_id, tenant_id=recipe.tenant_id).run
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


def _record(platform: Platform, recipe: Recipe, run_id: RunId, by: str) -> None:
    old = recipe.record
    platform.runs.create_scratch_run(
        ScratchRun(
            run_id=run_id,
            experiment=old.run.experiment,
            owner=by,
            seed=old.run.seed,
            params=_params(recipe),
            tags={},
            rerun_of=old.run.run_id,
        ),
        tenant_id=recipe.tenant_id,
    )
    platform.reruns.copy_datasets(old.run.run_id, rerun=run_id)


def _params(recipe: Recipe) -> Mapping[str, str | int | float | bool]:
    """Of a trial its configuration, which its script may add to; of others all there are."""
    return recipe.record.params if recipe.trial is None else recipe.trial[1].configuration


def _request(
    platform: Platform, recipe: Recipe, run_id: RunId, tree: Path, python: Path
) -> LaunchRequest:
    attempt_id = ids.attempt_id(run_id, 1)
    credentials = platform.credentials.for_attempt(recipe.tenant_id, attempt_id)
    if not credentials:
        raise RerunRefused("a rerun reports to a gateway, and none is known here")
    path = inherited_environment().get("PATH", "/usr/bin:/bin")
    variables = {
        **reruns.kept_variables(recipe.software),
        **_python_path(recipe, tree),
        **data_variables([dataset.version for dataset in recipe.datasets]),
        "PATH": f"{python.parent}:{path}",
        # Without a repository of its own it must not be taken for the one around the home.
        "GIT_CEILING_DIRECTORIES": str(tree.parent),
    }
    if recipe.trial is None:
        return _scratch_request(recipe, attempt_id, credentials, variables, tree, python)
    return _trial_request(recipe.trial, recipe, attempt_id, credentials, variables, tree)


def _trial_request(
    of: tuple[SweepSnapshot, Trial],
    recipe: Recipe,
    attempt_id: AttemptId,
    credentials: Mapping[str, str],
    variables: Mapping[str, str],
    tree: Path,
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
    return replace(
        asked,
        sweep_id=SweepId(run_id),  # what is ended with its sweep must not end this
        environment={**variables, **kept},
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
        command=(str(python), *what, *recorded.words(code, "arguments")),
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
        resources=Resources(cpu=0.0, gpu=len(_gpus(recipe))),
        source_dir="",  # its arguments stay as they were written
        working_folder=str(folder) if is_inside else "",
    )


def _gpus(recipe: Recipe) -> list[object]:
    """As many as it had, or as there are."""
    had = recorded.items(recipe.record.provenance.get("hardware") or {}, "gpus")
    has_fewer = any(
        line.part == "gpus" and line.fate is reruns.Fate.MISSING for line in recipe.lines
    )
    return [] if has_fewer else list(had)


def _python_path(recipe: Recipe, tree: Path) -> Mapping[str, str]:
    """Folders of its code from which modules are imported, in the new work tree."""
    root = recorded.text(recipe.made_of, "root") or ""
    entries: list[str] = []
    variables = recorded.texts(recipe.software, "environment")
    for entry in filter(None, variables.get("PYTHONPATH", "").split(":")):
        inside = bool(root) and Path(entry).is_relative_to(root)
        entries.append(str(tree / Path(entry).relative_to(root)) if inside else entry)
    for name, folder in recipe.interpreter.editable.items():
        if root and folder.is_relative_to(root) and name not in reruns.OWN_PACKAGES:
            moved = tree / folder.relative_to(root)
            entries += [str(path) for path in (moved / "src", moved) if path.is_dir()]
    return {"PYTHONPATH": ":".join(entries)} if entries else {}


def _execute(platform: Platform, recipe: Recipe, request: LaunchRequest) -> tuple[RunState, str]:
    """Launch it and wait; how it has ended, for a record that its script did not end itself."""
    inherited = {n: v for n, v in inherited_environment().items() if n not in ALLOWED}
    launcher = platform.launcher_with(inherited)
    beating = _Beat(platform, recipe, request.run_id)
    try:
        while True:
            try:
                launcher.launch(request)
                break
            except NoCapacity:
                beating.beat()
                time.sleep(_LOOK_SECONDS)
        while (status := _status(launcher.poll, request)) is None or status.exit is None:
            beating.beat()
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        launcher.stop(request.attempt_id, reason=ExitReason.CANCELLED)
        give_up_at = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < give_up_at:
            status = _status(launcher.poll, request)
            if status is None or status.phase is AttemptPhase.EXITED:
                break
            time.sleep(_LOOK_SECONDS)
        platform.reruns.end(request.run_id, RunState.CANCELLED, reason="interrupted by a person")
        raise
    except SweepsError as exc:
        platform.reruns.end(request.run_id, RunState.FAILED, reason=str(exc))
        raise
    _bring_what_is_left(platform, recipe, request)
    if status.exit.reason is ExitReason.COMPLETED:
        return RunState.COMPLETED, ""
    return RunState.FAILED, f"{status.exit.reason}: {status.exit.message[-1500:]}"


def _status(
    poll: Callable[[SweepId, list[AttemptId]], Mapping[AttemptId, AttemptStatus]],
    request: LaunchRequest,
) -> AttemptStatus | None:
    return poll(request.sweep_id, [request.attempt_id]).get(request.attempt_id)


def _bring_what_is_left(platform: Platform, recipe: Recipe, request: LaunchRequest) -> None:
    give_up_at = time.monotonic() + _UNSENT_SECONDS
    while platform.courier.unsent(recipe.tenant_id, [request.attempt_id]):
        if time.monotonic() >= give_up_at:
            return  # the supervisor goes on with it
        time.sleep(_LOOK_SECONDS)


class _Beat:
    """Says that a rerun lives while its script has nothing to say: this command sees to it."""

    def __init__(self, platform: Platform, recipe: Recipe, run_id: RunId) -> None:
        self._platform = platform
        self._recipe = recipe
        self._run_id = run_id
        self._next = dt.datetime.now(dt.UTC)

    def beat(self) -> None:
        now = dt.datetime.now(dt.UTC)
        if now < self._next:
            return
        self._next = now + dt.timedelta(seconds=_BEAT_SECONDS)
        with contextlib.suppress(Exception):  # an outage is no reason to end a training
            self._platform.runs.beat(self._run_id, tenant_id=self._recipe.tenant_id)
