"""Data that a run learned from, looked at as the gate of sweeps does."""

from storage.datasets.catalog import DatasetCatalog
from storage.datasets.gate import CHEAP_BYTES
from storage.datasets.inspection import difference
from storage.datasets.manifests import changed_files
from sweeps.datasets import DatasetReference, DatasetVersion, InvalidDataset
from sweeps.ids import RunId, TenantId
from sweeps.reruns import DataFound, Dataset


def datasets_of(catalog: DatasetCatalog, run_id: RunId, *, tenant_id: TenantId) -> list[Dataset]:
    """Versions that the run learned from, and whether they are still what they were."""
    datasets: list[Dataset] = []
    for pinned in catalog.of_run(run_id, tenant_id=tenant_id):
        reference = DatasetReference(name=pinned.name, number=pinned.number)
        found, why = looked_at(catalog.get(reference, tenant_id=tenant_id))
        datasets.append(Dataset(version=pinned, found=found, why=why))
    return datasets


def looked_at(version: DatasetVersion) -> tuple[DataFound, str]:
    """What is there now, and what is other than it was registered. Large files are not read."""
    location = version.row.location
    if not location.startswith("/"):
        return DataFound.ELSEWHERE, ""
    is_read = version.row.size_bytes <= CHEAP_BYTES
    try:
        if is_read:
            why = difference(version)
        else:
            why = next(iter(changed_files(location, version.files)), None)
    except InvalidDataset as exc:
        why = str(exc)
    if why is not None:
        return DataFound.DIFFERS, why
    return (DataFound.EQUAL if is_read else DataFound.UNREAD), ""
