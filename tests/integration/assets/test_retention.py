"""Retention as Dagster runs it: plan, deletion and check, by their schedules."""

import dataclasses
import datetime as dt
from collections.abc import Generator
from pathlib import Path

import dagster as dg
import pytest

from assets.retention import (
    ASSETS,
    CHECKS,
    nothing_guarded_is_to_go,
    retention_deletions,
    retention_plan,
)
from orchestration.definitions import defs
from orchestration.schedules import daily_retention, weekly_retention
from retention.policy_file import RETENTION
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool
from storage.policy_store import PolicyStore
from storage.retention.keeper import PostgresRetentionKeeper
from sweeps.policies import PolicyChange
from tests.integration.storage.retention_rows import RetentionRows
from tests.plugins.postgres import Database

# Of Dagster's resources, on the way from pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")
HASTY = """
apply: {apply}
min_age: 0.001s
grace: 0.001s
default_class: a
classes:
  a: {{runs: {{scratch_after: 0.001s}}}}
"""


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url) as pool:
        yield pool


@pytest.fixture
def rows(pool: Pool, tmp_path: Path) -> RetentionRows:
    return RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def hold_policy(pool: Pool, *, apply: str) -> None:
    store = PolicyStore(pool)
    change = PolicyChange(
        kind=RETENTION,
        source="retention.yaml",
        before=store.current(RETENTION),
        text=HASTY.format(apply=apply),
    )
    store.apply([change], by="me", comment="")


def materialize(rows: RetentionRows, *, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    keeper = PostgresRetentionKeeper(rows.pool, rows.store, least_age=dt.timedelta(0))
    return dg.materialize(
        [*ASSETS, *CHECKS],
        resources={"retention_keeper": dg.ResourceDefinition.hardcoded_resource(keeper)},
        raise_on_error=raise_on_error,
    )


def metadata(result: dg.ExecuteInProcessResult, asset: dg.AssetsDefinition) -> dict[str, object]:
    (found,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.materialization.asset_key == asset.key
    ]
    return {name: value.value for name, value in found.metadata.items()}


def aged(rows: RetentionRows) -> None:
    """Ages are whole seconds: something that ended just now is of no age."""
    rows.rows("ALTER TABLE runs DISABLE TRIGGER runs_freeze")
    rows.rows("UPDATE runs SET ended_at = ended_at - interval '1 minute'")
    rows.rows("ALTER TABLE runs ENABLE TRIGGER runs_freeze")
    rows.rows("ALTER TABLE artifacts DISABLE TRIGGER artifacts_immutable")
    rows.rows("UPDATE artifacts SET created_at = created_at - interval '1 minute'")
    rows.rows("ALTER TABLE artifacts ENABLE TRIGGER artifacts_immutable")


def test_with_apply_automatic_what_is_planned_is_marked_and_goes(rows: RetentionRows) -> None:
    hold_policy(rows.pool, apply="automatic")
    rows.scratch({"a": b"1"})
    kept = rows.scratch({"a": b"2"})
    rows.tag(kept)
    aged(rows)

    result = materialize(rows)

    plan, gone = metadata(result, retention_plan), metadata(result, retention_deletions)
    assert (plan["waits_for_a_person"], plan["planned_bytes"]) == (False, 1)
    assert (gone["deleted_items"], gone["collected_files"]) == (1, 1)
    assert rows.names() == {f"{kept}/a"}
    assert not rows.has_bytes(b"1")
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_with_apply_approve_the_plan_waits(rows: RetentionRows) -> None:
    hold_policy(rows.pool, apply="approve")
    run = rows.scratch({"a": b"1"})
    aged(rows)

    result = materialize(rows)

    plan = metadata(result, retention_plan)
    assert plan["waits_for_a_person"] is True
    assert "sweepworks retention apply" in str(plan["report"])
    assert metadata(result, retention_deletions)["deleted_items"] == 0
    assert rows.names() == {f"{run}/a"}


def test_what_a_person_has_to_look_at_fails_once_and_the_rest_is_done(rows: RetentionRows) -> None:
    hold_policy(rows.pool, apply="automatic")
    rows.scratch({"a": b"1"})
    rows.store.set_owner("another")
    aged(rows)

    result = materialize(rows, raise_on_error=False)

    (failure,) = result.get_step_failure_events()
    assert failure.step_key == retention_deletions.op.name
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert "--take-over" in str(told.description)
    metadata = {name: value.value for name, value in told.metadata.items()}
    assert (metadata["deleted_items"], metadata["collected_files"]) == (1, 0)
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []
    assert rows.names() == set()
    assert rows.has_bytes(b"1")


def test_the_check_fails_when_something_guarded_is_to_go(rows: RetentionRows) -> None:
    hold_policy(rows.pool, apply="approve")
    run = rows.scratch({"a": b"1"})
    aged(rows)
    materialize(rows)
    rows.rows(
        "INSERT INTO run_tags (run_id, name, value, set_at)"
        " VALUES (%s, 'keeper', '', now() - interval '1 day')",
        run,
    )
    keeper = PostgresRetentionKeeper(rows.pool, rows.store)

    found = keeper.out_of_place(since=dt.datetime.now(dt.UTC))

    assert [dataclasses.astuple(one) for one in found] == [(run, "a", "planned", "tag keeper")]


@pytest.mark.parametrize(("days", "passed"), [(20, False), (60, True)])
def test_the_check_looks_at_what_went_of_late(rows: RetentionRows, days: int, passed: bool) -> None:
    run = rows.scratch({"a": b"1"})
    rows.rows("ALTER TABLE runs DISABLE TRIGGER USER")
    rows.rows(
        "UPDATE runs SET created_at = now() - interval '1 year', ended_at = now() - interval '1 year',"
        " sealed_at = now() - interval '1 year'"
    )
    rows.rows("ALTER TABLE runs ENABLE TRIGGER USER")
    rows.rows(
        "INSERT INTO run_tags (run_id, name, value, set_at)"
        " VALUES (%s, 'keeper', '', now() - interval '99 days')",
        run,
    )
    rows.rows(
        "INSERT INTO deletions (plan_id, kind, tenant_id, experiment, run_id, name, rule, size_bytes,"
        " deleted_at) VALUES (1, 'artifact', 'default', '', %s, 'a', 'x', 1,"
        " now() - make_interval(days => %s))",
        run,
        days,
    )

    found = nothing_guarded_is_to_go(PostgresRetentionKeeper(rows.pool, rows.store))

    assert isinstance(found, dg.AssetCheckResult)
    assert found.passed is passed


def test_schedules_ask_once_a_week_and_once_a_day(instance: dg.DagsterInstance) -> None:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime.now(dt.UTC),
        repository_def=defs().get_repository_def(),
    )

    assert isinstance(weekly_retention(context), dg.RunRequest)
    assert isinstance(daily_retention(context), dg.RunRequest)
