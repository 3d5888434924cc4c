"""Tiers of metric points as Dagster sees them, on a real database."""

import datetime as dt
from collections.abc import Generator, Mapping
from typing import Any

import dagster as dg
import pytest

from assets.budget_report import CHECKS as BUDGET_CHECKS
from assets.cost import CHECKS as COST_CHECKS
from assets.datasets import BLOCKING, DRIFT, OTHER
from assets.metric_tiers import CHECKS, ROLLUPS, metric_points
from assets.promotion import gates
from assets.quota_escalations import CHECKS as QUOTA_CHECKS
from governance.lineage.rules import Check
from orchestration.definitions import defs
from orchestration.schedules import closed_chunks, due_rollups, finished_days
from retention.tiers import Tier
from storage.database import open_pool
from tests.integration.storage.tier_world import DAY_US, HOUR_US, US, TierWorld, us
from tests.plugins.postgres import Database

# Dagster's own business with a resource of generic type.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

TODAY = dt.datetime.now(dt.UTC).date()
DAY = TODAY - dt.timedelta(days=3)
BEGIN = us(dt.datetime.combine(DAY, dt.time(), tzinfo=dt.UTC))

# Beside an asset that has the partition; it rolls nothing up.
ONLY_CHECKS = dg.AssetSelection.assets(metric_points) | dg.AssetSelection.checks_for_assets(
    *ROLLUPS
)


@pytest.fixture
def world(database: Database) -> Generator[TierWorld, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield TierWorld(pool)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def materialize(
    world: TierWorld, day: dt.date, *, select: Any = None, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    job = dg.define_asset_job("chosen", selection=select or "*")
    loaded = dg.Definitions(
        assets=[metric_points, *ROLLUPS],
        asset_checks=CHECKS,
        jobs=[job],
        resources={"metric_tiers": world.tiers},
    )
    return loaded.resolve_job_def("chosen").execute_in_process(
        partition_key=day.isoformat(), instance=instance, raise_on_error=False
    )


def metadata(result: dg.ExecuteInProcessResult, tier: Tier) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node(tier.value)
    return event.metadata


def lose_a_series(world: TierWorld, series: int) -> None:
    for (stored,) in world.rows("SELECT relation::text FROM stored_metric_rollups()"):
        world.rows(f"DELETE FROM {stored} WHERE series_id = {series}")


def test_a_day_is_brought_up_to_date_counted_and_checked(
    world: TierWorld, instance: dg.DagsterInstance
) -> None:
    world.write([(s, i, BEGIN + i * 60 * US, 1.0) for s in (1, 2) for i in range(600)])

    result = materialize(world, DAY, instance=instance)

    assert result.success
    minutes, hours = metadata(result, Tier.MINUTES), metadata(result, Tier.HOURS)
    assert (minutes["points"].value, minutes["rolled_up"].value) == (1200, 1200)
    assert (minutes["dagster/row_count"].value, hours["dagster/row_count"].value) == (1200, 20)
    assert minutes["lag_seconds"].value == 0
    assert metadata(result, Tier.POINTS)["bytes"].value > 100_000
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == 4
    assert all(evaluation.passed for evaluation in evaluations)


def test_a_day_that_lost_something_is_mended(
    world: TierWorld, instance: dg.DagsterInstance
) -> None:
    world.write([(s, i, BEGIN + i * 60 * US, 1.0) for s in (1, 2) for i in range(60)])
    world.refresh()
    lose_a_series(world, 1)

    result = materialize(world, DAY, instance=instance)

    assert result.success
    assert metadata(result, Tier.HOURS)["rolled_up"].value == 120
    world.assert_rolled_up([1, 2])


def test_the_check_says_what_is_missing(world: TierWorld, instance: dg.DagsterInstance) -> None:
    world.write([(s, i, BEGIN + i * 60 * US, 1.0) for s in (1, 2) for i in range(60)])
    world.refresh()
    lose_a_series(world, 1)

    result = materialize(
        world,
        DAY,
        select=ONLY_CHECKS,
        instance=instance,
    )

    found = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }
    assert found == {
        ("metric_points_1m", "every_point_is_rolled_up"): False,
        ("metric_points_1h", "every_point_is_rolled_up"): False,
        ("metric_points_1m", "points_are_rolled_up_in_time"): True,
        ("metric_points_1h", "points_are_rolled_up_in_time"): True,
    }


def test_points_that_wait_too_long_are_a_warning(
    world: TierWorld, instance: dg.DagsterInstance
) -> None:
    world.write([(1, 0, world.ago(hours=5), 1.0)])

    result = materialize(
        world,
        TODAY,
        select=ONLY_CHECKS,
        instance=instance,
    )

    late = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert {e.check_name for e in late} == {"points_are_rolled_up_in_time"}
    assert {e.severity for e in late} == {dg.AssetCheckSeverity.WARN}


def schedule_context(
    world: TierWorld, instance: dg.DagsterInstance
) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime.now(dt.UTC),
        resources={"metric_tiers": world.tiers},
        repository_def=defs().get_repository_def(),
    )


def test_rollups_run_when_points_are_due_and_not_otherwise(
    world: TierWorld, instance: dg.DagsterInstance
) -> None:
    context = schedule_context(world, instance)
    assert isinstance(due_rollups(context), dg.SkipReason)
    world.write([(1, 0, world.ago(hours=5), 1.0)])

    asked = due_rollups(context)
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == dt.datetime.now(dt.UTC).date().isoformat()

    world.refresh()
    assert isinstance(due_rollups(context), dg.SkipReason)


def test_chunks_are_closed_when_one_waits(world: TierWorld, instance: dg.DagsterInstance) -> None:
    context = schedule_context(world, instance)
    assert isinstance(closed_chunks(context), dg.SkipReason)
    begin = world.now_us // DAY_US * DAY_US - 5 * DAY_US
    for hour in (0, 1):  # as chunks of an hour are left by a day that is over
        low = (begin + hour * HOUR_US) // 100_000
        if not world.rows("SELECT is_hypertable FROM metric_storage")[0][0]:
            world.rows(
                f"CREATE TABLE part_{low} PARTITION OF metric_points"
                f" FOR VALUES FROM ({low}) TO ({low + 36_000})"
            )
        world.write([(1, hour, low * 100_000, 1.0)])

    waits = isinstance(closed_chunks(context), dg.RunRequest)
    materialize(world, TODAY, select=[metric_points], instance=instance)

    mergeable = world.rows("SELECT has_compression OR NOT is_hypertable FROM metric_storage")
    assert waits == mergeable[0][0]
    assert isinstance(closed_chunks(context), dg.SkipReason)


def test_every_day_is_counted_once_it_is_over() -> None:
    context = dg.build_schedule_context(
        scheduled_execution_time=dt.datetime(2026, 3, 1, 1, 40, tzinfo=dt.UTC)
    )

    asked = finished_days(context)

    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == asked.run_key == "2026-02-28"


def test_what_dagster_loads() -> None:
    repository = defs().get_repository_def()

    graph = repository.asset_graph
    checks = {str(key.to_user_string()) for key in graph.asset_check_keys}
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        "sweep", "trials", "metric_points", "metric_points_1m", "metric_points_1h",
        "system_metrics", "lineage", "dataset_versions", "retention_plan", "retention_deletions",
        "cost_entries", "usage_daily", "weekly_report", "monthly_report", "budget_report",
        "graveyard_entries", "evaluations", "model_versions", "quota_escalations",
    }  # fmt: skip
    of_tiers = {
        f"{tier}:{name}"
        for tier in ("metric_points_1m", "metric_points_1h")
        for name in ("every_point_is_rolled_up", "points_are_rolled_up_in_time")
    }
    of_datasets = {f"dataset_versions:{name}" for name in (BLOCKING, OTHER, DRIFT)}
    assert checks == (
        of_tiers
        | of_datasets
        | {f"lineage:{name}" for name in Check}
        | {"retention_plan:nothing_guarded_is_to_go"}
        | {
            key.to_user_string()
            for check in (*COST_CHECKS, *BUDGET_CHECKS, *QUOTA_CHECKS, gates)
            for key in check.check_keys
        }
    )
    assert {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs} == {
        "due_rollups": "*/5 * * * *",
        "closed_chunks": "20 * * * *",
        "finished_days": "40 1 * * *",
        "old_system_metrics": "10 2 * * *",
        "weekly_retention": "0 4 * * 0",
        "daily_retention": "30 4 * * *",
        "checked_lineage": "30 3 * * *",
        "costs_of_today": "7 * * * *",
        "costs_of_yesterday": "20 0 * * *",
        "closed_budget_days": "30 1-23 * * *",
        "weekly_reports": "0 5-23 * * 1-3",
        "monthly_reports": "30 5-23 1-3 * *",
        "old_dagster_records": "15 4 * * *",
        "daily_data_checks": "50 3 * * *",
        "reaped_cluster": "*/10 * * * *",
    }
    frequent = {node.name for node in repository.get_job("refresh_rollups").nodes}
    assert frequent == {
        "metric_points_1m",
        "metric_points_1h",
        "metric_points_1m_points_are_rolled_up_in_time",
        "metric_points_1h_points_are_rolled_up_in_time",
    }
