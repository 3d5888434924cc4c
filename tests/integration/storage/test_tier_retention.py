"""Points are dropped by chunk, in every edition; what must stay is a file first, and curves go on."""

import dataclasses
import datetime as dt
import io
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from retention.policy import MetricRules, RetentionClass, RetentionPolicy, RunRules
from retention.tiers import Tier
from retention.world import HoldScope
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool, transaction
from storage.lineage.checks import record_digests
from storage.points.tier_retention import Dropped, TierRetention
from storage.retention.deletion import RetentionDeletion
from storage.retention.holds import HoldStore
from storage.retention.store import RetentionStore
from sweeps.blobs import BlobKey
from sweeps.errors import StateConflict
from tests.integration.storage.retention_curves import a_run
from tests.integration.storage.retention_rows import TENANT, RetentionRows
from tests.integration.storage.tier_world import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    TierWorld,
)
from tests.plugins.postgres import Database

POLICY = RetentionPolicy(
    classes={
        "standard": RetentionClass(name="standard", metrics=MetricRules(raw=dt.timedelta(days=30)))
    },
    default_class="standard",
    grace=dt.timedelta(0),
    min_age=dt.timedelta(0),
)


pytestmark = pytest.mark.xdist_group("timescale")


@pytest.fixture(params=["database", "timescale_database"], ids=["server", "wasm"])
def pool(request: pytest.FixtureRequest) -> Generator[Pool, None, None]:
    """On the server that all tests use, and on TimescaleDB."""
    database: Database = request.getfixturevalue(request.param)
    with open_pool(database.url, max_size=1) as pool:
        yield pool


@pytest.fixture
def tiers(pool: Pool) -> TierWorld:
    return TierWorld(pool)


@pytest.fixture
def rows(pool: Pool, tmp_path: Path) -> RetentionRows:
    return RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))


def mark(pool: Pool, tiers: TierWorld, policy: RetentionPolicy = POLICY) -> None:
    plans = RetentionStore(pool)
    plan = plans.make(policy, policy_version=0, who="me", now=tiers.now)
    plans.apply(plan.plan_id, policy, who="me", now=tiers.now)


def drop(pool: Pool, rows: RetentionRows, tiers: TierWorld) -> None:
    mark(pool, tiers)
    TierRetention(pool, rows.store).drop_due(POLICY, now=tiers.now)


def exported(rows: RetentionRows, name: str) -> dict[str, list[Any]]:
    """Columns of a file that is an artifact, as RUN/NAME."""
    ((sha256,),) = rows.rows(
        "SELECT encode(sha256, 'hex') FROM artifacts WHERE run_id || '/' || name = %s", name
    )
    with rows.store.open(BlobKey(tenant_id=TENANT, sha256=sha256)) as file:
        return pq.read_table(io.BytesIO(file.read())).to_pydict()


def raw(tiers: TierWorld) -> set[int]:
    return {series for (series,) in tiers.rows("SELECT DISTINCT series_id FROM metric_points")}


def test_old_points_go_and_their_rollups_stay(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    a_run(rows, tiers, 1, days_ago=50)
    a_run(rows, tiers, 2, days_ago=5)
    before = {tier: tiers.group_by(tier, [1, 2]) for tier in (Tier.MINUTES, Tier.HOURS)}

    drop(pool, rows, tiers)

    assert raw(tiers) == {2}
    for tier, expected in before.items():
        assert [row[:3] for row in tiers.rollup(tier, [1, 2])] == [row[:3] for row in expected]


def test_of_a_kept_run_all_points_are_a_file_first(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    kept = a_run(rows, tiers, 1, days_ago=50)
    rows.tag(kept)
    a_run(rows, tiers, 2, days_ago=50)
    record_digests(pool)

    drop(pool, rows, tiers)

    assert raw(tiers) == set()
    assert rows.names() == {f"{kept}/metrics/points-0001.parquet"}
    table = exported(rows, f"{kept}/metrics/points-0001.parquet")
    assert table["step"] == list(range(60))
    assert table["value"] == [i / 7 for i in range(60)]
    assert set(table["key"]) == {"loss"}
    assert table["time"][0] == dt.datetime.fromtimestamp(
        (tiers.ago(days=50) - 60 * MINUTE_US) / 1_000_000, dt.UTC
    )


def test_of_a_held_run_what_was_measured_beside_is_a_file_too(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    held, kept = (a_run(rows, tiers, number, days_ago=50) for number in (1, 2))
    rows.tag(kept)
    for series, run in ((11, held), (12, kept)):
        rows.rows(
            "INSERT INTO series (series_id, run_id, key, family) VALUES (%s, %s, 'cpu', 'system')",
            series, run,
        )  # fmt: skip
        end = tiers.ago(days=50)
        tiers.write([(series, i, end - (60 - i) * MINUTE_US, float(i)) for i in range(60)])
    HoldStore(pool).place(HoldScope.RUN, held, tenant_id=TENANT, why="a claim", who="me")
    record_digests(pool)

    drop(pool, rows, tiers)

    assert raw(tiers) == set()
    assert rows.names() == {
        f"{held}/metrics/points-0001.parquet",
        f"{held}/metrics/system-points-0001.parquet",
        f"{kept}/metrics/points-0001.parquet",
    }
    table = exported(rows, f"{held}/metrics/system-points-0001.parquet")
    assert (set(table["key"]), table["value"]) == ({"cpu"}, [float(i) for i in range(60)])
    assert set(exported(rows, f"{held}/metrics/points-0001.parquet")["key"]) == {"loss"}


def test_points_beside_those_of_a_younger_run_stay(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    a_run(rows, tiers, 1, days_ago=50)
    live = rows.open_run()
    rows.rows("INSERT INTO series (series_id, run_id, key) VALUES (9, %s, 'loss')", live)
    early = tiers.ago(days=60)
    tiers.write([(9, 0, early, 1.0), (9, 1, early + 59 * DAY_US, 2.0)])
    rows.rows(
        "INSERT INTO series_summaries (series_id, point_count, nonfinite_count, last_value,"
        " last_step, least_step, greatest_step, first_time_ds, last_time_ds)"
        " VALUES (9, 2, 0, 1, 1, 0, 1, %s, %s)",
        early // 100_000, (early + 59 * DAY_US) // 100_000,
    )  # fmt: skip

    drop(pool, rows, tiers)

    assert raw(tiers) == {1, 9}


def test_a_tag_after_the_mark_makes_a_file_of_it(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    run = a_run(rows, tiers, 1, days_ago=50)
    mark(pool, tiers)
    rows.tag(run)

    done = TierRetention(pool, rows.store).drop_due(POLICY, now=tiers.now)

    assert (done.tiers, done.exported_runs) == (1, 1)
    assert rows.names() == {f"{run}/metrics/points-0001.parquet"}


def test_done_twice_is_done_once(pool: Pool, rows: RetentionRows, tiers: TierWorld) -> None:
    rows.tag(a_run(rows, tiers, 1, days_ago=50))
    drop(pool, rows, tiers)

    again = TierRetention(pool, rows.store).drop_due(POLICY, now=tiers.now)

    assert again == dataclasses.replace(again, tiers=0, exported_runs=0)
    assert len(rows.names()) == 1


def test_a_run_that_is_kept_too_late_holds_up_no_other(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    late = a_run(rows, tiers, 1, days_ago=60)
    drop(pool, rows, tiers)
    rows.tag(late)
    a_run(rows, tiers, 2, days_ago=50)

    drop(pool, rows, tiers)

    assert raw(tiers) == set()
    assert rows.names() == set()


def test_a_kept_run_without_curves_of_its_own_holds_up_no_other(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    rows.tag(a_run(rows, tiers, 1, days_ago=50))
    rows.rows("ALTER TABLE series DISABLE TRIGGER series_immutable")
    rows.rows("UPDATE series SET family = 'system'")
    rows.rows("ALTER TABLE series ENABLE TRIGGER series_immutable")

    drop(pool, rows, tiers)

    assert raw(tiers) == set()


def test_a_file_of_the_script_is_no_export(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    run = a_run(
        rows, tiers, 1, days_ago=50, files={"mine": "points", "metrics/points-0001.parquet": "file"}
    )
    rows.tag(run)

    with pytest.raises(StateConflict, match="another file"):
        drop(pool, rows, tiers)

    assert raw(tiers) == {1}


class Dies(Exception):
    """Whoever does it is killed there."""


class Killed(TierRetention):
    """Dies once it is decided what goes, and before it is removed."""

    def _remove(self) -> Dropped:
        with transaction(self._pool) as connection:
            if connection.execute("SELECT 1 FROM retention_leaving").fetchone():
                raise Dies
        return Dropped()


def test_who_dies_once_it_is_decided_leaves_the_rest_to_the_next(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    late = a_run(rows, tiers, 1, days_ago=50)
    a_run(rows, tiers, 2, days_ago=5)
    mark(pool, tiers)
    with pytest.raises(Dies):
        Killed(pool, rows.store).drop_due(POLICY, now=tiers.now)
    assert raw(tiers) == {1, 2}
    rows.tag(late)  # too late: it is decided

    done = TierRetention(pool, rows.store).drop_due(POLICY, now=tiers.now)

    assert (done.tiers, done.exported_runs) == (1, 0)
    assert raw(tiers) == {2}
    assert rows.rows("SELECT count(*) FROM retention_leaving") == [(0,)]
    assert rows.rows("SELECT name, count(*) FROM deletions GROUP BY 1") == [("metric_points", 1)]


def test_it_is_decided_in_steps_and_a_run_that_is_tagged_becomes_a_file(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    for series in range(1, 7):
        a_run(rows, tiers, series, days_ago=40 + 5 * series)
    kept = a_run(rows, tiers, 7, days_ago=42)
    mark(pool, tiers)
    rows.tag(kept)

    TierRetention(pool, rows.store, step_runs=2).drop_due(POLICY, now=tiers.now)

    assert raw(tiers) == set()
    assert rows.names() == {f"{kept}/metrics/points-0001.parquet"}


def test_points_of_a_run_go_after_it_is_decided_and_nobody_waits_for_that(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    hasty = RunRules(scratch_after=dt.timedelta(days=20))
    policy = dataclasses.replace(
        POLICY,
        classes={"standard": dataclasses.replace(POLICY.classes["standard"], runs=hasty)},
    )
    run = a_run(rows, tiers, 1, days_ago=25)
    a_run(rows, tiers, 2, days_ago=5)
    mark(pool, tiers, policy)

    class Dying(RetentionDeletion):
        def _remove_points(self) -> None:
            raise Dies

    with pytest.raises(Dies):
        Dying(pool).delete_due(now=tiers.now)
    assert raw(tiers) == {1, 2}

    done = RetentionDeletion(pool).delete_due(now=tiers.now)

    assert done.deleted == 0  # it was before
    assert raw(tiers) == {2}
    assert rows.rows("SELECT run_id, kind FROM deletions") == [(run, "points")]
    assert rows.rows("SELECT count(*) FROM retention_leaving") == [(0,)]


COARSE = dataclasses.replace(
    POLICY,
    classes={
        "standard": RetentionClass(
            name="standard",
            metrics=MetricRules(raw=dt.timedelta(days=30), minutes=dt.timedelta(days=60)),
        )
    },
)


def minutes(tiers: TierWorld) -> set[int]:
    return {series for (series,) in tiers.rows("SELECT DISTINCT series_id FROM metric_points_1m")}


def test_rollups_of_a_run_that_is_kept_too_late_become_a_file_and_hold_up_no_other(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    late = a_run(rows, tiers, 1, days_ago=100)
    drop(pool, rows, tiers)
    rows.tag(late)
    a_run(rows, tiers, 2, days_ago=90)
    a_run(rows, tiers, 3, days_ago=50)
    a_run(rows, tiers, 4, days_ago=65)  # its chunk may stay: chunks of rollups are many days long
    (before, *_) = tiers.rollup(Tier.MINUTES, [1])

    mark(pool, tiers, COARSE)
    TierRetention(pool, rows.store).drop_due(COARSE, now=tiers.now)

    assert minutes(tiers) - {4} == {3}
    table = exported(rows, f"{late}/metrics/minutes-0001.parquet")
    assert table["count"] == [1] * 60
    assert table["last"] == [i / 7 for i in range(60)]
    assert table["time"][0] == dt.datetime.fromtimestamp(before[1] / 10, dt.UTC)


def test_of_a_run_whose_points_are_gone_in_part_the_rest_is_a_file_of_the_finest_there_is(
    pool: Pool, rows: RetentionRows, tiers: TierWorld
) -> None:
    ago = 50 + (tiers.now.minute - 30) % 60 / (24 * 60)  # it ended about half past an hour
    early = a_run(rows, tiers, 1, days_ago=ago)
    begin = tiers.ago(days=ago) - 60 * MINUTE_US
    half = (begin // HOUR_US + 1) * HOUR_US
    for tier in (Tier.MINUTES, Tier.HOURS):
        tiers.tiers.refresh(tier)
    tiers.tiers.drop(Tier.POINTS, before=dt.datetime.fromtimestamp(half / 1_000_000, dt.UTC))
    rows.tag(early)

    drop(pool, rows, tiers)

    points = exported(rows, f"{early}/metrics/points-0001.parquet")
    by_minute = exported(rows, f"{early}/metrics/minutes-0001.parquet")
    assert by_minute["last"] + points["value"] == [i / 7 for i in range(60)]
    assert raw(tiers) == set()
