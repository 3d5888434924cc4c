"""Chunks and partitions: how wide they are, what closes them, and that nothing gets lost."""

import datetime as dt
import itertools
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import open_pool, transaction
from storage.points.ingest_store import IngestStore
from storage.points.late_points import note_late_points
from storage.points.metric_store import copy_points
from sweeps.clock import SystemClock
from sweeps.errors import StorageUnavailable
from tests.integration.storage.test_ingest_store import a_delivery, a_scratch_run
from tests.integration.storage.tier_world import (
    DAY_US,
    HOUR_US,
    US,
    TierWorld,
    run_points,
    us,
)
from tests.plugins.postgres import Database

pytestmark = pytest.mark.xdist_group("timescale")

HOUR, DAY = 36_000, 864_000
MIDNIGHT = us(dt.datetime.now(dt.UTC)) // DAY_US * DAY_US
TODAY = MIDNIGHT // 100_000


@pytest.fixture(params=["database", "timescale_database"], ids=["server", "wasm"])
def world(request: pytest.FixtureRequest) -> Generator[TierWorld, None, None]:
    database: Database = request.getfixturevalue(request.param)
    with open_pool(database.url, max_size=1) as pool:
        yield TierWorld(pool)


@pytest.fixture
def compressing(request: pytest.FixtureRequest) -> Generator[TierWorld, None, None]:
    """The server that all tests use, if it compresses; else one that does."""
    database: Database = request.getfixturevalue("database")
    with open_pool(database.url, max_size=1) as pool:
        if TierWorld(pool).has_compression:
            yield TierWorld(pool)
            return
    database = request.getfixturevalue("timescale_database")
    with open_pool(database.url, max_size=1) as pool:
        yield TierWorld(pool)


@pytest.fixture
def plain(database: Database) -> Generator[TierWorld, None, None]:
    with open_pool(database.url, max_size=4) as pool:
        world = TierWorld(pool)
        if world.rows("SELECT is_hypertable FROM metric_storage")[0][0]:
            pytest.skip("partitions are only there without TimescaleDB")
        yield world


def bounds(world: TierWorld) -> list[tuple[int, int]]:
    return world.rows(
        "SELECT low, high FROM metric_chunk_bounds() WHERE low IS NOT NULL ORDER BY low"
    )


def state_of(world: TierWorld, at_us: int) -> str:
    at = at_us // 100_000
    ((state,),) = world.rows(
        "SELECT state FROM metric_chunks() WHERE low <= %s AND high > %s", [at, at]
    )
    return state


def test_chunks_around_now_are_narrow_and_old_ones_are_a_day(world: TierWorld) -> None:
    ((hot,),) = world.rows("SELECT hot_width FROM metric_storage")
    now = us(dt.datetime.now(dt.UTC))
    yesterdays = MIDNIGHT - 20 * DAY_US

    world.write([(1, 0, now, 1.0)])
    world.write([(1, i, yesterdays + i * HOUR_US, 1.0) for i in range(24 * 5)])

    widths = [high - low for low, high in bounds(world)]
    assert widths == [DAY] * 5 + [hot]


def test_a_hot_chunk_may_have_another_width(world: TierWorld) -> None:
    world.rows("SELECT set_hot_chunk_width(INTERVAL '10 minutes')")

    world.write([(1, 0, us(dt.datetime.now(dt.UTC)), 1.0)])

    ((low, high),) = bounds(world)
    assert high - low == 6_000


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=st.lists(st.integers(-60 * 3600, 47 * 3600), min_size=1, max_size=12))
def test_chunks_never_overlap_and_stay_within_their_day(world: TierWorld, asked: list[int]) -> None:
    for seconds in asked:
        world.rows("SELECT ensure_metric_chunk(metric_now() + %s::bigint * 10)", [seconds])

    found = bounds(world)
    assert all(high <= low for (_, high), (low, _) in itertools.pairwise(found))
    assert all(low // DAY == (high - 1) // DAY for low, high in found)
    ((now, is_hypertable, has_compression),) = world.rows(
        "SELECT metric_now(), is_hypertable, has_compression FROM metric_storage"
    )
    cold = now // HOUR * HOUR - 3 * HOUR  # chunks of a hypertable make themselves otherwise
    for at in (now + seconds * 10 for seconds in asked):
        if not is_hypertable or (has_compression and at < cold):
            assert any(low <= at < high for low, high in found)


def test_points_of_a_clock_that_was_ahead_move_when_their_time_comes(plain: TierWorld) -> None:
    ahead = plain.now_us + 20 * HOUR_US
    with transaction(plain.pool) as connection:
        copy_points(connection, [run_points([(1, 0, ahead, 7.0)])])
    assert plain.rows("SELECT count(*) FROM metric_points_default") == [(1,)]

    plain.rows("SELECT ensure_metric_chunk(%s)", [ahead // 100_000])

    assert plain.rows("SELECT count(*) FROM metric_points_default") == [(0,)]
    assert plain.rows("SELECT series_id, value FROM metric_points") == [(1, 7.0)]


def an_old_day_in_hours(world: TierWorld, day: int) -> None:
    """As a day looks whose points came while it was."""
    if world.rows("SELECT is_hypertable FROM metric_storage")[0][0]:
        return  # chunks make themselves
    for hour in (3, 4, 5, 17):
        low = day + hour * HOUR
        world.rows(
            f"CREATE TABLE part_{low} PARTITION OF metric_points"
            f" FOR VALUES FROM ({low}) TO ({low + HOUR})"
        )


def write_an_old_day(world: TierWorld, day: int) -> None:
    an_old_day_in_hours(world, day)
    points = [
        (series, i, (day + hour * HOUR) * 100_000 + i * 9 * US, i * 0.25)
        for hour in (3, 4, 5, 17)
        for i in range(400)
        for series in (1, 2, 3)
    ]
    with transaction(world.pool) as connection:
        copy_points(connection, [run_points(points)])
        note_late_points(connection, [run_points(points)], now_us=world.now_us)


def test_a_day_that_is_over_becomes_one_chunk_with_all_its_points(world: TierWorld) -> None:
    day = TODAY - 10 * DAY
    write_an_old_day(world, day)
    world.refresh()
    before = world.rows("SELECT * FROM metric_points ORDER BY series_id, time_ds, step")
    ((hot,),) = world.rows("SELECT hot_width FROM metric_storage")
    assert len(bounds(world)) == (4 if hot == HOUR else 1)
    assert (world.tiers.chunks().to_close > 0) == (hot == HOUR)

    world.tiers.close_chunks()
    assert world.tiers.chunks().to_close == 0
    world.tiers.close_chunks()

    assert len(bounds(world)) == 1
    assert world.rows("SELECT * FROM metric_points ORDER BY series_id, time_ds, step") == before
    world.refresh()
    world.assert_rolled_up([1, 2, 3])


def test_today_and_yesterday_are_not_merged(world: TierWorld) -> None:
    yesterday = (TODAY - DAY) * 100_000
    world.write([(1, i, yesterday + i * HOUR_US // 4, 1.0) for i in range(20)])
    before = bounds(world)

    world.tiers.close_chunks()

    assert bounds(world) == before


def test_a_merged_partition_lies_in_order_of_its_series(plain: TierWorld) -> None:
    write_an_old_day(plain, TODAY - 10 * DAY)

    plain.tiers.close_chunks()

    rows = plain.rows("SELECT series_id, time_ds FROM metric_points ORDER BY ctid")
    assert rows == sorted(rows)


def test_a_point_that_comes_while_a_day_is_merged_is_not_lost(plain: TierWorld) -> None:
    day = TODAY - 10 * DAY
    write_an_old_day(plain, day)
    late = [run_points([(9, 0, (day + 4 * HOUR) * 100_000, 1.0)])]
    is_merging = threading.Event()

    def merge() -> None:
        is_merging.set()
        plain.tiers.close_chunks()

    with ThreadPoolExecutor(1) as thread:
        with transaction(plain.pool) as connection:
            copy_points(connection, late)
            merging = thread.submit(merge)
            assert is_merging.wait(5)
            wait_until_blocked(plain)
        with pytest.raises(StorageUnavailable):
            merging.result()
    assert plain.rows("SELECT count(*) FROM metric_points WHERE series_id = 9") == [(1,)]

    plain.tiers.close_chunks()

    assert len(bounds(plain)) == 1
    assert plain.rows("SELECT count(*) FROM metric_points") == [(4801,)]


def test_a_refresh_waits_for_batches_that_say_they_are_late(plain: TierWorld) -> None:
    plain.write([(1, i, plain.ago(hours=5), 1.0) for i in range(3)])
    plain.refresh()
    late = [run_points([(1, 9, plain.ago(hours=5), 8.0)])]

    with ThreadPoolExecutor(1) as thread:
        with transaction(plain.pool) as connection:
            copy_points(connection, late)
            note_late_points(connection, late, now_us=plain.now_us)
            refreshing = thread.submit(plain.refresh)
            wait_until_blocked(plain)
            assert not refreshing.done()
        refreshing.result(20)

    plain.assert_rolled_up([1])


def wait_until_blocked(world: TierWorld) -> None:
    for _ in range(500):
        if world.rows(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'"
        ):
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")


def test_a_closed_chunk_is_compressed_and_opens_again_for_what_comes_late(
    compressing: TierWorld,
) -> None:
    world = compressing
    begin = MIDNIGHT - 10 * DAY_US
    world.write([(s, i, begin + i * 10 * US, 0.5) for s in range(20) for i in range(1000)])
    assert state_of(world, begin) == "closed"
    raw = sum(count.bytes for count in world.tiers.chunks().by_state)

    world.tiers.close_chunks()
    assert state_of(world, begin) == "compressed"
    (compressed,) = world.tiers.chunks().by_state
    assert compressed.bytes < raw / 10
    assert compressed.uncompressed_bytes > raw / 2

    world.write([(3, 5000, begin + 5 * US, 0.5)])
    assert state_of(world, begin) == "partial"
    world.tiers.close_chunks()
    assert state_of(world, begin) == "compressed"
    assert world.rows("SELECT count(*) FROM metric_points") == [(20_001,)]
    world.refresh()
    world.assert_rolled_up([3])


def test_rollups_that_are_old_are_compressed_too_also_after_they_changed(
    compressing: TierWorld,
) -> None:
    world = compressing
    begin = MIDNIGHT - 10 * DAY_US
    world.write([(s, i, begin + i * 10 * US, 0.5) for s in range(5) for i in range(3000)])
    world.refresh()
    sizes = "SELECT sum(bytes) FROM metric_tiers, metric_tier_size(tier) WHERE source IS NOT NULL"
    before = world.rows(sizes)[0][0]
    assert world.tiers.chunks().to_close > 1

    world.tiers.close_chunks()
    assert world.tiers.chunks().to_close == 0
    assert world.rows(sizes)[0][0] < before / 2
    world.assert_rolled_up(range(5))

    world.write([(3, 5000, begin + 5 * US, 7.5)])
    world.refresh()
    world.assert_rolled_up(range(5))
    world.tiers.close_chunks()
    assert world.tiers.chunks().to_close == 0
    world.assert_rolled_up(range(5))


def test_an_import_is_compressed_as_it_comes(world: TierWorld) -> None:
    begin = MIDNIGHT - 30 * DAY_US
    points = [(s, i, begin + i * 100 * US, i * 0.5) for i in range(2000) for s in range(10)]
    world.write([(3, 9999, begin + 5 * US, 0.5)])
    world.refresh()

    world.bring(points)

    if compresses_as_points_come(world):
        assert {count.state for count in world.tiers.chunks().by_state} == {"partial"}
        ((beside,),) = world.rows(
            "SELECT sum(pg_relation_size(name)) FROM metric_chunk_bounds() AS chunk"
        )
        assert beside <= 8192  # the point that was there before
    assert world.rows("SELECT count(*) FROM metric_points") == [(20_001,)]
    world.refresh()
    world.assert_rolled_up(range(10))
    world.tiers.close_chunks()
    world.refresh()
    world.assert_rolled_up(range(10))
    if world.has_compression:
        assert {count.state for count in world.tiers.chunks().by_state} == {"compressed"}


def test_what_a_script_sends_long_after_is_taken_as_an_import(world: TierWorld) -> None:
    run = a_scratch_run(world.pool)
    begin = MIDNIGHT - 5 * DAY_US
    curves = {
        key: [(i, begin + i * 10 * US, i * 0.5) for i in range(1000)] for key in ("loss", "acc")
    }
    fresh = {"loss": [(5000, world.now_us, 1.0)]}
    store = IngestStore(world.pool, clock=SystemClock())

    store.write([a_delivery(run, 1, points=curves), a_delivery(run, 1, points=fresh, writer="v")])

    states = {count.state for count in world.tiers.chunks().by_state if count.state != "far"}
    assert states == {"open", "partial" if compresses_as_points_come(world) else "closed"}
    ids = [row[0] for row in world.rows("SELECT series_id FROM series")]
    assert world.rows("SELECT count(*) FROM metric_points") == [(2001,)]
    world.refresh()
    world.assert_rolled_up(ids)


def compresses_as_points_come(world: TierWorld) -> bool:
    """TimescaleDB 2.29 does; 2.23 does not where there are continuous aggregates."""
    return world.has_compression and version(world) >= [2, 29]


def version(world: TierWorld) -> list[int]:
    """Of TimescaleDB; nothing without it."""
    rows = world.rows("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    return [int(part) for (text,) in rows for part in text.split("-")[0].split(".")]


def test_policies_do_the_same_where_workers_run(compressing: TierWorld) -> None:
    world = compressing
    begin = world.ago(days=10)  # as an import brings it
    world.write([(1, i, world.ago(hours=30) + i * 60 * US, 0.5) for i in range(600)])
    world.run_policies()
    world.write([(1, i, begin + i * 60 * US, 0.5) for i in range(600)])

    world.run_policies()
    assert world.run_policies() == 5  # of 2.23 the second one takes the last bucket

    # Of versions before, policies that do not compress again do not compress at all.
    assert state_of(world, begin) == "compressed" or version(world) < [2, 29]
    ((stored,),) = world.rows("SELECT metric_stored_until('metric_points_1h')")
    assert stored > world.ago(hours=22) // 100_000
    world.assert_rolled_up([1])


def test_policies_compress_once_and_leave_the_rest_to_us(compressing: TierWorld) -> None:
    configurations = compressing.rows(
        "SELECT config -> 'recompress' FROM timescaledb_information.jobs"
        " WHERE job_id >= 1000 AND proc_name = 'policy_compression'"
    )

    assert configurations == [(False,)] * 3
