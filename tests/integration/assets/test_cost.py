"""The ledger as Dagster sees it, on a real database."""

import datetime as dt
from collections.abc import Generator

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from assets.cost import ASSETS, CHECKS, contiguous
from orchestration.cost_schedules import costs_of_today, costs_of_yesterday
from orchestration.definitions import defs
from storage.database import open_pool
from tests.integration.storage.cost_world import DAY, HOUR, MIDNIGHT, CostWorld
from tests.plugins.postgres import Database

# Dagster's own business with a resource of generic type.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture
def costs(database: Database) -> Generator[CostWorld, None, None]:
    with open_pool(database.url, max_size=3) as pool:
        yield CostWorld(pool)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def materialize(
    costs: CostWorld, instance: dg.DagsterInstance, first: dt.date, last: dt.date | None = None
) -> dg.ExecuteInProcessResult:
    """One day, or a stretch of days in one run as a backfill does it."""
    loaded = dg.Definitions(
        assets=list(ASSETS),
        asset_checks=list(CHECKS),
        jobs=[dg.define_asset_job("chosen")],
        resources={"cost_books": costs.ledger},
    )
    job = loaded.resolve_job_def("chosen")
    if last is None:
        return job.execute_in_process(
            partition_key=first.isoformat(), instance=instance, raise_on_error=False
        )
    tags = {
        ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
    }
    return job.execute_in_process(tags=tags, instance=instance, raise_on_error=False)


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckSeverity]:
    return {
        check.check_name: check.severity
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def test_a_day_is_written_summed_and_checked(
    costs: CostWorld, instance: dg.DagsterInstance
) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 0, 2)

    result = materialize(costs, instance, DAY)

    assert result.success
    assert len(result.get_asset_check_evaluations()) == len(CHECKS)
    assert failed_checks(result) == {}
    (entries,) = result.asset_materializations_for_node("cost_entries")
    assert entries.metadata["dagster/row_count"].value == 3
    assert entries.metadata["usd"].value == pytest.approx(4.09)
    assert costs.ledger.usage_total(DAY) == costs.total()


def test_a_backfill_is_one_run_with_the_figures_of_each_day(
    costs: CostWorld, instance: dg.DagsterInstance
) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 22, 25)

    result = materialize(costs, instance, DAY, NEXT)

    assert result.success
    assert failed_checks(result) == {}
    usd = {
        event.partition: event.metadata["gpu_hours"].value
        for event in result.asset_materializations_for_node("cost_entries")
    }
    assert usd == {DAY.isoformat(): 2, NEXT.isoformat(): 1}


def test_what_has_no_price_is_a_warning_and_no_failure(
    database: Database, instance: dg.DagsterInstance
) -> None:
    prices = "cpu: [{usd_per_core_hour: 1}]\nmemory: [{usd_per_gib_hour: 1}]"
    with open_pool(database.url, max_size=3) as pool:
        costs = CostWorld(pool, prices=prices)
        costs.attempt(costs.run(costs.sweep(), 1), 0, 1)

        result = materialize(costs, instance, DAY)

    assert failed_checks(result) == {"everything_has_a_price": dg.AssetCheckSeverity.WARN}
    (check,) = (c for c in result.get_asset_check_evaluations() if not c.passed)
    assert "gpu a100 (1 gpu_hours)" in str(check.description)


def test_entries_that_somebody_changed_are_an_error(
    costs: CostWorld, instance: dg.DagsterInstance
) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 0, 1)
    costs.replace()
    costs.execute("UPDATE cost_entries SET amount_usd = 7 WHERE resource = 'gpu'")
    costs.attempt("digits-aaaaaaaa-00001", 2, 3, number=2)

    job = dg.Definitions(
        asset_checks=list(CHECKS),
        assets=list(ASSETS),
        resources={"cost_books": costs.ledger},
        jobs=[
            dg.define_asset_job(
                "usage",
                selection=dg.AssetSelection.assets(ASSETS[1])
                | dg.AssetSelection.checks_for_assets(ASSETS[0]),
            )
        ],
    ).resolve_job_def("usage")
    result = job.execute_in_process(
        partition_key=DAY.isoformat(), instance=instance, raise_on_error=False
    )

    assert failed_checks(result) == {
        "ledger_equals_independent_sum": dg.AssetCheckSeverity.ERROR,
        "every_finished_attempt_has_an_entry": dg.AssetCheckSeverity.ERROR,
    }


def at(instance: dg.DagsterInstance, moment: dt.datetime) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(instance=instance, scheduled_execution_time=moment)


def test_today_is_written_while_something_is_held(
    costs: CostWorld, instance: dg.DagsterInstance
) -> None:
    noon = at(instance, MIDNIGHT + 12 * HOUR)
    assert isinstance(costs_of_today(noon, cost_books=costs.ledger), dg.SkipReason)
    attempt = costs.attempt(costs.run(costs.sweep(), 1), 11, None)

    request = costs_of_today(noon, cost_books=costs.ledger)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == DAY.isoformat()

    costs.end(attempt, 11.5)
    costs.replace(now=MIDNIGHT + 12 * HOUR)
    assert isinstance(costs_of_today(noon, cost_books=costs.ledger), dg.SkipReason)


def test_yesterday_is_written_once_more_with_days_that_are_behind(
    costs: CostWorld, instance: dg.DagsterInstance
) -> None:
    attempt = costs.attempt(costs.run(costs.sweep(), 1), -90, None)
    for back in range(5):
        costs.replace(DAY - dt.timedelta(days=back))
    costs.end(attempt, -80)
    for back in range(1, 4):
        costs.replace(DAY - dt.timedelta(days=back))

    requests = costs_of_yesterday(at(instance, MIDNIGHT + 24.5 * HOUR), cost_books=costs.ledger)

    assert isinstance(requests, list)
    stretches = [
        (r.tags[ASSET_PARTITION_RANGE_START_TAG], r.tags[ASSET_PARTITION_RANGE_END_TAG])
        for r in requests
    ]
    assert stretches == [
        ((DAY - dt.timedelta(days=4)).isoformat(), (DAY - dt.timedelta(days=4)).isoformat()),
        (DAY.isoformat(), DAY.isoformat()),
    ]


def test_stretches_of_days() -> None:
    days = [DAY, NEXT, NEXT + dt.timedelta(days=3)]

    assert contiguous(days) == [(DAY, NEXT), (days[2], days[2])]


def test_everything_is_loaded() -> None:
    repository = defs().get_repository_def()

    assert {"cost_entries", "usage_daily"} <= {
        key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()
    }
    assert repository.has_schedule_def("costs_of_today")
    assert repository.get_schedule_def("costs_of_yesterday").job_name == "replace_costs"
