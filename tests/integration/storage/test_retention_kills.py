"""Killed anywhere, by a signal that nobody can catch: running again ends as if nobody had been."""

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retention.policy_file import RETENTION
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool
from storage.lineage.checks import record_digests
from storage.policy_store import PolicyStore
from storage.retention.keeper import PostgresRetentionKeeper
from sweeps.policies import PolicyChange
from tests.contracts.artifact_store_contract import bring
from tests.integration.storage.dying import killed_at, moments
from tests.integration.storage.retention_curves import a_run
from tests.integration.storage.retention_rows import TENANT, RetentionRows
from tests.integration.storage.tier_world import TierWorld
from tests.plugins.postgres import Database, copy_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
POLICY = """
min_age: 0.001s
grace: 7d
default_class: a
classes:
  a: {runs: {scratch_after: 20d}, metrics: {raw: 30d, minutes: 60d}}
"""
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
PLANNED = NOW + dt.timedelta(hours=1)  # by then nothing that a test makes is young
DUE = PLANNED + dt.timedelta(days=7)
LATE = 6  # the series of the run that is tagged when it is marked
_SHARES = 4  # the moments are shared out among so many tests


@dataclass(frozen=True)
class World:
    """A database that nobody connects to any more, and the folder of its artifacts."""

    server: str
    database: Database
    folder: Path


def fill(pool: Pool, folder: Path) -> None:
    """Runs that go and runs that stay, with files and curves, and a file that no row knows of."""
    rows, tiers = RetentionRows(pool, ArtifactFolder(folder)), TierWorld(pool, NOW)
    change = PolicyChange(
        kind=RETENTION,
        source="retention.yaml",
        before=PolicyStore(pool).current(RETENTION),
        text=POLICY,
    )
    PolicyStore(pool).apply([change], by="me", comment="")
    files = {"mine": "file", "shared": "file"}
    for series in (1, 2, 3):
        a_run(rows, tiers, series, days_ago=40 + series, files=files)
    kept, used, _ = (
        a_run(rows, tiers, series, days_ago=50, files=files) for series in (4, 5, LATE)
    )
    a_run(rows, tiers, 7, days_ago=5, files=files)
    rows.tag(kept)
    rows.catalog.use(rows.open_run(), owner=used, name="mine", tenant_id=TENANT)
    record_digests(pool)
    bring(rows.store, b"a stray")


def plan(pool: Pool, folder: Path) -> int:
    keeper = PostgresRetentionKeeper(pool, ArtifactFolder(folder))
    return keeper.plans.make(keeper.policy.value, policy_version=1, who="me", now=PLANNED).plan_id


def apply(url: str, folder: Path) -> None:
    """What `retention apply` does."""
    with open_pool(url, max_size=3) as pool:
        keeper = PostgresRetentionKeeper(pool, ArtifactFolder(folder))
        (newest,) = keeper.plans.newest(limit=1)
        keeper.plans.apply(newest.plan_id, keeper.policy.value, who="me", now=PLANNED)


def delete(url: str, folder: Path) -> None:
    """What `retention delete` does, without waiting for a day."""
    with open_pool(url, max_size=3) as pool:
        store = ArtifactFolder(folder)
        keeper = PostgresRetentionKeeper(pool, store, least_age=dt.timedelta(0))
        keeper.carry_out(now=DUE)


def state(url: str, folder: Path) -> dict[str, Any]:
    """Everything that an onlooker could tell two endings by."""
    with open_pool(url, max_size=2) as pool:
        rows, tiers = RetentionRows(pool, ArtifactFolder(folder)), TierWorld(pool, NOW)
        digests = rows.rows(
            "SELECT run_digests.run_id FROM run_digests"
            " JOIN run_digests_v2(ARRAY(SELECT run_id FROM run_digests)) AS present USING (run_id)"
            " WHERE run_digests.artifacts = present.artifacts ORDER BY 1"
        )
        return {
            "names": sorted(rows.names()),
            "items": rows.rows(
                "SELECT kind, run_id, name, state::text, spared_by FROM retention_items"
                " ORDER BY 1, 2, 3"
            ),
            "deletions": rows.rows(
                "SELECT kind, run_id, name, rule, count(*) FROM deletions GROUP BY 1, 2, 3, 4"
                " ORDER BY 1, 2, 3"
            ),
            "leaving": rows.rows("SELECT count(*) FROM retention_leaving"),
            "blobs": rows.rows("SELECT sha256, state::text FROM blobs ORDER BY 1"),
            "bytes": sorted(one.sha256 for one in rows.store.stored(before=DUE)),
            "intact": digests,
            "points": [
                tiers.rows(f"SELECT DISTINCT series_id FROM {tier} ORDER BY 1")
                for tier in ("metric_points", "metric_points_1m", "metric_points_1h")
            ],
            "kept_since": rows.rows("SELECT tier, kept_since FROM metric_tiers ORDER BY 1"),
        }


@pytest.fixture
def planned(database: Database, postgres_server: str, tmp_path: Path) -> World:
    with open_pool(database.url, max_size=3) as pool:
        fill(pool, tmp_path / "filled")
        plan(pool, tmp_path / "filled")
    return World(postgres_server, database, tmp_path / "filled")


@pytest.fixture
def marked(planned: World, tmp_path: Path) -> Generator[World, None, None]:
    """Applied, and one of its runs tagged since."""
    with copy_of(planned.server, planned.database) as database:
        apply(database.url, planned.folder)
        with open_pool(database.url, max_size=2) as pool:
            rows = RetentionRows(pool, ArtifactFolder(planned.folder))
            ((late,),) = rows.rows("SELECT run_id FROM series WHERE series_id = %s", LATE)
            rows.tag(late)
        yield World(planned.server, database, planned.folder)


def ends_the_same(
    world: World, work: Callable[[str, Path], None], tmp_path: Path, *, share: int
) -> None:
    told = tmp_path / "told"
    with copied(world, tmp_path) as (url, folder):
        count = moments(work, url, folder, told=told)
        undisturbed = state(url, folder)
    assert undisturbed["leaving"] == [(0,)]
    for moment in range(1 + share, count + 1, _SHARES):
        with copied(world, tmp_path) as (url, folder):
            was_killed = killed_at(moment, work, url, folder, told=told)
            assert was_killed, moment
            work(url, folder)
            ended = state(url, folder)
        assert ended == undisturbed, f"killed at moment {moment} of {count}"


@contextlib.contextmanager
def copied(world: World, tmp_path: Path) -> Generator[tuple[str, Path], None, None]:
    folder = tmp_path / "artifacts"
    shutil.copytree(world.folder, folder)
    with copy_of(world.server, world.database) as database:
        yield database.url, folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("share", range(_SHARES))
def test_apply(planned: World, tmp_path: Path, share: int) -> None:
    ends_the_same(planned, apply, tmp_path, share=share)


@pytest.mark.parametrize("share", range(_SHARES))
def test_delete(marked: World, tmp_path: Path, share: int) -> None:
    ends_the_same(marked, delete, tmp_path, share=share)


def test_what_the_world_of_these_tests_ends_as(marked: World, tmp_path: Path) -> None:
    with copied(marked, tmp_path) as (url, folder):
        delete(url, folder)
        found = state(url, folder)

    assert {item[3] for item in found["items"]} == {"spared", "restored", "deleted"}
    assert [(kind, count) for kind, *_, count in found["deletions"]] == [
        ("artifact", 1)] * 6 + [("points", 1)] * 3 + [("tier", 1)]  # fmt: skip
    assert found["points"][0] == [(7,)]
    # Of the runs that stay their own files, what they share, their points, which are the same; a stray.
    assert len(found["bytes"]) == 4 + 1 + 1 + 1
