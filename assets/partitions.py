"""Partitions: a key each for sweeps, versions of datasets, and days of metric points."""

import dagster as dg

from governance.tenants import DEFAULT
from sweeps.datasets import DatasetReference, DatasetRow
from sweeps.ids import TenantId

SWEEPS = dg.DynamicPartitionsDefinition(name="sweeps")

#: Evaluations of candidates, added by whoever starts one.
EVALUATIONS = dg.DynamicPartitionsDefinition(name="evaluations")

#: Up to the present day. Older points are kept and rolled up like others; only their days have no
#: square in the UI.
DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", timezone="UTC", end_offset=1)

#: Weeks from Monday, and months, that reports are of.
WEEKS = dg.WeeklyPartitionsDefinition(start_date="2025-01-06", timezone="UTC", day_offset=1)
MONTHS = dg.MonthlyPartitionsDefinition(start_date="2025-01-01", timezone="UTC")

#: Versions of datasets, added when they are registered, by `sweepworks data` or by a sensor.
DATASET_VERSIONS = dg.DynamicPartitionsDefinition(name="dataset_versions")


def dataset_partition(row: DatasetRow) -> str:
    """Key of a version: ``digits@3``; of another tenant than `default` ``vision/digits@3``."""
    return row.version if row.tenant_id == DEFAULT else f"{row.tenant_id}/{row.version}"


def dataset_of(partition: str) -> tuple[TenantId, DatasetReference]:
    """What a key names."""
    tenant, _, version = partition.rpartition("/")
    return TenantId(tenant or DEFAULT), DatasetReference.parse(version)
