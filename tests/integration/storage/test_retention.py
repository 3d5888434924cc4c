"""Plans on a real database: made, applied, undone, carried out."""

import dataclasses
import datetime as dt
import threading
from pathlib import Path

import pytest

from governance.lineage.rules import Check, Sample, Scope
from retention.keeping import ItemState
from retention.policy import RetentionClass, RetentionPolicy, RunRules
from retention.world import HoldScope
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, transaction
from storage.lineage.checks import PostgresLineageChecks, record_digests
from storage.retention.choice import NotInPlan
from storage.retention.deletion import Carried, RetentionDeletion
from storage.retention.exclusion import shut_out, while_nobody_ties
from storage.retention.holds import HoldRefused, HoldStore
from storage.retention.store import PlanNotFound, RetentionStore
from sweeps.errors import RunNotFound, StateConflict, StorageUnavailable
from tests.integration.storage.retention_rows import LATER, TENANT, RetentionRows
from tests.waiting import wait_until

POLICY = RetentionPolicy(
    classes={"standard": RetentionClass(name="standard")},
    default_class="standard",
    grace=dt.timedelta(days=7),
)
DUE = LATER + POLICY.grace
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def rows(pool: Pool, tmp_path: Path) -> RetentionRows:
    return RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))


@pytest.fixture
def plans(pool: Pool) -> RetentionStore:
    return RetentionStore(pool)


@pytest.fixture
def deletion(pool: Pool) -> RetentionDeletion:
    return RetentionDeletion(pool, batch=2)


def make(plans: RetentionStore, policy: RetentionPolicy = POLICY) -> int:
    return plans.make(policy, policy_version=0, who="me", now=LATER).plan_id


def apply(plans: RetentionStore, plan_id: int) -> None:
    plans.apply(plan_id, POLICY, who="me", now=LATER)


def states(plans: RetentionStore, plan_id: int) -> dict[str, str]:
    return {
        f"{item.run_id}/{item.name}": item.spared_by or item.state
        for item in plans.items(plan_id=plan_id)
        if item.kind == "artifact"
    }


def test_a_plan_changes_nothing(rows: RetentionRows, plans: RetentionStore) -> None:
    run = rows.scratch({"a": b"1"})

    plan_id = make(plans)

    assert states(plans, plan_id) == {f"{run}/a": "planned"}
    assert rows.names() == {f"{run}/a"}
    assert plans.get(plan_id).summary["goes"]["scratch_run"] == {"count": 1, "bytes": 1}


def test_what_is_marked_is_there_until_its_day(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    apply(plans, plan_id)

    early = deletion.delete_due(now=DUE - dt.timedelta(seconds=1))

    assert early.deleted == 0
    assert rows.names() == {f"{run}/a"}
    assert plans.items(state=ItemState.MARKED)[0].due_at == DUE


def test_on_its_day_it_goes_and_that_is_written_down(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run = rows.scratch({"a": b"1", "b": b"22", "c": b"333"})
    apply(plans, make(plans))

    carried = deletion.delete_due(now=DUE)

    assert (carried.deleted, carried.deleted_bytes) == (3, 6)
    assert rows.names() == set()
    assert {(one.run_id, one.name, one.rule) for one in plans.deletions()} == {
        (run, name, "scratch_run") for name in "abc"
    }
    assert deletion.delete_due(now=DUE).deleted == 0


def test_a_tag_between_plan_and_apply_spares(rows: RetentionRows, plans: RetentionStore) -> None:
    run, other = rows.scratch({"a": b"1"}), rows.scratch({"a": b"2"})
    plan_id = make(plans)
    rows.tag(run)

    apply(plans, plan_id)

    assert states(plans, plan_id) == {f"{run}/a": "keeper", f"{other}/a": "marked"}


def test_what_a_later_policy_would_keep_is_spared(
    rows: RetentionRows, plans: RetentionStore
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    careful = RetentionClass(name="standard", runs=RunRules(scratch_after=None))

    plans.apply(
        plan_id,
        dataclasses.replace(POLICY, classes={"standard": careful}),
        who="me",
        now=LATER,
    )

    assert states(plans, plan_id) == {f"{run}/a": "changed"}


def test_a_tag_between_mark_and_deletion_restores(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run, other = rows.scratch({"a": b"1"}), rows.scratch({"a": b"2"})
    plan_id = make(plans)
    apply(plans, plan_id)
    rows.tag(run)

    carried = deletion.delete_due(now=DUE)

    assert (carried.deleted, carried.restored) == (1, 1)
    assert rows.names() == {f"{run}/a"}
    assert states(plans, plan_id) == {f"{run}/a": "keeper", f"{other}/a": "deleted"}


def test_what_no_rule_names_any_more_is_restored_before_the_deletion(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    apply(plans, plan_id)
    longer = RetentionClass(name="standard", runs=RunRules(scratch_after=None))
    patient = dataclasses.replace(POLICY, classes={"standard": longer})

    unchanged = deletion.restore_changed(POLICY, now=DUE)
    changed = deletion.restore_changed(patient, now=DUE)
    carried = deletion.delete_due(now=DUE)

    assert (unchanged, changed, carried.deleted) == (0, 1, 0)
    assert rows.names() == {f"{run}/a"}
    assert states(plans, plan_id) == {f"{run}/a": "changed"}


def test_a_run_that_uses_what_is_marked_restores_it(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run = rows.scratch({"a": b"1"})
    apply(plans, make(plans))
    rows.catalog.use(rows.open_run(), owner=run, name="a", tenant_id=TENANT)

    carried = deletion.delete_due(now=DUE)

    assert (carried.deleted, carried.restored) == (0, 1)


def test_a_hold_spares_until_it_is_lifted(
    rows: RetentionRows, plans: RetentionStore, pool: Pool
) -> None:
    run = rows.scratch({"a": b"1"})
    holds = HoldStore(pool)
    hold = holds.place(HoldScope.RUN, run, tenant_id=TENANT, why="a claim", who="me")

    held = states(plans, make(plans))
    holds.lift(hold.hold_id, who="me")
    lifted = states(plans, make(plans))

    assert (held, lifted) == ({f"{run}/a": "held"}, {f"{run}/a": "planned"})
    assert [one.lifted_by for one in holds.all(tenant_id=None, with_lifted=True)] == ["me"]


def test_a_hold_is_on_something_for_a_reason(rows: RetentionRows, pool: Pool) -> None:
    run = rows.scratch()
    holds = HoldStore(pool)

    with pytest.raises(HoldRefused):
        holds.place(HoldScope.RUN, "scratch-none", tenant_id=TENANT, why="x", who="me")
    with pytest.raises(HoldRefused):
        holds.place(HoldScope.RUN, run, tenant_id=TENANT, why=" ", who="me")


def test_undone_is_as_if_nobody_had_marked_it(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run, other = rows.scratch({"a": b"1", "b": b"2"}), rows.scratch({"a": b"3"})
    apply(plans, make(plans))

    assert plans.undo_items(run, "a") == 1
    deletion.delete_due(now=DUE)

    assert rows.names() == {f"{run}/a"}
    assert states(plans, make(plans)) == {f"{run}/a": "planned"}
    assert plans.undo_items(other, None) == 0


def test_a_whole_plan_is_undone(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    apply(plans, plan_id)

    plans.undo_plan(plan_id)
    deletion.delete_due(now=DUE)

    assert rows.names() == {f"{run}/a"}


def test_applied_twice_is_applied_once(rows: RetentionRows, plans: RetentionStore) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    apply(plans, plan_id)

    plans.apply(plan_id, POLICY, who="you", now=LATER + dt.timedelta(days=1))

    assert states(plans, plan_id) == {f"{run}/a": "marked"}
    assert plans.items(state=ItemState.MARKED)[0].due_at == DUE
    assert plans.get(plan_id).applied_by == "me"


def test_what_a_person_has_left_out_of_a_plan_stays(
    rows: RetentionRows, plans: RetentionStore
) -> None:
    run, other = rows.scratch({"a": b"1", "b": b"2"}), rows.scratch({"a": b"3"})
    plan_id = make(plans)

    plans.apply(
        plan_id,
        POLICY,
        who="me",
        now=LATER,
        only=[("artifact", run, "a"), ("artifact", other, "a")],
    )

    assert states(plans, plan_id) == {
        f"{run}/a": "marked",
        f"{run}/b": "left_out",
        f"{other}/a": "marked",
    }


def test_a_plan_of_which_nothing_is_left_marks_nothing(
    rows: RetentionRows, plans: RetentionStore
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)

    plans.apply(plan_id, POLICY, who="me", now=LATER, only=[])

    assert states(plans, plan_id) == {f"{run}/a": "left_out"}


@pytest.mark.parametrize("name", ["b", ""])
def test_items_of_another_plan_are_refused_and_nothing_is_marked(
    rows: RetentionRows, plans: RetentionStore, name: str
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    only = [("artifact", run, "a"), ("artifact", run, name)]

    with pytest.raises(NotInPlan, match="does not name artifact"):
        plans.apply(plan_id, POLICY, who="me", now=LATER, only=only)

    assert states(plans, plan_id) == {f"{run}/a": "planned"}
    assert plans.get(plan_id).applied_at is None


def test_a_run_that_there_is_not_has_nothing_to_undo(plans: RetentionStore) -> None:
    with pytest.raises(RunNotFound):
        plans.undo_items("nope", None)


def test_another_plan_marks_nothing_again(rows: RetentionRows, plans: RetentionStore) -> None:
    rows.scratch({"a": b"1"})
    apply(plans, make(plans))

    second = make(plans)
    apply(plans, second)

    assert states(plans, second) == {}
    assert len(plans.items(state=ItemState.MARKED)) == 1


def test_a_newer_plan_stands_for_one_that_nobody_applied(plans: RetentionStore) -> None:
    first = make(plans)
    make(plans)

    with pytest.raises(PlanNotFound):
        plans.apply(first, POLICY, who="me", now=LATER)


def test_a_deletion_that_died_in_the_middle_is_ended_by_the_next(
    rows: RetentionRows, plans: RetentionStore, pool: Pool
) -> None:
    for content in (b"1", b"2", b"3"):
        rows.scratch({"a": content})
    apply(plans, make(plans))
    RetentionDeletion(pool, batch=1).delete_some(now=DUE)
    assert len(rows.names()) == 2

    RetentionDeletion(pool, batch=1).delete_due(now=DUE)

    assert rows.names() == set()
    assert len(plans.deletions()) == 3


def test_a_batch_is_as_much_as_others_wait_for(
    rows: RetentionRows, plans: RetentionStore, pool: Pool
) -> None:
    for number in range(7):
        rows.scratch({"a": b"a%d" % number, "b": b"b%d" % number})
    apply(plans, make(plans))

    RetentionDeletion(pool, batch=3).delete_due(now=DUE)

    # What is changed in one transaction, which is while others wait, has one time.
    at_once = rows.rows("SELECT count(*) FROM retention_items GROUP BY changed_at")
    assert sorted(count for (count,) in at_once) == [2, 3, 3, 3, 3]


def test_what_takes_long_waits_for_nobody_and_nobody_waits_for_it(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion, pool: Pool
) -> None:
    run = rows.scratch({"a": b"1"})
    plan_id = make(plans)
    with transaction(pool) as connection:
        # As long as this is open, whoever shuts others out would wait.
        connection.execute(
            "INSERT INTO run_tags (run_id, name, value) VALUES (%s, 'x', '')", (run,)
        )

        apply(plans, plan_id)
        changed = deletion.restore_changed(POLICY, now=DUE)

    assert changed == 0
    assert states(plans, plan_id) == {f"{run}/a": "marked"}


def test_a_deletion_that_waits_lets_others_pass(
    rows: RetentionRows, plans: RetentionStore, pool: Pool
) -> None:
    run, other = rows.scratch({"a": b"1"}), rows.scratch({"a": b"2"})
    apply(plans, make(plans))
    carried: list[Carried] = []
    thread = threading.Thread(
        target=lambda: carried.append(RetentionDeletion(pool).delete_due(now=DUE))
    )
    with transaction(pool) as connection:
        # Somebody ties something, and does not come to an end.
        connection.execute(
            "INSERT INTO run_tags (run_id, name, value) VALUES (%s, 'keeper', '')", (run,)
        )
        thread.start()
        wait_until(lambda: bool(rows.rows(WAITING)))

        rows.tag(other, "test_run")

        assert not carried
    thread.join(30)

    assert [(one.deleted, one.restored) for one in carried] == [(1, 1)]


def test_a_deletion_gives_up_on_who_never_comes_to_an_end(rows: RetentionRows, pool: Pool) -> None:
    run = rows.scratch({"a": b"1"})
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO run_tags (run_id, name, value) VALUES (%s, 'keeper', '')", (run,)
        )

        with pytest.raises(StorageUnavailable, match="left open"):
            while_nobody_ties(pool, shut_out, tries=2)


def test_a_tag_waits_for_a_deletion_and_a_deletion_for_a_tag(
    rows: RetentionRows, plans: RetentionStore, pool: Pool
) -> None:
    run = rows.scratch({"a": b"1"})
    apply(plans, make(plans))
    done = threading.Event()

    def delete() -> None:
        RetentionDeletion(pool).delete_due(now=DUE)
        done.set()

    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO run_tags (run_id, name, value) VALUES (%s, 'keeper', '')", (run,)
        )
        thread = threading.Thread(target=delete)
        thread.start()
        assert not done.wait(0.5)
    thread.join(10)

    assert rows.names() == {f"{run}/a"}


def test_lineage_and_digests_are_as_whole_as_before(
    rows: RetentionRows, plans: RetentionStore, deletion: RetentionDeletion, pool: Pool
) -> None:
    run = rows.scratch({"a": b"1"})
    tampered = rows.scratch({"a": b"2", "b": b"3"})
    record_digests(pool)
    with transaction(pool) as connection:
        connection.execute("SELECT set_config('sweepworks.retention', 'on', true)")
        connection.execute("DELETE FROM artifacts WHERE run_id = %s AND name = 'b'", (tampered,))
    apply(plans, make(plans))

    deletion.delete_due(now=DUE)

    checks = PostgresLineageChecks(pool, lambda: rows.store)
    nothing = Sample(seed="0", files=0, most_bytes=0)
    digests = checks.look(Check.DIGESTS, Scope(), sample=nothing)
    edges = checks.look(Check.EDGES, Scope(), sample=nothing)
    assert {finding.object for finding in digests.findings} == {f"run:{tampered}"}
    assert run not in {finding.object for finding in digests.findings}
    assert len(edges.findings) == 1  # of what somebody deleted without writing it down


def test_what_is_immutable_stays_so_for_all_others(rows: RetentionRows) -> None:
    run = rows.scratch({"a": b"1"})

    with pytest.raises(StateConflict):
        rows.rows("DELETE FROM artifacts WHERE run_id = %s", run)
