"""A world in which candidates are promoted, and an instance of Dagster in memory."""

from collections.abc import Generator
from pathlib import Path

import dagster as dg
import pytest

from storage.database import Pool, open_pool
from tests.integration.orchestration.promotion_world import PromotionWorld
from tests.plugins.postgres import Database


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=8) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> PromotionWorld:
    return PromotionWorld(pool, tmp_path / "artifacts")


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made
