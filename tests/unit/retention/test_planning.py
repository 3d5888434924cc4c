"""What a plan names, and what it spares."""

import dataclasses
import datetime as dt
import math

import pytest

from retention.guards import Guard
from retention.planning import plan
from retention.plans import ItemKind, PlanItem, RetentionPlan, Rule
from retention.policy import (
    ByteBudget,
    CheckpointRules,
    RetentionClass,
    RetentionPolicy,
    RunRules,
    Scope,
)
from retention.tiers import Tier
from retention.world import ArtifactKind, Group, Hold, HoldScope
from sweeps.states import RunState
from tests.retention_world import NOW, File, Row, Rows, Sweep, checkpoint, world_of

_NEVER = RunRules(
    scratch_after=None, failed_after=None, below_baseline_after=None, unpromoted_after=None
)
POLICY = RetentionPolicy(classes={"standard": RetentionClass(name="standard")},
                         default_class="standard")  # fmt: skip


def policy_of(**rules: object) -> RetentionPolicy:
    one = dataclasses.replace(RetentionClass(name="standard"), **rules)  # pyright: ignore[reportArgumentType]
    return RetentionPolicy(classes={"standard": one}, default_class="standard")


def made(rows: Rows, policy: RetentionPolicy = POLICY) -> RetentionPlan:
    return plan(world_of(rows), policy, now=NOW)


def gone(found: RetentionPlan) -> dict[str, Rule]:
    return {item.name: item.rule for item in found.items()
            if item.spared_by is None and item.kind is ItemKind.ARTIFACT}  # fmt: skip


def spared(found: RetentionPlan) -> list[PlanItem]:
    return [item for item in found.items() if item.spared_by is not None]


LOG = File(name="logs/a1.log", kind=ArtifactKind.LOG)
SCRATCH = Row(run_id="scratch-aaaa", files=[File(name="model.pt")])


def trial(number: int, *, objective: float = math.nan, **kwargs: object) -> Row:
    return Row(run_id=f"s-{number:05}", sweep="s", objective=objective, **kwargs)  # pyright: ignore[reportArgumentType]


def test_an_empty_world_has_an_empty_plan() -> None:
    assert list(made(Rows(runs=[])).items()) == []


def test_of_an_old_scratch_run_files_and_points_go() -> None:
    found = list(made(Rows(runs=[SCRATCH])).items())

    assert [(item.kind, item.rule) for item in found if item.kind is not ItemKind.TIER] == [
        (ItemKind.ARTIFACT, Rule.SCRATCH),
        (ItemKind.POINTS, Rule.SCRATCH),
    ]


@pytest.mark.parametrize(
    ("tags", "guard"),
    [
        (["keeper"], Guard.KEEPER),
        (["production_candidate"], Guard.CANDIDATE),
        (["baseline"], Guard.BASELINE),
    ],
)
def test_a_tag_spares(tags: list[str], guard: Guard) -> None:
    found = made(Rows(runs=[dataclasses.replace(SCRATCH, tags=tags)]))

    assert {item.spared_by for item in spared(found)} == {guard}
    assert gone(found) == {}


@pytest.mark.parametrize(
    "hold",
    [
        Hold(tenant="default", scope=HoldScope.TENANT, name="default"),
        Hold(tenant="default", scope=HoldScope.EXPERIMENT, name="digits"),
        Hold(tenant="default", scope=HoldScope.SWEEP, name="s"),
        Hold(tenant="default", scope=HoldScope.RUN, name="s-00001"),
        Hold(tenant="default", scope=HoldScope.MODEL, name="reader"),
        Hold(tenant="default", scope=HoldScope.MODEL, name="reader@2"),
        Hold(tenant="default", scope=HoldScope.DATASET, name="images@1"),
    ],
)
def test_a_hold_spares_until_its_time_is_over(hold: Hold) -> None:
    runs = [trial(1, state=RunState.FAILED, files=[File(name="a")])]
    edges = [("default", "dataset:images@1", "run:s-00001")]
    if hold.scope is HoldScope.MODEL:
        edges.append(("default", "artifact:s-00001/a", "model:reader@2"))
    over = dataclasses.replace(hold, until=NOW - dt.timedelta(seconds=1))

    held = made(Rows(runs=runs, sweeps=[Sweep(sweep_id="s")], holds=[hold], edges=edges))
    lifted = made(Rows(runs=runs, sweeps=[Sweep(sweep_id="s")], holds=[over], edges=edges[:1]))

    assert gone(held) == {}
    assert gone(lifted) == {"a": Rule.FAILED}


@pytest.mark.parametrize(
    ("hold", "kept"),
    [
        (Hold(tenant="vision", scope=HoldScope.TENANT, name="vision"), "vision"),
        # As an earlier version wrote it down: what was said of vision holds for vision.
        (Hold(tenant="default", scope=HoldScope.TENANT, name="vision"), "vision"),
        (Hold(tenant="default", scope=HoldScope.TENANT, name="nope"), None),
        (Hold(tenant="vision", scope=HoldScope.EXPERIMENT, name="digits"), "vision"),
        (Hold(tenant="vision", scope=HoldScope.DATASET, name="images"), "vision"),
        (Hold(tenant="nope", scope=HoldScope.DATASET, name="images"), None),
    ],
)
def test_a_hold_is_on_one_tenant(hold: Hold, kept: str | None) -> None:
    runs = [
        Row(run_id=f"scratch-{tenant}", tenant=tenant, files=[File(name=tenant)])
        for tenant in ("default", "vision")
    ]
    edges = [(run.tenant, "dataset:images@1", f"run:{run.run_id}") for run in runs]

    found = made(Rows(runs=runs, holds=[hold], edges=edges))

    assert set(gone(found)) == {"default", "vision"} - {kept}


def test_what_a_dataset_of_a_held_tenant_came_out_of_stays() -> None:
    runs = [
        Row(run_id=f"scratch-{tenant}", tenant=tenant, files=[File(name=tenant)])
        for tenant in ("default", "vision")
    ]
    edges = [(run.tenant, f"artifact:{run.run_id}/{run.tenant}", "dataset:d@1") for run in runs]
    hold = Hold(tenant="default", scope=HoldScope.TENANT, name="vision")

    assert set(gone(made(Rows(runs=runs, holds=[hold], edges=edges)))) == {"default"}


def test_what_a_promoted_run_came_out_of_stays() -> None:
    source = dataclasses.replace(SCRATCH, run_id="scratch-source")
    middle = dataclasses.replace(SCRATCH, run_id="scratch-middle")
    stranger = dataclasses.replace(SCRATCH, run_id="scratch-stranger", files=[File(name="other")])
    edges = [
        ("default", "artifact:scratch-source/model.pt", "run:scratch-middle"),
        ("default", "artifact:scratch-middle/model.pt", "run:scratch-aaaa"),
    ]

    found = made(
        Rows(runs=[SCRATCH, source, middle, stranger], promoted=["scratch-aaaa"], edges=edges)
    )

    assert gone(found) == {"other": Rule.SCRATCH}
    assert {item.run_id: item.spared_by for item in spared(found)} == {
        "scratch-aaaa": Guard.PROMOTED,
        "scratch-middle": Guard.LINEAGE,
        "scratch-source": Guard.LINEAGE,
    }


def test_a_circle_in_the_lineage_ends() -> None:
    edges = [("default", "artifact:scratch-aaaa/model.pt", "run:scratch-aaaa")]

    found = made(Rows(runs=[SCRATCH], evaluated=["scratch-aaaa"], edges=edges))

    assert gone(found) == {}


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED, RunState.QUEUED])
def test_a_trial_that_may_go_on_keeps_its_checkpoints(state: RunState) -> None:
    runs = [trial(1, state=state, files=[checkpoint(1), checkpoint(2), checkpoint(3)])]

    assert gone(made(Rows(runs=runs, sweeps=[Sweep(sweep_id="s")]))) == {}


def test_trials_of_an_open_sweep_and_of_those_that_it_learns_from_stay() -> None:
    bad = {"state": RunState.FAILED, "files": [File(name="a")]}
    runs = [trial(1, **bad), dataclasses.replace(trial(1, **bad), run_id="t-00001", sweep="t")]
    sweeps = [Sweep(sweep_id="s"), Sweep(sweep_id="t", is_open=True, warm_start=("s",))]

    found = made(Rows(runs=runs, sweeps=sweeps))

    assert {item.run_id: item.spared_by for item in spared(found)} == {
        "s-00001": Guard.WARM_START,
        "t-00001": Guard.IN_USE,
    }


def test_a_run_that_is_being_repeated_stays() -> None:
    again = Row(run_id="scratch-bbbb", state=RunState.RUNNING)

    found = made(Rows(runs=[SCRATCH, again], reruns=[("scratch-bbbb", "scratch-aaaa")]))

    assert {item.spared_by for item in spared(found)} == {Guard.RERUN}


def test_of_a_trial_the_best_and_the_latest_checkpoint_stay() -> None:
    files = [checkpoint(level, value=value) for level, value in enumerate([0.5, 0.9, 0.7, 0.6])]
    rules = CheckpointRules(expire_after=None)

    found = made(
        Rows(runs=[trial(1, files=files)], sweeps=[Sweep(sweep_id="s", is_maximized=True)]),
        policy_of(checkpoints=rules, runs=_NEVER),
    )

    assert gone(found) == {
        "checkpoints/0/model.pt": Rule.SURPLUS,
        "checkpoints/2/model.pt": Rule.SURPLUS,
    }


@pytest.mark.parametrize("is_exported", [True, False])
def test_rollups_of_a_kept_run_stay_until_its_points_are_a_file(is_exported: bool) -> None:
    kept = dataclasses.replace(SCRATCH, tags=["keeper"], is_exported=is_exported)

    found = made(Rows(runs=[kept]))

    dropped = {drop.tier for drop in found.tiers}
    assert (Tier.MINUTES in dropped) == is_exported


def test_a_checkpoint_without_a_level_is_not_thinned() -> None:
    final = File(name="model.pt", kind=ArtifactKind.CHECKPOINT)
    files = [checkpoint(1, value=0.5), checkpoint(2, value=0.9), checkpoint(3, value=0.7), final]

    found = made(
        Rows(runs=[trial(1, files=files)], sweeps=[Sweep(sweep_id="s", is_maximized=True)]),
        policy_of(checkpoints=CheckpointRules(expire_after=None), runs=_NEVER),
    )

    assert gone(found) == {"checkpoints/1/model.pt": Rule.SURPLUS}


def test_checkpoints_expire_but_for_those_of_the_best_trials() -> None:
    runs = [
        trial(number, objective=value, files=[checkpoint(number)])
        for number, value in enumerate([0.1, 0.2, 0.3])
    ]

    found = made(
        Rows(runs=runs, sweeps=[Sweep(sweep_id="s")]),
        policy_of(checkpoints=CheckpointRules(best_of_sweep=2), runs=_NEVER),
    )

    assert gone(found) == {"checkpoints/2/model.pt": Rule.EXPIRED}
    assert {item.spared_by for item in spared(found)} == {Guard.BEST_OF_SWEEP}


@pytest.mark.parametrize("is_maximized", [True, False])
def test_runs_below_the_baseline_go(is_maximized: bool) -> None:
    values = {1: 0.9, 2: 0.5, 3: 0.1}
    worse = 3 if is_maximized else 1
    runs = [
        trial(
            number,
            objective=value,
            tags=["baseline"] if number == 2 else (),
            files=[File(name=f"f{number}")],
        )
        for number, value in values.items()
    ]

    found = made(
        Rows(runs=runs, sweeps=[Sweep(sweep_id="s", is_maximized=is_maximized)]),
        policy_of(checkpoints=CheckpointRules(best_of_sweep=0)),
    )

    assert gone(found) == {f"f{worse}": Rule.BELOW_BASELINE}


def test_without_a_baseline_none_is_below_it() -> None:
    runs = [trial(1, objective=0.1, files=[File(name="a")])]

    assert gone(made(Rows(runs=runs, sweeps=[Sweep(sweep_id="s")]))) == {}


def test_logs_go_and_results_stay() -> None:
    runs = [trial(1, files=[LOG, File(name="report.json")])]

    assert gone(made(Rows(runs=runs, sweeps=[Sweep(sweep_id="s")]))) == {LOG.name: Rule.LOGS}


def test_what_is_young_is_spared() -> None:
    young = dataclasses.replace(SCRATCH, age_days=2, files=[File(name="a")])
    impatient = policy_of(runs=RunRules(scratch_after=dt.timedelta(days=1)))

    found = made(Rows(runs=[young]), impatient)

    assert {item.spared_by for item in spared(found)} == {Guard.TOO_YOUNG}


def test_a_budget_takes_what_is_worth_least_first_down_to_the_limit() -> None:
    files = [checkpoint(1), checkpoint(2), LOG, File(name="report.json")]
    quiet = policy_of(
        checkpoints=CheckpointRules(thin_after=None, expire_after=None, best_of_sweep=0),
        logs_after=None,
        runs=_NEVER,
    )
    budget = ByteBudget(scope=Scope(tenant="default"), max_bytes=250)
    rows = Rows(runs=[trial(1, files=files)], sweeps=[Sweep(sweep_id="s")])

    found = made(rows, dataclasses.replace(quiet, budgets=[budget]))

    assert gone(found) == {"checkpoints/1/model.pt": Rule.BUDGET, LOG.name: Rule.BUDGET}


def test_a_budget_deletes_nothing_whose_bytes_others_keep() -> None:
    shared = File(name="a", blob=1)
    rows = Rows(
        runs=[
            trial(1, files=[shared, File(name="b")]),
            trial(2, tags=["keeper"], files=[dataclasses.replace(shared, name="c")]),
        ],
        sweeps=[Sweep(sweep_id="s")],
    )
    budget = ByteBudget(scope=Scope(), max_bytes=0)

    found = made(rows, dataclasses.replace(policy_of(runs=_NEVER), budgets=[budget]))

    assert gone(found) == {"b": Rule.BUDGET}
    assert found.freed_bytes == 100


def test_a_sweep_chooses_its_class_and_others_get_theirs_by_pattern() -> None:
    strict = RetentionClass(
        name="short", runs=dataclasses.replace(_NEVER, unpromoted_after=dt.timedelta(days=5))
    )
    policy = RetentionPolicy(
        classes={"standard": RetentionClass(name="standard", runs=_NEVER), "short": strict},
        default_class="standard",
    )
    runs = [
        trial(1, files=[File(name="chosen")]),
        dataclasses.replace(SCRATCH, files=[File(name="default")]),
    ]

    found = made(Rows(runs=runs, sweeps=[Sweep(sweep_id="s", class_name="short")]), policy)

    assert gone(found) == {"chosen": Rule.UNPROMOTED}


def test_an_experiment_that_is_tagged_keeper_keeps_all_its_runs() -> None:
    tags = {Group("default", "digits"): frozenset({"keeper"})}

    assert gone(made(Rows(runs=[SCRATCH], experiment_tags=tags))) == {}
