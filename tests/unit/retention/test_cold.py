"""What goes to a colder class: what stays, is read by nobody, and is due with all that share its bytes."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.cold import LEAST_BYTES
from retention.cold_text import cold_lines
from retention.planning import plan
from retention.plans import ItemKind, PlanItem, RetentionPlan
from retention.policy import Assignment, RetentionClass, RetentionPolicy, RunRules, Scope
from sweeps.blobs import StorageClass
from sweeps.states import RunState
from tests.retention_world import NOW, File, Row, Rows, Sweep, world_of
from tests.unit.retention.test_plan_properties import policies, worlds

IA, GLACIER = StorageClass.STANDARD_IA, StorageClass.GLACIER_IR
NEVER = RunRules(
    scratch_after=None, failed_after=None, below_baseline_after=None, unpromoted_after=None
)
KEEPS = RetentionClass(
    name="standard", runs=NEVER, logs_after=None, cold_after=dt.timedelta(days=14), cold_class=IA
)
POLICY = RetentionPolicy(classes={"standard": KEEPS}, default_class="standard")
BIG = File(name="big", size=LEAST_BYTES)
RUN = Row(run_id="a", files=[BIG])


def made(*runs: Row, policy: RetentionPolicy = POLICY, **rows: object) -> RetentionPlan:
    world = world_of(Rows(runs=runs, **rows))  # pyright: ignore[reportArgumentType]
    return plan(world, policy, now=NOW, has_classes=True)


def cold(found: RetentionPlan) -> dict[str, StorageClass | None]:
    return {f"{i.run_id}/{i.name}": i.storage_class for i in moves(found)}


def moves(found: RetentionPlan) -> list[PlanItem]:
    return [item for item in found.items() if item.kind is ItemKind.COLD]


def changed(run: Row = RUN, **file: object) -> Row:
    return dataclasses.replace(run, files=[dataclasses.replace(BIG, **file)])  # pyright: ignore[reportArgumentType]


def test_a_file_of_a_run_that_ended_long_ago_goes_to_the_class_of_the_policy() -> None:
    assert cold(made(RUN)) == {"a/big": IA}


def test_a_store_without_classes_moves_nothing() -> None:
    assert moves(plan(world_of(Rows(runs=[RUN])), POLICY, now=NOW)) == []


@pytest.mark.parametrize(
    "run",
    [
        dataclasses.replace(RUN, age_days=13),
        changed(age_days=13),
        dataclasses.replace(RUN, state=RunState.RUNNING),
        dataclasses.replace(RUN, is_sealed=False),
        dataclasses.replace(RUN, tags=["production_candidate"]),
        dataclasses.replace(RUN, sweep="open"),
        changed(size=LEAST_BYTES - 1),
        changed(is_cold=True),
        changed(is_serving=True),
        changed(is_data=True),
    ],
    ids=[
        "it ended of late", "it is of late", "it runs", "something may come", "it is a candidate",
        "its sweep is open", "it is small", "it is cold", "an alias means it", "it is data",
    ],
)  # fmt: skip
def test_what_is_read_or_gains_nothing_stays_where_it_is(run: Row) -> None:
    assert cold(made(run, sweeps=[Sweep(sweep_id="open", is_open=True)])) == {}


def test_an_open_evaluation_reads_its_candidate() -> None:
    assert cold(made(RUN, candidates=["a"])) == {}


@pytest.mark.parametrize("tag", ["keeper", "baseline"])
def test_what_is_kept_may_go_cold(tag: str) -> None:
    assert cold(made(dataclasses.replace(RUN, tags=[tag]))) == {"a/big": IA}


def test_what_is_promoted_and_no_alias_means_may_go_cold() -> None:
    assert cold(made(RUN, promoted=["a"])) == {"a/big": IA}


def test_bytes_that_several_share_go_when_all_are_due_and_are_one_item() -> None:
    shared = dataclasses.replace(BIG, blob=1)
    old = dataclasses.replace(RUN, files=[shared, dataclasses.replace(shared, name="copy")])
    young = Row(run_id="b", age_days=3, files=[shared])

    assert cold(made(old)) == {"a/big": IA}
    assert cold(made(old, young)) == {}


def test_what_goes_anyway_is_not_moved_and_holds_up_no_other() -> None:
    shared = dataclasses.replace(BIG, blob=1)
    goes = dataclasses.replace(KEEPS, runs=dataclasses.replace(NEVER, failed_after=dt.timedelta(1)))
    policy = RetentionPolicy(classes={"standard": goes}, default_class="standard")
    failed = Row(run_id="f", state=RunState.FAILED, age_days=5, files=[shared, BIG])

    found = made(failed, Row(run_id="z", files=[shared]), policy=policy)

    assert cold(found) == {"z/big": IA}
    assert {item.name for item in found.items() if item.kind is ItemKind.ARTIFACT} == {"big"}


def test_each_class_names_its_own_or_takes_that_of_the_policy() -> None:
    own = dataclasses.replace(KEEPS, cold_class=None)
    glacier = dataclasses.replace(KEEPS, name="deep", cold_class=GLACIER)
    warm = dataclasses.replace(KEEPS, name="warm", cold_after=None)
    policy = RetentionPolicy(
        classes={"standard": own, "deep": glacier, "warm": warm},
        default_class="standard",
        cold_class=StorageClass.ONEZONE_IA,
        assignments=[
            Assignment(scope=Scope(experiment="d"), class_name="deep"),
            Assignment(scope=Scope(experiment="w"), class_name="warm"),
        ],
    )

    found = made(
        RUN,
        dataclasses.replace(RUN, run_id="d", experiment="d"),
        dataclasses.replace(RUN, run_id="w", experiment="w"),
        policy=policy,
    )

    assert cold(found) == {"a/big": StorageClass.ONEZONE_IA, "d/big": GLACIER}


@settings(max_examples=100, deadline=None)
@given(rows=worlds(), policy=policies(), days=st.sampled_from([0, 1, 20]), marks=st.data())
def test_nothing_that_goes_is_young_or_shared_with_what_stays_hot_is_moved(
    rows: Rows, policy: RetentionPolicy, days: int, marks: st.DataObject
) -> None:
    flags = st.booleans()
    runs = [
        dataclasses.replace(run, files=[
            dataclasses.replace(file, size=file.size * 10_000, is_cold=marks.draw(flags),
                                is_serving=marks.draw(flags), is_data=marks.draw(flags))
            for file in run.files
        ])
        for run in rows.runs
    ]  # fmt: skip
    rows = dataclasses.replace(rows, runs=runs)
    asks = {
        name: dataclasses.replace(one, cold_after=dt.timedelta(days=days), cold_class=IA)
        for name, one in policy.classes.items()
    }
    world = world_of(rows)

    found = plan(world, dataclasses.replace(policy, classes=asks), now=NOW, has_classes=True)
    without = plan(world, policy, now=NOW)

    items = [item for item in found.items() if item.kind is not ItemKind.COLD]
    assert items == list(without.items())  # what goes is the same
    assert found.shares() == without.shares()
    going = {(i.run_id, i.name) for i in items if i.spared_by is None}
    by_run = {run.run_id: run for run in rows.runs}
    blobs = world.artifacts.blobs.tolist()
    files = list(zip(world.artifacts.runs.tolist(), world.artifacts.names, blobs, strict=True))
    moved = [blobs[int(place)] for place in found.cold.artifacts]
    assert len(moved) == len(set(moved))
    for blob in moved:
        assert blob not in {*world.cold_blobs, *world.serving_blobs, *world.other_blobs}
        sharing = [(world.runs.run_ids[int(run)], name) for run, name, one in files if one == blob]
        staying = [one for one in sharing if one not in going]
        assert staying
        for run_id, name in staying:
            run = by_run[run_id]
            (file,) = [one for one in run.files if one.name == name]
            assert run.state.is_terminal
            assert run.is_sealed
            assert min(run.age_days, file.age_days) > days
            assert file.size >= LEAST_BYTES


def test_a_plan_says_what_moves_and_what_it_saves() -> None:
    share = {"count": 1_200, "bytes": 3 * 2**30, "saves_usd": 0.0315}
    summary = {"classes": {"standard_ia": share}, "has_example_prices": False, "warning": None}

    assert cold_lines({"cold": summary}) == [
        "1,200 files, 3.0 GiB, go to STANDARD_IA: that saves $0.0315 a month"
    ]
    unpriced = {"classes": {"glacier_ir": {**share, "saves_usd": None}}}
    assert "does not say what that saves" in cold_lines({"cold": {**summary, **unpriced}})[0]
    assert "example prices" in cold_lines({"cold": {**summary, "has_example_prices": True}})[0]
    warned = {**summary, "classes": {}, "warning": "a folder"}
    assert cold_lines({"cold": warned}) == ["a folder"]
    assert cold_lines({"cold": None}) == cold_lines({}) == []
