"""What is measured beside the training goes after a while; what scripts log, and summaries, stay."""

import datetime as dt
from collections.abc import Generator
from typing import Any

import dagster as dg
import pytest

from assets.system_metrics import system_metrics
from orchestration.definitions import defs
from orchestration.schedules import old_system_metrics
from retention.guards import Guard
from retention.policy_file import RETENTION
from retention.sealing import SealingRule
from retention.world import HoldScope
from storage.database import Pool, open_pool, transaction
from storage.points.ingest_store import IngestStore
from storage.points.system_points import PostgresSystemMetrics
from storage.policy_store import PolicyStore
from storage.retention.deletion import guarded_runs
from storage.retention.holds import HoldStore
from storage.runs.summaries import RunSummaries
from storage.runs.upkeep import RunUpkeep
from sweeps.clock import SystemClock
from sweeps.ids import RunId
from sweeps.policies import PolicyChange
from tests.integration.storage.retention_rows import TENANT
from tests.integration.storage.test_ingest_store import a_delivery, a_scratch_run
from tests.integration.storage.tier_world import TierWorld
from tests.plugins.postgres import Database

# Of Dagster's resources, on the way from pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")


def fifty_points() -> list[tuple[int, int, float]]:
    """Of now: what is ten minutes old waits for the end of its hour before it is rolled up."""
    now_us = int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000
    return [(n, now_us - n * 1_000_000, 1.0 * n) for n in range(50)]


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def a_run(pool: Pool, name: str, *, sealed_days_ago: float) -> RunId:
    """A run with one curve of each family, both in all tiers."""
    run, points = a_scratch_run(pool, name), fifty_points()
    IngestStore(pool, clock=SystemClock()).write(
        [a_delivery(run, 1, points={"loss": points}, system={"cpu": points})]
    )
    TierWorld(pool).refresh()
    with transaction(pool) as connection:
        connection.execute(
            "UPDATE runs SET state = 'completed', ended_at = now() - %s::interval"
            " WHERE run_id = %s",
            [dt.timedelta(days=sealed_days_ago + 1), run],
        )
    RunUpkeep(pool).seal(SealingRule())
    while RunSummaries(pool).refresh(seconds=1):
        pass
    with transaction(pool) as connection:  # as if it had been then; else nothing may
        connection.execute("ALTER TABLE runs DISABLE TRIGGER runs_freeze")
        connection.execute(
            "UPDATE runs SET sealed_at = now() - %s::interval WHERE run_id = %s",
            [dt.timedelta(days=sealed_days_ago), run],
        )
        connection.execute("ALTER TABLE runs ENABLE TRIGGER runs_freeze")
    return run


def counted(pool: Pool, run: RunId, table: str = "metric_points") -> dict[str, int]:
    """Points of each family."""
    amount = "count(*)" if table == "metric_points" else "sum(count)::int"
    with transaction(pool) as connection:
        return dict(
            connection.execute(
                f"SELECT family::text, {amount} FROM {table} JOIN series USING (series_id)"  # pyright: ignore[reportArgumentType]  names of ours
                " WHERE run_id = %s GROUP BY family",
                [run],
            ).fetchall()
        )


def hold_policy(pool: Pool, *, system_metrics: str) -> None:
    store = PolicyStore(pool)
    text = f"{{system_metrics: {system_metrics}, default_class: a, classes: {{a: {{}}}}}}"
    change = PolicyChange(
        kind=RETENTION, source="retention.yaml", before=store.current(RETENTION), text=text
    )
    store.apply([change], by="me", comment="")


def materialize(pool: Pool, instance: dg.DagsterInstance) -> dict[str, Any]:
    result = dg.materialize(
        [system_metrics],
        instance=instance,
        resources={"system_points": PostgresSystemMetrics(pool)},
    )
    (event,) = result.asset_materializations_for_node("system_metrics")
    return {name: value.value for name, value in event.metadata.items()}


def test_old_points_go_from_all_tiers_and_the_rest_stays(
    pool: Pool, instance: dg.DagsterInstance
) -> None:
    old = a_run(pool, "scratch-old", sealed_days_ago=40)
    fresh = a_run(pool, "scratch-fresh", sealed_days_ago=3)

    first = materialize(pool, instance)
    again = materialize(pool, instance)

    assert (first["dropped_runs"], first["dropped_points"], first["kept_days"]) == (1, 50, 30.0)
    assert (again["dropped_runs"], again["dropped_points"]) == (0, 0)
    for table in ("metric_points", "metric_points_1m", "metric_points_1h"):
        assert counted(pool, old, table) == {"user": 50}
        assert counted(pool, fresh, table) == {"user": 50, "system": 50}
    with transaction(pool) as connection:
        summaries = connection.execute(
            "SELECT key, point_count FROM series_summaries JOIN series USING (series_id)"
            " WHERE run_id = %s ORDER BY key",
            [old],
        ).fetchall()
    assert summaries == [("cpu", 50), ("loss", 50)]


def test_a_live_run_keeps_what_is_measured(pool: Pool, instance: dg.DagsterInstance) -> None:
    run = a_scratch_run(pool)
    IngestStore(pool, clock=SystemClock()).write(
        [a_delivery(run, 1, system={"cpu": fifty_points()})]
    )

    hold_policy(pool, system_metrics="0.001s")

    assert materialize(pool, instance)["dropped_runs"] == 0
    assert counted(pool, run) == {"system": 50}


def test_what_is_kept_for_ever_stays(pool: Pool, instance: dg.DagsterInstance) -> None:
    run = a_run(pool, "scratch-old", sealed_days_ago=400)
    hold_policy(pool, system_metrics="never")

    told = materialize(pool, instance)

    assert told == {"dropped_runs": 0, "dropped_points": 0}
    assert counted(pool, run) == {"user": 50, "system": 50}


def test_what_is_held_stays_until_the_hold_is_lifted(
    pool: Pool, instance: dg.DagsterInstance
) -> None:
    held = a_run(pool, "scratch-held", sealed_days_ago=40)
    free = a_run(pool, "scratch-free", sealed_days_ago=40)
    holds = HoldStore(pool)
    hold = holds.place(HoldScope.RUN, held, tenant_id=TENANT, why="a claim", who="me")

    first = materialize(pool, instance)
    kept = counted(pool, held)
    holds.lift(hold.hold_id, who="me")
    second = materialize(pool, instance)

    assert (first["dropped_runs"], second["dropped_runs"]) == (1, 1)
    assert kept == {"user": 50, "system": 50}
    assert counted(pool, free) == counted(pool, held) == {"user": 50}


@pytest.mark.parametrize("scope", HoldScope)
def test_runs_are_held_by_whatever_is_held(pool: Pool, scope: HoldScope) -> None:
    run = a_run(pool, "scratch-held", sealed_days_ago=40)
    names = {
        HoldScope.TENANT: "default",
        HoldScope.EXPERIMENT: "scratch",
        HoldScope.RUN: run,
        HoldScope.SWEEP: "s",
        HoldScope.MODEL: "reader",
        HoldScope.DATASET: "images@2",
    }
    with transaction(pool) as connection:
        connection.execute("ALTER TABLE runs DISABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version,"
            " spec_digest, source_dir, created_by)"
            " SELECT 's', tenant_id, experiment_id, '{}', 1, '', '', 'me' FROM experiments"
        )
        connection.execute("UPDATE runs SET sweep_id = 's', number = 1")
        connection.execute("ALTER TABLE runs ENABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO lineage_edges (tenant_id, upstream, downstream) VALUES"
            " ('default', 'run:' || %(run)s, 'model:reader@1'),"
            " ('default', 'dataset:images@2', 'run:' || %(run)s)",
            {"run": run},
        )
        for name in ("another", names[scope]):
            connection.execute(
                "INSERT INTO holds (tenant_id, scope, name, why, until, placed_by)"
                " VALUES ('default', %s, %s, 'x', %s, 'me')",
                [scope, name, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)],
            )
        found = guarded_runs(connection, [run], now=dt.datetime.now(dt.UTC))
        held = connection.execute("SELECT run_id FROM held_runs").fetchall()

    assert held == [(run,)]
    assert found == {run: Guard.HELD}


def test_a_hold_whose_time_is_over_holds_nothing(pool: Pool, instance: dg.DagsterInstance) -> None:
    run = a_run(pool, "scratch-held", sealed_days_ago=40)
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO holds (tenant_id, scope, name, why, until, placed_by)"
            " VALUES ('default', 'run', %s, 'x', now() - interval '1 hour', 'me')",
            [run],
        )

    assert materialize(pool, instance)["dropped_runs"] == 1


def test_the_schedule_goes_by_the_policy(pool: Pool, instance: dg.DagsterInstance) -> None:
    a_run(pool, "scratch-old", sealed_days_ago=10)
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime.now(dt.UTC),
        resources={"system_points": PostgresSystemMetrics(pool)},
        repository_def=defs().get_repository_def(),
    )

    skipped = old_system_metrics(context)
    hold_policy(pool, system_metrics="7d")
    asked = old_system_metrics(context)
    hold_policy(pool, system_metrics="never")
    never = old_system_metrics(context)

    assert isinstance(skipped, dg.SkipReason)
    assert isinstance(asked, dg.RunRequest)
    assert isinstance(never, dg.SkipReason)
