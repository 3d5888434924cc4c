"""What the materialization of a sweep says of how far its trials can be made again."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.sweep import materialize_metrics
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool
from storage.lineage.checks import PostgresLineageChecks
from storage.points.rollups import PostgresMetricTiers
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.trials import PostgresTrialStore
from sweeps.errors import StorageUnavailable
from tests.factories import SWEEP, a_spec
from tests.integration.storage.lineage_world import LineageWorld
from tests.plugins.postgres import Database


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


def metadata(pool: Pool, checks: Any) -> dict[str, Any]:
    context = dg.build_op_context(
        resources={
            "trial_store": PostgresTrialStore(pool),
            "metric_tiers": PostgresMetricTiers(pool),
            "lineage_checks": checks,
        }
    )
    materialize_metrics(context, str(SWEEP))
    found = context.get_output_metadata("result")
    assert found is not None
    return {name: getattr(value, "value", value) for name, value in found.items()}


def test_a_sweep_shows_the_share_of_its_trials(pool: Pool, tmp_path: Path) -> None:
    world = LineageWorld(pool, ArtifactFolder(tmp_path))
    SweepCatalog(pool).submit(SWEEP, a_spec(), source_dir="/there", created_by="me")
    for number, seeds in enumerate(({"seed": 1}, None), start=1):
        run = world.whole_run(seeds=seeds)
        world.rows(
            "UPDATE runs SET sweep_id = %s, number = %s WHERE run_id = %s", SWEEP, number, run
        )
        world.end(run)
    other = world.run()
    world.end(other)

    shown = metadata(pool, PostgresLineageChecks(pool, lambda: world.store))

    assert shown["captured_share"] == 0.5
    assert "| of 2 finished runs | runs | share |" in shown["reproducibility"]


def test_a_sweep_ends_well_when_nothing_can_be_said(pool: Pool) -> None:
    SweepCatalog(pool).submit(SWEEP, a_spec(), source_dir="/there", created_by="me")

    class Away:
        def finished(self, _: object) -> None:
            raise StorageUnavailable("the database does not answer")

    shown = metadata(pool, Away())

    assert "trials" in shown
    assert "reproducibility" not in shown
