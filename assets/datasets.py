"""Versions of datasets as an asset: one partition each, and what is expected of them as its checks.

Materializing a version shows what was summed up when it was registered; the checks read the data.
Automation: the sensor `registered_datasets` for new versions and the schedule `daily_data_checks`,
nothing else.
"""

from collections.abc import Iterator

import dagster as dg

from assets.boundary import dagster_errors
from assets.histogram_plot import drift_plot, histogram_plot
from assets.partitions import DATASET_VERSIONS, dataset_of
from assets.unfinished_features import unfinished_features
from governance.datasets.drift import Comparison, DriftLevel, comparison, drift
from sweeps.data_profiles import ColumnProfile
from sweeps.datasets import CheckResult, DatasetInspector, DatasetLog, DatasetVersion

_MOST_COLUMNS = 100  # that are shown
_MOST_FAILED = 20


@dg.asset(
    partitions_def=DATASET_VERSIONS,
    group_name="datasets",
    kinds={"python"},
    description="What runs learn from: one version a partition, never changed.",
)
def dataset_versions(
    context: dg.AssetExecutionContext, dataset_log: dg.ResourceParam[DatasetLog]
) -> dg.MaterializeResult:
    """Show a version: rows, size, columns, where it came from."""
    version = _version(dataset_log, context.partition_key)
    return dg.MaterializeResult(
        metadata=_metadata(version), data_version=dg.DataVersion(version.row.content_hash)
    )


BLOCKING = "blocking_expectations_are_met"
OTHER = "other_expectations_are_met"
DRIFT = "distributions_are_like_the_previous_version"

with unfinished_features():
    _SPECS = [
        dg.AssetCheckSpec(
            BLOCKING,
            asset=dataset_versions,
            blocking=True,
            partitions_def=DATASET_VERSIONS,
            description="The files are what was registered, and nothing critical is wrong with "
            "them. Otherwise no sweep starts on the version.",
        ),
        dg.AssetCheckSpec(
            OTHER,
            asset=dataset_versions,
            partitions_def=DATASET_VERSIONS,
            description="What the suite takes less seriously.",
        ),
        dg.AssetCheckSpec(
            DRIFT,
            asset=dataset_versions,
            partitions_def=DATASET_VERSIONS,
            description="No column drifts far from the version before.",
        ),
    ]

    @dg.multi_asset_check(specs=_SPECS)
    def dataset_checks(
        context: dg.AssetCheckExecutionContext,
        dataset_log: dg.ResourceParam[DatasetLog],
        inspection: dg.ResourceParam[DatasetInspector],
    ) -> Iterator[dg.AssetCheckResult]:
        """One look for both checks of the suite; drift from what was summed up."""
        version = _version(dataset_log, context.partition_key)
        with dagster_errors():
            look = inspection.look(version)
            before = dataset_log.before(version)
        for name, is_blocking in ((BLOCKING, True), (OTHER, False)):
            results = [result for result in look.results if result.is_blocking is is_blocking]
            yield _expectations(name, results, suite=look.suite)
        yield _drift(version, before)


def _version(log: DatasetLog, partition: str) -> DatasetVersion:
    tenant_id, reference = dataset_of(partition)
    with dagster_errors():
        return log.get(reference, tenant_id=tenant_id)


def _expectations(name: str, results: list[CheckResult], *, suite: str) -> dg.AssetCheckResult:
    failed = [result for result in results if not result.has_passed]
    severity = dg.AssetCheckSeverity.ERROR if name == BLOCKING else dg.AssetCheckSeverity.WARN
    metadata: dict[str, dg.MetadataValue] = {
        "suite": dg.MetadataValue.text(suite or "none"),
        "expectations": dg.MetadataValue.int(len(results)),
        "failed": dg.MetadataValue.int(len(failed)),
    }
    if failed:
        metadata["what_failed"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"expectation": one.expectation, "details": _words(one)})
                for one in failed[:_MOST_FAILED]
            ]
        )
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=dataset_versions.key,
        passed=not failed,
        severity=severity,
        description=", ".join(one.expectation for one in failed[:3]) or None,
        metadata=metadata,
    )


def _words(result: CheckResult) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.details.items())


def _drift(version: DatasetVersion, before: DatasetVersion | None) -> dg.AssetCheckResult:
    if before is None:
        return dg.AssetCheckResult(
            check_name=DRIFT,
            asset_key=dataset_versions.key,
            passed=True,
            metadata={"previous": dg.MetadataValue.text("none: it is the first version")},
        )
    found = drift(before.profile, version.profile)
    drifted = [column for column in found.columns if column.level is not DriftLevel.NONE]
    metadata: dict[str, dg.MetadataValue] = {
        "previous": dg.MetadataValue.text(str(before)),
        "level": dg.MetadataValue.text(str(found.level)),
    }
    if found.columns:
        metadata["columns"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "column": column.column,
                        "drift": str(column.level),
                        "psi": _rounded(column.psi),
                        "ks": _rounded(column.ks),
                        "shift": _rounded(column.shift),
                        "why": "; ".join(column.reasons),
                    }
                )
                for column in found.columns[:_MOST_COLUMNS]
            ]
        )
    pairs = _pairs([column.column for column in drifted], before, version)
    if pairs:
        metadata["before_and_after"] = dg.MetadataValue.md(drift_plot(pairs))
    return dg.AssetCheckResult(
        check_name=DRIFT,
        asset_key=dataset_versions.key,
        passed=found.level is not DriftLevel.LARGE,
        severity=dg.AssetCheckSeverity.WARN,
        description=", ".join(f"{c.column}: {c.level}" for c in drifted[:5]) or None,
        metadata=metadata,
    )


def _pairs(
    names: list[str], before: DatasetVersion, after: DatasetVersion
) -> list[tuple[str, Comparison]]:
    pairs: list[tuple[str, Comparison]] = []
    for name in names:
        first, second = before.profile.column(name), after.profile.column(name)
        both = None if first is None or second is None else comparison(first, second)
        if both is not None:
            pairs.append((name, both))
    return pairs


def _metadata(version: DatasetVersion) -> dict[str, dg.MetadataValue]:
    row, profile = version.row, version.profile
    metadata: dict[str, dg.MetadataValue] = {
        "dataset": dg.MetadataValue.text(row.version),
        "owner": dg.MetadataValue.text(row.owner),
        "purpose": dg.MetadataValue.text(row.purpose or "none was given"),
        "variant": dg.MetadataValue.text(row.variant),
        "location": dg.MetadataValue.path(row.location),
        "content_sha256": dg.MetadataValue.text(row.content_hash),
        "files": dg.MetadataValue.int(row.file_count),
        "size_bytes": dg.MetadataValue.int(row.size_bytes),
        "registered": dg.MetadataValue.timestamp(row.created_at),
    }
    if row.row_count is not None:
        metadata["dagster/row_count"] = dg.MetadataValue.int(row.row_count)
    if profile.columns:
        metadata["statistics"] = dg.MetadataValue.table(
            [_column(column) for column in profile.columns[:_MOST_COLUMNS]]
        )
        metadata["histograms"] = dg.MetadataValue.md(histogram_plot(profile.columns))
        metadata["dagster/column_schema"] = dg.MetadataValue.table_schema(
            dg.TableSchema([dg.TableColumn(c.name, str(c.kind)) for c in profile.columns])
        )
    if version.parents:
        metadata["parents"] = dg.MetadataValue.md(
            "\n".join(f"- {parent}" for parent in version.parents)
        )
    if version.preprocessing:
        metadata["preprocessing"] = dg.MetadataValue.json([dict(s) for s in version.preprocessing])
    if version.column_lineage:
        metadata["dagster/column_lineage"] = dg.MetadataValue.column_lineage(_lineage(version))
    return metadata


def _lineage(version: DatasetVersion) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(dataset_versions.key, made_of.partition(":")[2])
                for made_of in sources
            ]
            for column, sources in version.column_lineage.items()
        }
    )


def _column(column: ColumnProfile) -> dg.TableRecord:
    commonest = [f"{value} ({count})" for value, count in list(column.values.items())[:5]]
    return dg.TableRecord(
        {
            "column": column.name,
            "kind": str(column.kind),
            "absent": column.null_count,
            "different": column.distinct_count,
            "least": _rounded(column.min),
            "mean": _rounded(column.mean),
            "greatest": _rounded(column.max),
            "deviation": _rounded(column.std),
            "commonest": ", ".join(commonest),
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
