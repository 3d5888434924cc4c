"""Lineage in Dagster: digests, shares, checks; a sweep's own share."""

import datetime as dt
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.lineage import CHECKS, lineage
from governance.lineage.rules import Check
from orchestration.definitions import defs
from orchestration.schedules import checked_lineage
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool
from storage.lineage.checks import PostgresLineageChecks
from tests.integration.storage.lineage_world import LineageWorld
from tests.plugins.postgres import Database

# Of Dagster's resources, on the way from pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> LineageWorld:
    return LineageWorld(pool, ArtifactFolder(tmp_path))


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def materialize(world: LineageWorld, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [lineage, *CHECKS],
        instance=instance,
        resources={"lineage_checks": PostgresLineageChecks(world.pool, lambda: world.store)},
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("lineage")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_good_record_passes_and_is_counted(
    world: LineageWorld, instance: dg.DagsterInstance
) -> None:
    for days in (0, 8, 400):
        run = world.whole_run(seeds=None if days == 8 else {"seed": 1})
        world.artifact(run)
        world.end(run, days_ago=days)

    result = materialize(world, instance)

    shown = metadata(result)
    assert (shown["new_digests"], shown["finished_runs"], shown["captured_share"]) == (3, 2, 0.5)
    assert "| unseeded | 1 | 50% |" in shown["reproducibility"]
    assert "data:image/svg+xml;base64," in shown["captured_share_by_week"]
    assert len(shown["by_week"]) == 2
    found = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert set(found) == {str(check) for check in Check}
    assert [name for name, check in found.items() if not check.passed] == [Check.RUNS]
    assert found[Check.RUNS].severity is dg.AssetCheckSeverity.WARN
    assert found[Check.BLOBS].metadata["hashed"].value == 1


def test_what_is_wrong_is_named_in_the_ui(
    world: LineageWorld, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = world.whole_run()
    world.artifact(run, content=b"gone")
    world.end(run)
    world.store.delete(world.key(b"gone"))

    result = materialize(world, instance)

    found = {check.check_name: check for check in result.get_asset_check_evaluations()}
    blobs = found[Check.BLOBS]
    assert (blobs.passed, blobs.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert blobs.description is not None
    assert f"artifact:{run}/model.pt" in blobs.description
    found_table = blobs.metadata["first_findings"]
    assert isinstance(found_table, dg.TableMetadataValue)
    (record,) = found_table.records
    assert "backup" in str(record.data["mend"])


def test_without_runs_there_is_nothing_to_plot(
    world: LineageWorld, instance: dg.DagsterInstance
) -> None:
    shown = metadata(materialize(world, instance))

    assert shown["finished_runs"] == 0
    assert "captured_share" not in shown


def test_the_schedule_asks_once_a_day(instance: dg.DagsterInstance) -> None:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime.now(dt.UTC),
        repository_def=defs().get_repository_def(),
    )

    assert isinstance(checked_lineage(context), dg.RunRequest)
    assert checked_lineage.cron_schedule == "30 3 * * *"
