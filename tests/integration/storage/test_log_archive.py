"""Logs as artifacts of their runs."""

from collections.abc import Generator
from pathlib import Path

import pytest

from storage.artifacts.catalog import ArtifactCatalog
from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.log_archive import ArtifactLogs
from storage.database import open_pool
from sweeps.errors import RunNotFound, StateConflict
from sweeps.ids import AttemptId, TenantId
from tests.integration.storage.lineage_world import LineageWorld
from tests.plugins.postgres import Database

TENANT = TenantId("default")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Generator[LineageWorld, None, None]:
    with open_pool(database.url) as pool:
        yield LineageWorld(pool, ArtifactFolder(tmp_path))


@pytest.fixture
def archive(world: LineageWorld) -> ArtifactLogs:
    return ArtifactLogs(ArtifactCatalog(world.pool), world.store)


def test_what_is_kept_is_read_back(world: LineageWorld, archive: ArtifactLogs) -> None:
    run = world.run()
    first, second = AttemptId(f"{run}-a1"), AttemptId(f"{run}-a2")
    assert not archive.has(TENANT, first)

    archive.keep(TENANT, first, b"epoch 1\n")
    archive.keep(TENANT, first, b"of another node\n", node=1)
    archive.keep(TENANT, second, b"epoch 2\n")

    assert archive.read(TENANT, first) == b"epoch 1\n"
    assert archive.read(TENANT, first, node=1) == b"of another node\n"
    assert archive.read(TENANT, second) == b"epoch 2\n"
    assert archive.has(TENANT, second)
    assert archive.read(TenantId("other"), first) is None
    names = world.rows("SELECT name, type FROM artifacts ORDER BY name")
    assert names == [("logs/a1-node-1.log", "log"), ("logs/a1.log", "log"), ("logs/a2.log", "log")]


def test_keeping_it_twice_is_keeping_it_once(world: LineageWorld, archive: ArtifactLogs) -> None:
    attempt = AttemptId(f"{world.run()}-a1")

    archive.keep(TENANT, attempt, b"epoch 1\n")
    archive.keep(TENANT, attempt, b"epoch 1\n")
    with pytest.raises(StateConflict):
        archive.keep(TENANT, attempt, b"something else\n")

    assert archive.read(TENANT, attempt) == b"epoch 1\n"


def test_a_sealed_run_takes_no_log(world: LineageWorld, archive: ArtifactLogs) -> None:
    run = world.run()
    world.end(run)

    with pytest.raises(StateConflict):
        archive.keep(TENANT, AttemptId(f"{run}-a1"), b"late\n")


def test_a_run_that_is_not_there_takes_no_log(archive: ArtifactLogs) -> None:
    with pytest.raises(RunNotFound):
        archive.keep(TENANT, AttemptId("nowhere-00001-a1"), b"x\n")
