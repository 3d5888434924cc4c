"""Reports of weeks and months are made by themselves, for everybody and for each tenant."""

import datetime as dt
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.reports import monthly_report, weekly_report
from governance.access import Sees
from governance.periods import Span
from governance.reports.model import Scope
from governance.reports.rows import SweepFront
from governance.reports.shelf import Reader
from orchestration.definitions import defs
from orchestration.report_schedules import monthly_reports, weekly_reports
from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.location import BucketLocation
from storage.database import Pool, open_pool
from storage.reports.facts import PostgresReportFacts
from storage.reports.shelf import PostgresReportShelf
from sweeps.blobs import ArtifactStore
from sweeps.errors import StorageUnavailable
from tests.integration.storage.report_world import ReportWorld
from tests.plugins.postgres import Database

# Of Dagster's resources, on the way from pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")


EVERYTHING = Reader(tenant="", sees=Sees.ALL)


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


@pytest.fixture
def world(pool: Pool) -> ReportWorld:
    world = ReportWorld(pool)
    world.sweep("a", experiment="digits")
    world.sweep("b", tenant="vision", experiment="words")
    world.trial("a", 1, cost="3")
    world.trial("a", 2, cost="1", state="failed", objective=None)
    world.trial("b", 1, cost="4")
    world.summed()
    return world


def materialize(
    pool: Pool,
    store: ArtifactStore,
    asset: dg.AssetsDefinition,
    day: str,
    *,
    facts: Any = None,
    **options: Any,
) -> dg.ExecuteInProcessResult:
    with dg.instance_for_test() as instance:
        return dg.materialize(
            [asset],
            partition_key=day,
            instance=instance,
            resources={
                "report_facts": facts or PostgresReportFacts(pool),
                "report_shelf": PostgresReportShelf(pool, store),
            },
            **options,
        )


def told(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def test_a_week_is_told_to_everybody_and_to_each_tenant(
    pool: Pool, store: ArtifactFolder, world: ReportWorld
) -> None:
    found = told(materialize(pool, store, weekly_report, "2025-06-16"), "weekly_report")

    assert (found["cost_usd"], found["waste_usd"], found["tenants"]) == (8.0, 1.0, 2)
    assert found["problems"] == []
    assert found["report"].startswith("# Report 2025")
    assert "digits" not in found["portfolio"]
    shelf = PostgresReportShelf(pool, store)
    shelved = [(row.scope.tenant, row.is_portfolio, row.cost_usd) for row in shelf.list(EVERYTHING)]
    assert sorted(shelved, key=str) == [
        ("default", False, 4),
        ("vision", False, 4),
        (None, False, 8),
        (None, True, 8),
    ]
    (own,) = shelf.list(Reader(tenant="default"))
    text = shelf.markdown(own.report_id, Reader(tenant="default"))
    assert "vision" not in text
    assert "words" not in text


def test_a_month_is_told_and_told_again_in_the_same_place(
    pool: Pool, store: ArtifactFolder, world: ReportWorld
) -> None:
    first = told(materialize(pool, store, monthly_report, "2025-06-01"), "monthly_report")
    world.trial("a", 3, cost="2")
    world.summed()
    second = told(materialize(pool, store, monthly_report, "2025-06-01"), "monthly_report")

    assert (first["cost_usd"], second["cost_usd"]) == (8.0, 10.0)
    assert len(PostgresReportShelf(pool, store).list(EVERYTHING)) == 4


def test_a_part_that_fails_is_told_and_the_rest_is_there(
    pool: Pool, store: ArtifactFolder, world: ReportWorld
) -> None:
    class Broken(PostgresReportFacts):
        def fronts(self, scope: Scope, period: Span) -> list[SweepFront]:
            raise StorageUnavailable("the database is away")

    result = materialize(pool, store, weekly_report, "2025-06-16", facts=Broken(pool))

    found = told(result, "weekly_report")
    assert found["cost_usd"] == 8.0
    assert "the database is away" in found["problems"][0]
    assert "This section could not be made" in found["report"]
    (row,) = PostgresReportShelf(pool, store).list(Reader(tenant="default"))
    assert row.problems == ["What the best costs: the database is away"]


def test_the_asset_says_where_the_pages_are(
    pool: Pool, store: ArtifactFolder, world: ReportWorld
) -> None:
    found = told(materialize(pool, store, weekly_report, "2025-06-16"), "weekly_report")

    page = Path(found["page"]).read_bytes()
    assert page.startswith(b"<!doctype html>")
    assert b"What the best costs" in page
    assert hashlib.sha256(page).hexdigest() == found["page_sha256"]
    assert len(found["files"]) == 4
    for made in found["files"]:
        text = Path(made["markdown"]["address"]).read_text()
        assert text.partition("\n")[0].replace("\\", "") == f"# {made['title']}"
        assert made["html"]["size_bytes"] == Path(made["html"]["address"]).stat().st_size


def test_pages_in_a_bucket_have_its_address(
    pool: Pool, bucket: BucketLocation, world: ReportWorld
) -> None:
    store = ArtifactBucket(bucket)

    found = told(materialize(pool, store, weekly_report, "2025-06-16"), "weekly_report")

    assert found["page"].startswith(f"s3://{bucket.bucket}/{bucket.prefix}/")
    assert found["page"].endswith(found["page_sha256"])
    assert PostgresReportShelf(pool, store).html(found["report_number"], EVERYTHING)


def test_an_empty_week_is_a_report_too(pool: Pool, store: ArtifactFolder) -> None:
    found = told(materialize(pool, store, weekly_report, "2025-06-16"), "weekly_report")

    assert (found["cost_usd"], found["tenants"]) == (0.0, 0)


@pytest.mark.parametrize(
    ("schedule", "at", "partition"),
    [
        (weekly_reports, dt.datetime(2025, 6, 23, 5, tzinfo=dt.UTC), "2025-06-16"),
        (monthly_reports, dt.datetime(2025, 7, 1, 5, 30, tzinfo=dt.UTC), "2025-06-01"),
        (monthly_reports, dt.datetime(2026, 1, 1, 5, 30, tzinfo=dt.UTC), "2025-12-01"),
    ],
)
def test_schedules_ask_for_the_period_that_is_over(
    schedule: dg.ScheduleDefinition, at: dt.datetime, partition: str
) -> None:
    with dg.instance_for_test() as instance:
        asked = asked_at(schedule, at, instance)

    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == partition
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "UTC"


def asked_at(
    schedule: dg.ScheduleDefinition, at: dt.datetime, instance: dg.DagsterInstance
) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=defs().get_repository_def()
    )
    asked = schedule(context)
    assert isinstance(asked, dg.RunRequest | dg.SkipReason)
    return asked


def test_a_report_that_failed_is_asked_for_with_the_next_look_and_one_that_is_there_is_not() -> (
    None
):
    at = dt.datetime(2025, 6, 23, 5, tzinfo=dt.UTC)
    tags = {"dagster/partition": "2025-06-16"}
    with dg.instance_for_test() as instance:
        failed = instance.create_run_for_job(
            defs().resolve_job_def("report_week"), status=dg.DagsterRunStatus.FAILURE, tags=tags
        )
        again = asked_at(weekly_reports, at, instance)
        instance.create_run_for_job(
            defs().resolve_job_def("report_week"), status=dg.DagsterRunStatus.SUCCESS, tags=tags
        )
        done = asked_at(weekly_reports, at, instance)

    assert isinstance(again, dg.RunRequest)
    assert again.run_key == f"2025-06-16 after {failed.run_id}"
    assert isinstance(done, dg.SkipReason)
