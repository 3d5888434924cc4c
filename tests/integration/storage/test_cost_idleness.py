"""Idle time of a day that is written again: as it was measured, whatever became of the metrics."""

import datetime as dt
from collections.abc import Callable, Generator

import pytest

from retention.tiers import Tier
from storage.database import Pool
from storage.points.rollups import PostgresMetricTiers
from storage.points.system_points import PostgresSystemMetrics
from tests.integration.storage.cost_world import DAY, MIDNIGHT, CostWorld

NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture
def costs(pool: Pool) -> Generator[CostWorld, None, None]:
    """Whose books are good in the end."""
    world = CostWorld(pool)
    yield world
    world.check(*world.days())


def drop_by_run(costs: CostWorld) -> None:
    """A month after they were sealed, what was measured of all runs goes."""
    costs.execute(
        "UPDATE runs SET state = 'completed', ended_at = now() - interval '2 months',"
        " sealed_at = now() - interval '2 months'"
    )
    costs.execute("UPDATE run_summaries SET is_final = true")
    dropped = PostgresSystemMetrics(costs.pool).drop(
        sealed_before=dt.datetime.now(dt.UTC) - dt.timedelta(days=30)
    )
    assert dropped.points > 0


def delete_with_run(costs: CostWorld) -> None:
    """A policy of retention takes all points of the runs."""
    with costs.pool.connection() as connection:
        series = connection.execute("SELECT array_agg(series_id) FROM series").fetchone()
    assert series is not None
    assert PostgresMetricTiers(costs.pool).delete_series(series[0]) > 0


def drop_by_time(costs: CostWorld) -> None:
    """All minutes of all runs go that are from before noon of the day."""
    tiers = PostgresMetricTiers(costs.pool)
    for tier in (Tier.MINUTES, Tier.HOURS):
        tiers.refresh(tier)
    for tier in (Tier.POINTS, Tier.MINUTES):
        tiers.drop(tier, before=MIDNIGHT + dt.timedelta(hours=12))


def waste(costs: CostWorld) -> list[tuple[float, float]]:
    """GPU-hours and dollars of each entry of idle time."""
    return [
        (row["quantity"], float(row["amount_usd"])) for row in costs.entries() if row["is_waste"]
    ]


@pytest.mark.parametrize("drop", [drop_by_run, delete_with_run, drop_by_time])
def test_idle_time_stays_when_prices_are_corrected_after_its_metrics_are_gone(
    costs: CostWorld, drop: Callable[[CostWorld], None]
) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 1, 14, gpus=2)
    costs.idle_minutes(run, 1.0, range(60, 90))
    costs.idle_minutes(run, 97.0, range(90, 120))
    costs.idle_minutes(run, 1.0, range(780, 800))
    costs.replace()
    before = waste(costs)

    drop(costs)
    costs.price(
        "gpu: [{usd_per_gpu_hour: 3, from: 2026-01-01}]\ncpu: [{usd_per_core_hour: 0.04}]\n"
    )
    for _ in range(2):
        costs.replace()

    assert before == [(pytest.approx(5 / 6), pytest.approx(5 / 3))]
    assert waste(costs) == [(pytest.approx(5 / 6), pytest.approx(5 / 2))]
    gpus = [row["quantity"] for row in costs.entries() if row["resource"] == "gpu"]
    assert sum(gpus) == pytest.approx(26)
    found = costs.ledger.totals(DAY)
    assert found is not None
    assert found.idle_gpu_hours == pytest.approx(5 / 6)


def test_where_in_the_day_it_was_is_known_between_changes_of_a_price(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 0, 24)
    costs.idle_minutes(run, 1.0, range(780, 840))
    noon, six = "2026-03-10T12:00:00Z", "2026-03-10T18:00:00Z"
    since = "from: 2026-01-01"
    costs.price(
        f"gpu: [{{usd_per_gpu_hour: 2, to: {noon}}}, {{usd_per_gpu_hour: 4, from: {noon}}}]"
    )
    costs.replace()
    before = waste(costs)
    delete_with_run(costs)

    costs.price(
        f"gpu: [{{usd_per_gpu_hour: 1, {since}, to: {noon}}}, {{usd_per_gpu_hour: 5, from: {noon}}}]"
    )
    costs.replace()
    corrected = waste(costs)
    costs.price(
        f"gpu: [{{usd_per_gpu_hour: 1, {since}, to: {six}}}, {{usd_per_gpu_hour: 5, from: {six}}}]"
    )
    costs.replace()

    assert (before, corrected) == ([(1, 4)], [(1, 5)])
    # It was in the afternoon, of which nobody knows any more when: half of it is before six.
    assert sorted(waste(costs)) == [(0.5, 0.5), (0.5, 2.5)]


def test_what_is_measured_still_counts_and_not_what_the_books_had(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 1, 3)
    costs.idle_minutes(run, 1.0, range(60, 90))
    costs.replace()
    before = waste(costs)

    costs.idle_minutes(run, 97.0, range(60, 90))  # brought late: it was busy in between
    costs.replace()

    assert before == [(0.5, 1)]
    assert waste(costs) == []


def test_what_others_measured_does_not_bring_back_what_is_gone(costs: CostWorld) -> None:
    sweep = costs.sweep()
    gone, there, never = (costs.run(sweep, number) for number in (1, 2, 3))
    for run in (gone, there, never):
        costs.attempt(run, 1, 3)
    costs.idle_minutes(gone, 1.0, range(60, 90))
    costs.replace()
    delete_with_run(costs)
    costs.idle_minutes(there, 1.0, range(60, 75))

    costs.replace()

    idle = {row["run_id"]: row["quantity"] for row in costs.entries() if row["is_waste"]}
    assert idle == {gone: 0.5, there: 0.25}


def test_of_what_was_gone_before_the_day_was_written_nothing_is_claimed(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 1, 3)
    costs.idle_minutes(run, 1.0, range(60, 90))
    delete_with_run(costs)

    costs.replace()

    assert waste(costs) == []


def test_no_more_is_idle_than_was_held_as_it_turned_out(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    attempt = costs.attempt(run, 1, None)
    costs.idle_minutes(run, 1.0, range(60, 1440))
    costs.replace()
    before = waste(costs)
    delete_with_run(costs)

    costs.end(attempt, 5)
    costs.replace()

    assert before == [(23, 46)]
    assert waste(costs) == [(4, 8)]
