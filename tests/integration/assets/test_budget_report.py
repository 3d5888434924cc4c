"""Budgets in Dagster: a report a day, warnings that are told once, a check that warns."""

import datetime as dt
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from assets.budget_report import CHECKS, budget_report
from governance.budgets.policy import BUDGETS
from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from orchestration.budget_schedules import budget_warnings, closed_budget_days
from storage.budgets.reports import PostgresBudgetReports
from storage.database import open_pool
from sweeps.errors import PermanentError
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


@dg.job(name="report_budgets")
def the_job() -> None:
    pass


def a_run(
    instance: dg.DagsterInstance, status: DagsterRunStatus, *, day: dt.date | None = None
) -> dg.DagsterRun:
    tags = {} if day is None else {"dagster/partition": day.isoformat()}
    return instance.create_run_for_job(the_job, status=status, tags=tags)


def tick(world: SpendingWorld, instance: dg.DagsterInstance) -> Any:
    reports = PostgresBudgetReports(world.pool, world.budgets)
    context = dg.build_sensor_context(instance=instance, resources={"budget_reports": reports})
    return budget_warnings(context)


def test_the_sensor_asks_once_for_what_nobody_was_told(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    assert isinstance(tick(world, instance), dg.SkipReason)
    world.attempt(world.sweep(), began=5, ended=2)

    asked = [tick(world, instance), tick(world, instance)]
    materialize(world, instance, day=NOW.date())
    after = tick(world, instance)

    assert {one.run_key for one in asked} == {"t 1970-01-01 0.5 of $10"}
    assert isinstance(after, dg.SkipReason)


def test_the_sensor_asks_again_when_the_limit_is_another_one(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    world.attempt(world.sweep(), began=5, ended=0.5)
    materialize(world, instance, day=NOW.date())

    world.apply(BUDGETS, TOTAL.replace("10", "16"))
    asked = tick(world, instance)
    told, _ = materialize(world, instance, day=NOW.date())

    assert asked.run_key == "t 1970-01-01 0.5 of $16"
    assert told["new_warnings"] == "- budget t: 50% is spent, $9.00 of $16.00"


def test_the_sensor_waits_for_the_report_that_is_coming(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    world.attempt(world.sweep(), began=5, ended=2)
    a_run(instance, DagsterRunStatus.STARTED)

    assert isinstance(tick(world, instance), dg.SkipReason)


def test_what_a_dagster_run_that_failed_has_not_told_is_asked_for_again(
    world: SpendingWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.attempt(world.sweep(), began=5, ended=2)
    first = tick(world, instance)
    failed = a_run(instance, DagsterRunStatus.FAILURE)

    at_once = tick(world, instance)
    monkeypatch.setattr("orchestration.budget_schedules._REST_SECONDS", 0.0)  # it has passed
    later = [tick(world, instance), tick(world, instance)]

    assert isinstance(at_once, dg.SkipReason)
    assert {one.run_key for one in later} == {f"{first.run_key} after {failed.run_id}"}
    assert later[0].partition_key == dt.datetime.now(dt.UTC).date().isoformat()


def test_a_report_that_fails_while_it_tells_has_told_nothing(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    world.attempt(world.sweep(), began=5, ended=0.5)
    reports = PostgresBudgetReports(world.pool, world.budgets)

    class Dying(PostgresBudgetReports):
        """Its process is killed when the first one is told."""

        @contextmanager
        def telling(
            self, positions: Iterable[BudgetPosition]
        ) -> Generator[Sequence[BudgetWarning], None, None]:
            with reports.telling(positions) as new:
                yield new
                raise KeyboardInterrupt

    # Not by Dagster, which would wait and try again.
    context = dg.build_asset_context(partition_key=NOW.date().isoformat())
    report: Any = budget_report(context, budget_reports=Dying(world.pool, world.budgets))
    with pytest.raises(KeyboardInterrupt):
        list(report)
    told, _ = materialize(world, instance, day=NOW.date())

    assert told["new_warnings"] == (
        "- budget t: 50% is spent, $9.00 of $10.00\n- budget t: 80% is spent, $9.00 of $10.00"
    )


THIRD = dt.datetime(2026, 3, 11, 1, 30, tzinfo=dt.UTC)


def days(instance: dg.DagsterInstance) -> dict[str, str]:
    """By day, the run keys of what is asked for."""
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=THIRD)
    found = closed_budget_days(context)
    assert isinstance(found, (list, dg.SkipReason))
    requests = found if isinstance(found, list) else []
    return {str(one.partition_key): str(one.run_key) for one in requests}


def test_what_is_told_is_on_record_before_it_counts_as_told(
    world: SpendingWorld, instance: dg.DagsterInstance
) -> None:
    world.attempt(world.sweep(), began=5, ended=0.5)

    class Uncommitted(PostgresBudgetReports):
        """The database goes when all is told."""

        @contextmanager
        def telling(
            self, positions: Iterable[BudgetPosition]
        ) -> Generator[Sequence[BudgetWarning], None, None]:
            with super().telling(positions) as new:
                yield new
                raise PermanentError("the database is gone")

    failed = dg.materialize(
        [budget_report],
        instance=instance,
        partition_key=NOW.date().isoformat(),
        resources={"budget_reports": Uncommitted(world.pool, world.budgets)},
        raise_on_error=False,
    )
    again, _ = materialize(world, instance, day=NOW.date())

    assert not failed.success
    (event,) = failed.asset_materializations_for_node("budget_report")
    assert event.metadata["new_warnings"].value == again["new_warnings"] != "none"


def test_days_that_are_over_are_reported(instance: dg.DagsterInstance) -> None:
    for day, status in ((10, DagsterRunStatus.SUCCESS), (9, DagsterRunStatus.STARTED)):
        a_run(instance, status, day=dt.date(2026, 3, day))

    assert days(instance) == {"2026-03-08": "2026-03-08"}
    assert closed_budget_days.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_day_whose_report_failed_is_reported_with_the_next_look(
    instance: dg.DagsterInstance,
) -> None:
    for day in (8, 9):
        a_run(instance, DagsterRunStatus.SUCCESS, day=dt.date(2026, 3, day))
    failed = a_run(instance, DagsterRunStatus.FAILURE, day=dt.date(2026, 3, 10))

    assert days(instance) == {"2026-03-10": f"2026-03-10 after {failed.run_id}"}

    a_run(instance, DagsterRunStatus.SUCCESS, day=dt.date(2026, 3, 10))
    assert days(instance) == {}


def test_what_was_reported_before_a_day_was_over_is_no_report_of_its_end(
    instance: dg.DagsterInstance,
) -> None:
    today = dt.datetime.now(dt.UTC)
    a_run(instance, DagsterRunStatus.SUCCESS, day=today.date())
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=today + dt.timedelta(days=1)
    )

    found = closed_budget_days(context)

    assert isinstance(found, list)
    assert found[0].partition_key == today.date().isoformat()
