"""One rerun: its work tree, its process, its record."""

import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sweepworks.provenance.software import ALLOWED

from compute.code_tree import check_script, make_tree
from orchestration.platform import Platform
from orchestration.rerun_folders import rerun_folder
from orchestration.rerun_recipe import Recipe
from orchestration.rerun_requests import RerunRefused, params_of, rerun_request
from orchestration.rerun_software import environments
from orchestration.settings import inherited_environment
from sweeps import ids, recorded
from sweeps.errors import NoCapacity, PermanentError, SweepsError
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.runs import ScratchRun
from sweeps.states import ExitReason, RunState
from sweeps.trials import LaunchRequest

_LOOK_SECONDS = 0.2
_BEAT_SECONDS = 20.0
_UNSENT_SECONDS = 60.0  # for what a script left in its spool
_STOP_SECONDS = 30.0


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
        software = recipe.software
        python = software.interpreter.executable
        if software.pins is not None:
            say("installing packages")
            python = environments(home).python(software.packages.python, software.pins)
        request = rerun_request(platform, recipe, run_id, tree, python)
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
            params=params_of(recipe),
            tags={},
            rerun_of=old.run.run_id,
        ),
        tenant_id=recipe.tenant_id,
    )
    platform.reruns.copy_datasets(old.run.run_id, rerun=run_id)


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
