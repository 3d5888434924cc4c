"""Budgets in Dagster: a report a day, warnings that are told once, a check that warns."""

import datetime as dt
from collections.abc import Generator
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from assets.budget_report import CHECKS, budget_report
from governance.budgets.policy import BUDGETS
from orchestration.schedules import closed_budget_days
from orchestration.sensors import budget_warnings
from storage.budgets.reports import PostgresBudgetReports
from storage.database import open_pool
from tests.integration.storage.spending_world import NOW, SpendingWorld
from tests.plugins.postgres import Database

# Of Dagster's resources, on the way from pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")
TOTAL = "budgets: [{name: t, tenant: vision, period: total, max_cost_usd: 10}]"


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    with open_pool(database.url) as pool:
        world = SpendingWorld(pool)
        world.apply(BUDGETS, TOTAL)
        yield world


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def materialize(
    world: SpendingWorld, instance: dg.DagsterInstance, *, day: dt.date
) -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
    result = dg.materialize(
        [budget_report, *CHECKS],
        instance=instance,
        partition_key=day.isoformat(),
        resources={"budget_reports": PostgresBudgetReports(world.pool, world.budgets)},
    )
    (event,) = result.asset_materializations_for_node("budget_report")
    (check,) = result.get_asset_check_evaluations()
    return {name: value.value for name, value in event.metadata.items()}, check


def test_a_day_shows_where_budgets_stood_at_its_end(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    sweep = world.sweep(max_cost_usd=Decimal(50))
    world.attempt(sweep, began=30, ended=28)  # the day before
    world.attempt(sweep, began=3, ended=1)

    before, _ = materialize(world, instance, day=NOW.date() - dt.timedelta(days=1))
    after, _ = materialize(world, instance, day=NOW.date())

    assert [one["usd"]["spent"] for one in before["positions"]] == ["4.000000", "4.000000"]
    assert [one["name"] for one in after["positions"]] == ["t", sweep]
    assert after["positions"][0]["usd"]["spent"] == "8.000000"
    assert "| t | tenant vision | total | $10.00 | $8.00 |" in after["report"]


def test_what_is_reached_is_told_once(world: SpendingWorld, instance: dg.DagsterInstance) -> None:
    world.attempt(world.sweep(), began=5, ended=0.5)

    first, check = materialize(world, instance, day=NOW.date())
    second, _ = materialize(world, instance, day=NOW.date())

    assert first["new_warnings"] == (
        "- budget t: 50% is spent, $9.00 of $10.00\n- budget t: 80% is spent, $9.00 of $10.00"
    )
    assert second["new_warnings"] == "none"
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_budget_that_is_spent_is_an_error(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    world.attempt(world.sweep(), began=8, ended=1)

    _, check = materialize(world, instance, day=NOW.date())

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "t: 140% of the limit"


def test_nothing_reached_is_good(world: SpendingWorld, instance: dg.DagsterInstance) -> None:
    _, check = materialize(world, instance, day=NOW.date())

    assert check.passed


def test_the_sensor_asks_once_for_what_nobody_was_told(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    reports = PostgresBudgetReports(world.pool, world.budgets)
    context = dg.build_sensor_context(instance=instance, resources={"budget_reports": reports})
    assert isinstance(budget_warnings(context), dg.SkipReason)
    world.attempt(world.sweep(), began=5, ended=2)

    asked = [budget_warnings(context), budget_warnings(context)]
    reports.warn(reports.at(NOW))
    after = budget_warnings(context)

    assert {one.run_key for one in asked if isinstance(one, dg.RunRequest)} == {"t 1970-01-01 0.5"}
    assert isinstance(after, dg.SkipReason)


def test_the_day_before_is_reported_every_day() -> None:
    context = dg.build_schedule_context(
        scheduled_execution_time=dt.datetime(2026, 3, 11, 1, 30, tzinfo=dt.UTC)
    )

    request = closed_budget_days(context)

    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-03-10"
    assert closed_budget_days.default_status is dg.DefaultScheduleStatus.RUNNING
