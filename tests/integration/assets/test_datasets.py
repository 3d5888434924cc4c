"""Versions of datasets as Dagster sees them, on a real database."""

import datetime as dt
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.datasets import BLOCKING, DRIFT, OTHER, dataset_checks, dataset_versions
from assets.partitions import DATASET_VERSIONS, dataset_of, dataset_partition
from assets.sweep import sweep
from orchestration.definitions import defs
from orchestration.jobs import check_datasets
from orchestration.schedules import daily_data_checks
from orchestration.sensors import registered_datasets
from storage.database import open_pool
from sweeps.datasets import DatasetReference
from sweeps.ids import TenantId
from tests.integration.storage.data_world import DataWorld
from tests.plugins.postgres import Database

# Dagster's own business with a resource of generic type.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

ROWS = "age,city\n" + "".join(f"{20 + n % 50},{'Ulm' if n % 3 else 'Bonn'}\n" for n in range(300))
SUITE = """\
expectations:
  - {type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 0, max_value: 99}}
  - type: expect_column_values_to_be_in_set
    kwargs: {column: city, value_set: [Ulm]}
    severity: warning
"""


@pytest.fixture
def data(database: Database, tmp_path: Path) -> Generator[DataWorld, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        made = DataWorld(pool, tmp_path)
        made.register(made.file("people.csv", ROWS))
        yield made


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def execute(
    data: DataWorld, instance: dg.DagsterInstance, key: str, *, job: Any = None
) -> dg.ExecuteInProcessResult:
    chosen = job or dg.define_asset_job("chosen", selection="*")
    loaded = dg.Definitions(
        assets=[dataset_versions],
        asset_checks=[dataset_checks],
        jobs=[chosen],
        resources={"dataset_log": data.catalog, "inspection": data.inspection},
    )
    instance.add_dynamic_partitions(str(DATASET_VERSIONS.name), [key])
    return loaded.resolve_job_def(chosen.name).execute_in_process(
        partition_key=key, instance=instance, raise_on_error=False
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.mark.parametrize("tenant", ["default", "vision"])
def test_a_partition_names_one_version_of_one_tenant(data: DataWorld, tenant: str) -> None:
    data.register(data.file("a.csv", "x\n1\n"), tenant=TenantId(tenant), name="other")
    row = data.get("other", tenant=TenantId(tenant)).row

    key = dataset_partition(row)

    assert dataset_of(key) == (tenant, DatasetReference(name="other", number=1))


def test_a_version_shows_what_is_in_it(data: DataWorld, instance: dg.DagsterInstance) -> None:
    data.register(
        data.file("b.csv", "age\n30\n"),
        name="less",
        parents=(DatasetReference.parse("people@1"),),
        column_lineage={"age": ("people@1:age",)},
    )

    result = execute(data, instance, "less@1")

    assert result.success
    (event,) = result.asset_materializations_for_node("dataset_versions")
    shown: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    assert event.partition == "less@1"
    assert (shown["dagster/row_count"], shown["files"]) == (1, 1)
    assert shown["content_sha256"] == data.get("less").row.content_hash
    assert shown["parents"] == "- people@1"
    assert "data:image/svg+xml" in shown["histograms"]
    assert event.metadata["statistics"].records[0].data["column"] == "age"  # pyright: ignore[reportAttributeAccessIssue]  a table
    (dependency,) = shown["dagster/column_lineage"].deps_by_column["age"]
    assert dependency.column_name == "age"


def test_what_is_expected_is_checked_by_severity(
    data: DataWorld, instance: dg.DagsterInstance
) -> None:
    data.expect("people", SUITE)

    result = execute(data, instance, "people@1")

    found = checks(result)
    assert result.success
    assert (found[BLOCKING].passed, found[OTHER].passed, found[DRIFT].passed) == (
        True, False, True,
    )  # fmt: skip
    assert found[OTHER].severity is dg.AssetCheckSeverity.WARN
    assert data.get("people").row.has_passed is True


def test_a_failing_blocking_expectation_fails_the_dagster_run(
    data: DataWorld, instance: dg.DagsterInstance
) -> None:
    data.expect("people", SUITE.replace("99", "30"))

    result = execute(data, instance, "people@1")

    found = checks(result)[BLOCKING]
    assert not result.success
    assert (found.passed, found.severity, found.blocking) == (
        False, dg.AssetCheckSeverity.ERROR, True,
    )  # fmt: skip
    assert data.get("people").row.has_passed is False


def test_drift_from_the_version_before_is_a_warning(
    data: DataWorld, instance: dg.DagsterInstance
) -> None:
    data.register(data.file("later.csv", ROWS.replace("\n2", "\n7")))

    result = execute(data, instance, "people@2")

    found = checks(result)[DRIFT]
    assert result.success
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["previous"].value == "people@1"
    assert "data:image/svg+xml" in str(found.metadata["before_and_after"].value)


def test_the_job_shows_a_version_and_checks_it(
    data: DataWorld, instance: dg.DagsterInstance
) -> None:
    result = execute(data, instance, "people@1", job=check_datasets)

    assert result.success
    assert set(checks(result)) == {BLOCKING, OTHER, DRIFT}
    assert result.asset_materializations_for_node("dataset_versions")


def test_a_new_version_is_shown_once(data: DataWorld, instance: dg.DagsterInstance) -> None:
    def look() -> Any:
        context = dg.build_sensor_context(instance=instance)
        return registered_datasets(context, dataset_log=data.catalog)

    first = look()
    execute(data, instance, "people@1")
    after = look()

    assert isinstance(first, dg.SensorResult)
    (request,) = list(first.run_requests or ())
    assert (request.run_key, request.partition_key) == ("people@1", "people@1")
    (added,) = list(first.dynamic_partitions_requests or ())
    assert list(added.partition_keys) == ["people@1"]
    assert isinstance(after, dg.SkipReason)


def test_the_newest_versions_are_checked_every_day(
    data: DataWorld, instance: dg.DagsterInstance
) -> None:
    data.register(data.file("later.csv", "age,city\n1,Ulm\n"))

    def ask() -> Any:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=dt.datetime(2026, 1, 2, 3, 30, tzinfo=dt.UTC),
            resources={"dataset_log": data.catalog},
            repository_def=defs().get_repository_def(),
        )
        return daily_data_checks(context)

    unknown = ask()
    instance.add_dynamic_partitions(str(DATASET_VERSIONS.name), ["people@1", "people@2"])
    known = ask()

    assert isinstance(unknown, dg.SkipReason)
    assert [(r.run_key, r.partition_key) for r in known] == [("2026-01-02 people@2", "people@2")]


def test_a_sweep_comes_after_the_data() -> None:
    graph = defs().resolve_asset_graph()

    assert dataset_versions.key in graph.get(sweep.key).parent_keys
