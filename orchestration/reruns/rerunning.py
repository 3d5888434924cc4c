"""A run once more: found again, and made where runs of its kind are made."""

from collections.abc import Callable, Sequence
from pathlib import Path

from orchestration.platform import Platform
from orchestration.reruns.execution import Rerun
from orchestration.reruns.folders import left_reruns
from orchestration.reruns.in_cluster import PodRecipe, pod_recipe, rerun_in_cluster
from orchestration.reruns.left import settle
from orchestration.reruns.recipe import Recipe, recipe
from orchestration.reruns.requests import RerunRefused
from orchestration.reruns.rerun import rerun
from orchestration.reruns.software import environments
from sweeps.ids import RunId, TenantId


def found_again(
    platform: Platform, run_id: RunId, *, tenant_id: TenantId, repositories: Sequence[Path] = ()
) -> Recipe | PodRecipe:
    """What the run was made of, as far as its `lines` say. Runs and installs nothing.

    Args:
        repositories: Where to look for its commit first.

    Raises:
        RunNotFound: There is none of that name for the tenant.
    """
    in_cluster = pod_recipe(platform, run_id, tenant_id=tenant_id)
    if in_cluster is not None:
        return in_cluster
    return recipe(platform, run_id, tenant_id=tenant_id, repositories=repositories)


def require_whole(found: Recipe | PodRecipe) -> None:
    """Raise `RerunRefused` where something is missing, without which it is another run."""
    if found.missing:
        parts = ", ".join(dict.fromkeys(line.part for line in found.missing))
        run = found.record.run.run_id
        raise RerunRefused(
            f"{run} would be another run without its {parts}; --force, or `force: true`, runs it all the same"
        )


def make_again(
    platform: Platform,
    found: Recipe | PodRecipe,
    *,
    by: str,
    keep: bool = False,
    is_forced: bool = False,
    say: Callable[[str], None],
) -> Rerun:
    """Make it once when it is its turn, and follow it to its end.

    Args:
        by: Who pays for it: their budgets, and those of the tenant and the experiment.

    Raises:
        OverBudget: These do not pay for it; before anything is made.
        PermanentError: It cannot be made; see `rerun` and `rerun_in_cluster`.
        SweepsError: Something does not answer.
    """
    demand = found.demand(by=by)
    platform.budget_gate.check_rerun(demand)
    if isinstance(found, PodRecipe):
        return rerun_in_cluster(platform, found, demand, say=say)
    home = platform.settings.home
    settle(home, platform.reruns, left_reruns(home))  # where no supervisor does
    environments(home).forget_unused()
    return rerun(platform, found, demand, keep=keep, is_forced=is_forced, say=say)
