"""Generated worlds and policies: what must stay is in no plan, and a plan that was carried out is done."""

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from retention.planning import plan
from retention.plans import ItemKind, RetentionPlan
from retention.policy import (
    ByteBudget,
    CheckpointRules,
    MetricRules,
    RetentionClass,
    RetentionPolicy,
    RunRules,
    Scope,
)
from retention.world import ArtifactKind, Hold, HoldScope
from sweeps.states import RunState
from tests.retention_world import DAY, NOW, File, Row, Rows, Sweep, world_of

LENGTHS = st.none() | st.sampled_from([1, 5, 20, 50]).map(lambda days: dt.timedelta(days=days))
AGES = st.sampled_from([0, 2, 10, 30, 100])
KEPT_TAGS = {"keeper", "production_candidate", "baseline"}


@st.composite
def policies(draw: st.DrawFn) -> RetentionPolicy:
    def one(name: str) -> RetentionClass:
        return RetentionClass(
            name=name,
            checkpoints=CheckpointRules(
                thin_after=draw(LENGTHS),
                expire_after=draw(LENGTHS),
                best_of_trial=draw(st.integers(0, 2)),
                latest_of_trial=draw(st.integers(0, 2)),
                best_of_sweep=draw(st.integers(0, 2)),
            ),
            logs_after=draw(LENGTHS),
            runs=RunRules(
                scratch_after=draw(LENGTHS),
                failed_after=draw(LENGTHS),
                below_baseline_after=draw(LENGTHS),
                unpromoted_after=draw(LENGTHS),
            ),
            metrics=MetricRules(raw=dt.timedelta(days=draw(st.sampled_from([15, 40])))),
        )

    budgets = draw(st.lists(st.sampled_from([0, 150, 400]), max_size=2))
    return RetentionPolicy(
        min_age=dt.timedelta(days=draw(st.sampled_from([0, 3, 20]))),
        classes={name: one(name) for name in ("standard", "short")},
        default_class="standard",
        budgets=[
            ByteBudget(
                scope=Scope(experiment=draw(st.sampled_from(["*", "a", "b"]))), max_bytes=most
            )
            for most in budgets
        ],
    )


@st.composite
def files(draw: st.DrawFn) -> list[File]:
    found: list[File] = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(
            st.sampled_from([ArtifactKind.CHECKPOINT, ArtifactKind.LOG, ArtifactKind.OTHER])
        )
        blob = draw(st.none() | st.integers(0, 3))
        found.append(
            File(
                name=f"file-{number}",
                kind=kind,
                size=100 if blob is not None else draw(st.sampled_from([0, 50, 100])),
                age_days=draw(AGES),
                level=draw(st.integers(-1, 3)) if kind is ArtifactKind.CHECKPOINT else -1,
                value=draw(st.sampled_from([math.nan, 0.1, 0.2])),
                blob=blob,
            )
        )
    return found


@st.composite
def worlds(draw: st.DrawFn) -> Rows:
    sweeps = [
        Sweep(
            sweep_id=f"s{number}",
            experiment=draw(st.sampled_from(["a", "b"])),
            is_open=draw(st.booleans()),
            is_maximized=draw(st.booleans()),
            class_name=draw(st.sampled_from([None, "short", "gone"])),
            warm_start=draw(st.sampled_from([(), ("s0",)])),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    runs: list[Row] = []
    for number in range(draw(st.integers(1, 6))):
        sweep = draw(st.none() | st.sampled_from(sweeps)) if sweeps else None
        runs.append(
            Row(
                run_id=f"r{number}",
                sweep=sweep and sweep.sweep_id,
                experiment=sweep.experiment if sweep else "a",
                state=draw(st.sampled_from(RunState)),
                age_days=draw(AGES),
                is_sealed=draw(st.booleans()),
                objective=draw(st.sampled_from([math.nan, 0.1, 0.2, 0.3])),
                points=draw(st.integers(0, 2)),
                tags=draw(
                    st.lists(st.sampled_from([*sorted(KEPT_TAGS), "test_run", "x"]), max_size=2)
                ),
                files=draw(files()),
            )
        )
    names = st.sampled_from([run.run_id for run in runs])
    nodes = names.map(lambda name: f"run:{name}") | names.map(
        lambda name: f"artifact:{name}/file-0"
    )
    edges = st.lists(st.tuples(st.just("default"), nodes, nodes | st.just("model:m@1")), max_size=4)
    holds = st.lists(
        st.builds(
            Hold,
            tenant=st.just("default"),
            scope=st.sampled_from([HoldScope.EXPERIMENT, HoldScope.SWEEP, HoldScope.RUN]),
            name=names | st.sampled_from(["a", "b", "s0", "s1"]),
            until=st.none() | st.sampled_from([NOW - dt.timedelta(1), NOW + dt.timedelta(1)]),
        ),
        max_size=2,
    )
    return Rows(
        runs=runs,
        sweeps=sweeps,
        holds=draw(holds),
        promoted=draw(st.lists(names, max_size=1)),
        candidates=draw(st.lists(names, max_size=1)),
        evaluated=draw(st.lists(names, max_size=1)),
        reruns=draw(st.lists(st.tuples(names, names), max_size=1)),
        edges=draw(edges),
    )


def must_stay(rows: Rows) -> set[str]:
    """Runs that nothing may be taken from, found the slow and plain way."""
    open_sweeps = {sweep.sweep_id for sweep in rows.sweeps if sweep.is_open}
    learnt_from = {name for sweep in rows.sweeps if sweep.is_open for name in sweep.warm_start}
    busy = {
        run.run_id
        for run in rows.runs
        if not run.state.is_terminal or run.sweep in open_sweeps or not run.is_sealed
    }
    kept = busy | {run.run_id for run in rows.runs if KEPT_TAGS & set(run.tags)}
    kept |= {run.run_id for run in rows.runs if run.sweep in learnt_from}
    kept |= {*rows.promoted, *rows.candidates, *rows.evaluated} | {
        of for rerun, of in rows.reruns if rerun in busy
    }
    for hold in rows.holds:
        if hold.until is None or hold.until > NOW:
            kept |= {
                run.run_id
                for run in rows.runs
                if (hold.scope is HoldScope.EXPERIMENT and run.experiment == hold.name)
                or (hold.scope is HoldScope.SWEEP and run.sweep == hold.name)
                or (hold.scope is HoldScope.RUN and run.run_id == hold.name)
            }
    found = {f"run:{name}" for name in kept} | {"model:m@1"}
    while True:
        # A run's artifacts stay with it, and an artifact that stays keeps its run.
        found |= {
            f"artifact:{name.removeprefix('run:')}/file-0" for name in found if name[0] == "r"
        }
        found |= {f"run:{name[9:].split('/')[0]}" for name in found if name[0] == "a"}
        more = {upstream for _, upstream, downstream in rows.edges if downstream in found}
        if more <= found:
            return {name.removeprefix("run:") for name in found if name.startswith("run:")}
        found |= more


def going(found: RetentionPlan) -> Iterator[tuple[str, str]]:
    for item in found.items():
        if item.spared_by is None and item.kind is not ItemKind.TIER:
            yield item.run_id, item.name


@settings(max_examples=150, deadline=None)
@given(rows=worlds(), policy=policies())
def test_what_must_stay_is_in_no_plan(rows: Rows, policy: RetentionPolicy) -> None:
    found = plan(world_of(rows), policy, now=NOW)

    assert must_stay(rows).isdisjoint(run_id for run_id, _ in going(found))


@settings(max_examples=60, deadline=None)
@given(rows=worlds(), policy=policies())
def test_what_is_too_young_is_in_no_plan(rows: Rows, policy: RetentionPolicy) -> None:
    least = policy.min_age.total_seconds()
    young = {r.run_id for r in rows.runs if r.state.is_terminal and r.age_days * DAY < least}
    fresh = {(r.run_id, f.name) for r in rows.runs for f in r.files if f.age_days * DAY < least}

    found = set(going(plan(world_of(rows), policy, now=NOW)))

    assert young.isdisjoint(run_id for run_id, _ in found)
    assert fresh.isdisjoint(found)


@settings(max_examples=60, deadline=None)
@given(rows=worlds(), policy=policies())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    rows: Rows, policy: RetentionPolicy
) -> None:
    gone = set(going(plan(world_of(rows), policy, now=NOW)))
    left = dataclasses.replace(
        rows,
        runs=[
            dataclasses.replace(
                run,
                files=[file for file in run.files if (run.run_id, file.name) not in gone],
                points=0 if (run.run_id, "") in gone else run.points,
            )
            for run in rows.runs
        ],
    )

    assert list(going(plan(world_of(left), policy, now=NOW))) == []


@settings(max_examples=60, deadline=None)
@given(rows=worlds(), policy=policies())
def test_each_item_is_there_once_and_the_sums_are_theirs(
    rows: Rows, policy: RetentionPolicy
) -> None:
    found = plan(world_of(rows), policy, now=NOW)
    items = [item for item in found.items() if item.kind is not ItemKind.TIER]

    assert len({(item.run_id, item.name) for item in items}) == len(items)
    counted = sum(share.size_bytes for share in found.shares().values())
    assert counted == sum(item.size_bytes for item in items if item.spared_by is None)
    assert sum(share.count for share in found.spared().values()) == sum(
        item.spared_by is not None for item in items
    )


@settings(max_examples=60, deadline=None)
@given(rows=worlds(), policy=policies())
def test_no_tier_is_dropped_under_a_run_that_keeps_its_points(
    rows: Rows, policy: RetentionPolicy
) -> None:
    for drop in plan(world_of(rows), policy, now=NOW).tiers:
        for run in rows.runs:
            first = NOW - dt.timedelta(days=run.age_days, hours=1)
            if run.points and first < drop.before:
                assert run.state.is_terminal
                assert run.is_sealed
