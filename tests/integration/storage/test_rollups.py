"""Rollups say what a GROUP BY over the points says, whatever came when, in every edition."""

import datetime as dt
import itertools
import threading
import time
from collections.abc import Generator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention.tiers import Tier
from storage.database import open_pool, transaction
from storage.points.late_points import note_late_points
from storage.points.metric_store import copy_points
from sweeps.errors import StorageError
from tests.integration.storage.tier_world import (
    DAY_US,
    HOUR_US,
    INF,
    MINUTE_US,
    NAN,
    US,
    TierWorld,
    run_points,
    us,
)
from tests.plugins.postgres import Database

pytestmark = pytest.mark.xdist_group("timescale")


@pytest.fixture(params=["database", "timescale_database"], ids=["server", "wasm"])
def world(request: pytest.FixtureRequest) -> Generator[TierWorld, None, None]:
    """On the server that all tests use, and on TimescaleDB."""
    database: Database = request.getfixturevalue(request.param)
    with open_pool(database.url, max_size=1) as pool:
        yield TierWorld(pool)


def test_what_is_not_stored_yet_is_computed(world: TierWorld) -> None:
    now = world.now_us
    world.write([(1, 0, now - 2 * HOUR_US, 1.0), (1, 1, now - US, 2.0), (2, 7, now, 3.0)])

    world.assert_rolled_up([1, 2])

    assert len(world.rollup(Tier.MINUTES, [1])) == 2


def test_what_is_stored_and_what_is_fresh_meet_without_a_seam(world: TierWorld) -> None:
    world.write([(1, i, world.ago(hours=5) + i * 7 * US, i * 0.5) for i in range(2600)])

    world.refresh()

    (stored,) = world.rows("SELECT metric_time(metric_stored_until('metric_points_1m'))")[0]
    assert world.now - dt.timedelta(minutes=13) < stored <= world.now
    world.assert_rolled_up([1])


def test_numbers_that_are_none_are_counted_and_left_out(world: TierWorld) -> None:
    begin = world.ago(hours=3)
    values = [1.0, NAN, INF, -2.0, -INF, 1.7e308, 5e-324]
    world.write([(1, i, begin + i * US, v) for i, v in enumerate(values)])
    world.write([(2, i, begin + i * US, v) for i, v in enumerate([NAN, INF])])

    world.refresh()

    world.assert_rolled_up([1, 2])
    (mixed,), (none,) = world.rollup(Tier.MINUTES, [1]), world.rollup(Tier.MINUTES, [2])
    assert mixed[2:7] == (7, 4, -1.0, -2.0, 1.0)
    assert none[2:8] == (2, 2, None, None, None, INF)


def test_the_last_point_is_the_last_in_time_then_in_step_then_in_value(world: TierWorld) -> None:
    begin = world.ago(hours=3)
    world.write(
        [
            (1, 5, begin + 2 * US, 1.0),
            (1, 9, begin + US, 100.0),
            (1, 5, begin + 2 * US, 3.0),
            (1, 5, begin + 2 * US, 2.0),
            (1, 4, begin + 2 * US, 99.0),
            (2, 1, begin, 7.0),
            (2, 1, begin, NAN),
        ]
    )

    world.refresh()

    world.assert_rolled_up([1, 2])
    assert world.rollup(Tier.MINUTES, [1])[0][7:] == (3.0, 4, 9)


def test_late_points_reach_what_is_stored_already(world: TierWorld) -> None:
    world.write([(1, i, world.ago(hours=30) + i * MINUTE_US, 1.0) for i in range(1700)])
    world.refresh()

    world.write([(1, 5000, world.ago(hours=20), 9.0), (2, 0, world.ago(hours=29), 4.0)])
    world.write([(3, 0, world.ago(days=40), 5.0)])
    world.refresh()

    world.assert_rolled_up([1, 2, 3])


def test_more_late_series_than_are_named_one_by_one(world: TierWorld) -> None:
    begin = world.ago(hours=30)
    world.write([(i, 0, begin, 1.0) for i in range(1, 2100)])
    world.refresh()

    world.write([(i, 1, begin + 5 * US, 2.0) for i in range(1, 2100)])
    world.refresh()

    world.assert_rolled_up(range(1, 2100))


def test_a_deleted_series_is_in_no_tier(world: TierWorld) -> None:
    world.write([(i, 0, world.ago(hours=h), 1.0) for i in (1, 2) for h in (0, 3, 30)])
    world.refresh()

    assert world.tiers.delete_series([1]) == 3

    world.refresh()
    assert world.group_by(Tier.MINUTES, [1]) == world.rollup(Tier.MINUTES, [1]) == []
    assert world.rollup(Tier.HOURS, [1]) == []
    world.assert_rolled_up([2])


def test_refreshing_again_changes_nothing(world: TierWorld) -> None:
    world.write([(1, i, world.ago(hours=30) + i * MINUTE_US, i) for i in range(1700)])
    world.refresh()
    before = world.rollup(Tier.MINUTES, [1]), world.rollup(Tier.HOURS, [1])

    world.refresh()
    world.refresh(until=world.now - dt.timedelta(days=2))

    assert before == (world.rollup(Tier.MINUTES, [1]), world.rollup(Tier.HOURS, [1]))


def test_clocks_that_are_years_off_are_rolled_up_like_others(world: TierWorld) -> None:
    years = 365 * DAY_US
    times = [0, -(10**14), world.now_us - 40 * years, world.now_us + 30 * years, world.ago(hours=3)]
    world.write([(1, i, at, 1.0) for i, at in enumerate(times)])

    world.refresh()

    world.assert_rolled_up([1])


def test_lag_is_that_of_points_that_are_due(world: TierWorld) -> None:
    tiers = world.tiers
    assert tiers.state(Tier.MINUTES).lag == dt.timedelta(0)

    world.write([(1, 0, world.ago(hours=5), 1.0)])
    assert dt.timedelta(hours=3) < tiers.state(Tier.MINUTES).lag < dt.timedelta(hours=30)
    assert dt.timedelta(hours=3) < tiers.state(Tier.HOURS).lag < dt.timedelta(hours=30)

    world.refresh()
    world.write([(1, 1, world.now_us, 1.0)])
    assert tiers.state(Tier.MINUTES).lag == tiers.state(Tier.HOURS).lag == dt.timedelta(0)


def test_late_points_lag_until_they_are_rolled_up(world: TierWorld) -> None:
    world.write([(1, i, world.ago(hours=30) + i * MINUTE_US, 1.0) for i in range(1700)])
    world.refresh()

    world.write([(1, 5000, world.ago(hours=20), 9.0)])

    assert world.tiers.state(Tier.MINUTES).lag > dt.timedelta(0)
    world.refresh()
    assert world.tiers.state(Tier.MINUTES).lag == dt.timedelta(0)
    assert world.tiers.state(Tier.HOURS).lag == dt.timedelta(0)
    assert world.rows("SELECT * FROM late_metric_points") == []


def test_a_late_point_is_noted_until_the_hours_have_it_whatever_is_refreshed_when(
    world: TierWorld,
) -> None:
    hour = world.ago(hours=5) // HOUR_US * HOUR_US
    world.write([(1, 0, hour + US, 1.0)])
    world.refresh()
    world.tiers.refresh(Tier.MINUTES)

    world.write([(1, 1, hour + 2 * US, 99.0)])
    for tier in (Tier.HOURS, Tier.MINUTES):
        world.tiers.refresh(tier)
        has_it = world.rollup(Tier.HOURS, [1]) == world.group_by(Tier.HOURS, [1])
        is_noted = world.rows("SELECT hour FROM late_metric_points WHERE series_id = 1") != []
        assert has_it or is_noted, tier
    world.tiers.refresh(Tier.HOURS)

    world.assert_rolled_up([1])
    assert world.rows("SELECT * FROM late_metric_points") == []


def test_a_refresh_that_ends_within_an_hour_keeps_what_is_noted_of_it(world: TierWorld) -> None:
    hour = world.ago(hours=5) // HOUR_US * HOUR_US
    world.write([(1, 0, hour + US, 1.0), (1, 1, hour + 50 * MINUTE_US, 1.0)])
    world.refresh()

    world.write([(1, 2, hour + 50 * MINUTE_US, 99.0)])
    half_past = dt.datetime.fromtimestamp(hour // US + 1800, dt.UTC)
    world.tiers.refresh(Tier.MINUTES, until=half_past)
    world.tiers.refresh(Tier.HOURS)

    has_it = world.rollup(Tier.HOURS, [1]) == world.group_by(Tier.HOURS, [1])
    is_noted = world.rows("SELECT hour FROM late_metric_points WHERE series_id = 1") != []
    assert has_it or is_noted


def test_points_that_come_late_do_not_wait_for_a_rollup_that_waits(database: Database) -> None:
    with open_pool(database.url, max_size=4) as pool:
        world = TierWorld(pool)
        world.write([(1, 0, world.ago(hours=5), 1.0)])
        world.refresh()
        with psycopg.connect(database.url, options="-c search_path=sweepworks,public") as holder:
            # As long as a refresh of many points, or a deletion, takes.
            holder.execute("SELECT FROM metric_tiers FOR UPDATE")
            refresh = threading.Thread(target=lambda: world.tiers.refresh(Tier.MINUTES))
            refresh.start()
            if not world.has_continuous_aggregates:
                _wait_for_a_lock(world)
            begun = time.monotonic()
            with transaction(pool) as connection:
                connection.execute("SET LOCAL lock_timeout = '5s'")
                note_late_points(
                    connection, [run_points([(1, 1, world.ago(hours=5), 2.0)])], now_us=None
                )
            took = time.monotonic() - begun
            holder.rollback()
            refresh.join()

    assert took < 3


def _wait_for_a_lock(world: TierWorld) -> None:
    until = time.monotonic() + 20
    waiting = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%refresh_metric_rollup%'"
    )
    while not world.rows(f"SELECT EXISTS ({waiting})")[0][0]:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_is_noted_already_is_not_noted_again(world: TierWorld) -> None:
    hour = world.ago(hours=5) // HOUR_US * HOUR_US
    world.write([(i, 0, hour + US, 1.0) for i in range(2)])
    world.refresh()

    for step in range(1, 5):
        world.write([(i, step, hour + step * US, 2.0) for i in range(2)])
        world.rows("SELECT note_late_points(ARRAY[NULL]::bigint[], %s)", [[hour // 100_000]])
    noted = world.rows("SELECT series_id FROM late_metric_points ORDER BY series_id")
    world.refresh()

    assert noted == [(0,), (1,), (None,)]
    world.assert_rolled_up([0, 1])
    assert world.rows("SELECT * FROM late_metric_points") == []


def test_a_note_that_others_rely_on_is_not_taken_up_before_their_points_are_there(
    database: Database,
) -> None:
    with open_pool(database.url, max_size=4) as pool:
        world = TierWorld(pool)
        hour = world.ago(hours=5) // HOUR_US * HOUR_US
        world.write([(1, 0, hour + US, 1.0)])
        world.refresh()
        world.write([(1, 1, hour + 2 * US, 2.0)])
        refresh = threading.Thread(target=world.refresh)
        with transaction(pool) as connection:
            late = [run_points([(1, 2, hour + 3 * US, 3.0)])]
            copy_points(connection, late)
            note_late_points(connection, late, now_us=None)
            refresh.start()
            _wait_for_a_lock(world)
        refresh.join()

        world.refresh()
        world.assert_rolled_up([1])


def test_a_note_that_is_being_taken_up_does_not_stand_for_later_points(database: Database) -> None:
    with open_pool(database.url, max_size=4) as pool:
        world = TierWorld(pool)
        hour = world.ago(hours=5) // HOUR_US * HOUR_US
        world.write([(1, 0, hour + US, 1.0)])
        world.refresh()
        world.write([(1, 1, hour + 2 * US, 2.0)])
        with transaction(pool) as connection:
            connection.execute("UPDATE late_metric_points SET is_taken = true")
            world.write([(1, 2, hour + 3 * US, 3.0)])  # does not wait

        assert world.rows("SELECT count(*) FROM late_metric_points") == [(2,)]
        world.write([(1, 3, hour + 4 * US, 3.0)])
        assert world.rows("SELECT count(*) FROM late_metric_points") == [(2,)]
        world.refresh()
        world.assert_rolled_up([1])


def test_completeness_counts_both_sides_up_to_where_the_rollup_is_stored(
    world: TierWorld,
) -> None:
    yesterday = world.now.date() - dt.timedelta(days=1)
    begin = us(dt.datetime.combine(yesterday, dt.time(), tzinfo=dt.UTC))
    world.write([(1, i, begin + i * 10 * US, 1.0) for i in range(120)])
    world.write([(1, 500, begin + DAY_US + 2 * HOUR_US, 1.0)])
    world.refresh(until=world.now)

    found = world.tiers.completeness(Tier.MINUTES, day=yesterday)

    assert (found.points, found.rolled_up, found.buckets) == (120, 120, 20)
    assert found.is_complete
    assert world.tiers.completeness(Tier.HOURS, day=yesterday).buckets == 1


def test_a_rollup_that_lost_something_is_incomplete_until_it_is_rebuilt(world: TierWorld) -> None:
    day = world.now.date() - dt.timedelta(days=2)
    begin = us(dt.datetime.combine(day, dt.time(3), tzinfo=dt.UTC))
    world.write([(s, i, begin + i * MINUTE_US, 1.0) for s in (1, 2) for i in range(90)])
    world.refresh()
    for (stored,) in world.rows("SELECT relation::text FROM stored_metric_rollups()"):
        world.rows(f"DELETE FROM {stored} WHERE series_id = 1")
    assert not world.tiers.completeness(Tier.MINUTES, day=day).is_complete
    assert not world.tiers.completeness(Tier.HOURS, day=day).is_complete

    world.tiers.rebuild(Tier.MINUTES, day=day)
    world.tiers.rebuild(Tier.HOURS, day=day)

    assert world.tiers.completeness(Tier.MINUTES, day=day).is_complete
    assert world.tiers.completeness(Tier.HOURS, day=day).is_complete
    world.assert_rolled_up([1, 2])


def test_what_is_dropped_in_one_tier_lives_on_in_the_next(world: TierWorld) -> None:
    world.write([(1, i, world.ago(days=10) + i * HOUR_US // 2, i) for i in range(470)])
    world.refresh()
    minutes, hours = world.rollup(Tier.MINUTES, [1]), world.rollup(Tier.HOURS, [1])
    edge = (world.now - dt.timedelta(days=4)).replace(minute=0, second=0)
    edge_ds = us(edge) // 100_000

    world.tiers.drop(Tier.POINTS, before=edge)
    world.write([(1, 9000, world.ago(days=2), 3.0)])
    world.refresh()

    (oldest,) = world.rows("SELECT min(time_ds) FROM metric_points")[0]
    assert oldest >= edge_ds
    kept = [row for row in world.rollup(Tier.MINUTES, [1]) if row[1] < edge_ds]
    assert kept == [row for row in minutes if row[1] < edge_ds] != []
    found = world.tiers.completeness(Tier.MINUTES, day=world.now.date() - dt.timedelta(days=8))
    assert (found.points, found.is_complete) == (0, True)
    world.tiers.rebuild(Tier.MINUTES, day=world.now.date() - dt.timedelta(days=8))
    world.run_policies()
    assert kept == [row for row in world.rollup(Tier.MINUTES, [1]) if row[1] < edge_ds]

    world.tiers.drop(Tier.MINUTES, before=edge)
    world.refresh()
    world.run_policies()

    kept = [row for row in world.rollup(Tier.HOURS, [1]) if row[1] < edge_ds]
    assert kept == [row for row in hours if row[1] < edge_ds] != []


def test_points_of_the_last_days_cannot_be_dropped(world: TierWorld) -> None:
    with pytest.raises(StorageError):
        world.tiers.drop(Tier.POINTS, before=world.now - dt.timedelta(days=1))


VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.5, NAN, INF, -INF, 1e300, -1.7e308]),
    st.floats(min_value=-1e6, max_value=1e6, width=32),
)
POINTS = st.lists(
    st.tuples(
        st.integers(0, 2),  # series
        st.integers(0, 4),  # step
        st.integers(0, 2 * 86_400 * 10 // 7),  # sevens of tenths of a second of two days
        VALUES,
    ),
    max_size=25,
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), POINTS),
        st.tuples(st.just("refresh"), st.integers(0, 48)),
        st.tuples(st.just("delete"), st.integers(0, 2)),
        st.tuples(st.just("close"), st.none()),
    ),
    min_size=2,
    max_size=9,
)
_weeks = itertools.count(1)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=ACTS)
def test_rollups_are_a_group_by_whatever_came_when(world: TierWorld, acts: list[object]) -> None:
    # Two days of its own and series of its own for each example, in the past year.
    number = next(_weeks)
    begin = world.now_us // DAY_US * DAY_US - (4 + number * 2 % 350) * DAY_US
    ids = [number * 10 + i for i in range(3)]

    for act in acts:
        match act:
            case ("write", list(points)):
                world.write(
                    [
                        (ids[series], step, begin + sevens * 700_000, value)
                        for series, step, sevens, value in points
                    ]
                )
            case ("refresh", int(hours)):
                until = dt.datetime.fromtimestamp(begin / US, dt.UTC) + dt.timedelta(hours=hours)
                world.refresh(until=until)
            case ("delete", int(series)):
                world.tiers.delete_series([ids[series]])
            case _:
                world.tiers.close_chunks()
    world.refresh()

    world.assert_rolled_up(ids)
    world.tiers.close_chunks()
    world.assert_rolled_up(ids)
