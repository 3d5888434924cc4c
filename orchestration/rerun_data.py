"""Data that a run learned from, looked at as the gate of sweeps does."""

from storage.datasets.catalog import DatasetCatalog
from storage.datasets.presence import presence
from sweeps.datasets import DatasetReference, DatasetVersion
from sweeps.ids import RunId, TenantId
from sweeps.reruns import DataFound, Dataset


def datasets_of(
    catalog: DatasetCatalog, run_id: RunId, *, tenant_id: TenantId, is_here: bool = True
) -> list[Dataset]:
    """Versions that the run learned from, and whether they are still what they were.

    Args:
        is_here: Whether paths are this machine's; those of pods cannot be looked at.
    """
    datasets: list[Dataset] = []
    for pinned in catalog.of_run(run_id, tenant_id=tenant_id):
        reference = DatasetReference(name=pinned.name, number=pinned.number)
        found, why = DataFound.ELSEWHERE, ""
        if is_here:
            found, why = looked_at(catalog.get(reference, tenant_id=tenant_id))
        datasets.append(Dataset(version=pinned, found=found, why=why))
    return datasets


def looked_at(version: DatasetVersion) -> tuple[DataFound, str]:
    """What is there now, and what is other than it was registered; see `presence`."""
    if not version.row.location.startswith("/"):
        return DataFound.ELSEWHERE, ""
    there = presence(version)
    if there.differs:
        return DataFound.DIFFERS, there.differences[0]
    return (DataFound.EQUAL if there.is_equal_by_hash else DataFound.UNREAD), ""
