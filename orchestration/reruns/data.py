"""Data that a run learned from, looked at as the gate of sweeps does, and brought where it is gone."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sweepworks import environment as env
from sweepworks.artifacts import Refused, no_beat
from sweepworks.cache import Cache
from sweepworks.connection import Connection, Unreachable
from sweepworks.stored_data import bring_dataset

from orchestration.platform import Platform
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.presence import presence
from sweeps import ids
from sweeps.datasets import DatasetReference, DatasetVersion
from sweeps.errors import PermanentError
from sweeps.ids import RunId, TenantId
from sweeps.reruns import DataFound, Dataset

_PATIENCE_SECONDS = 300.0  # with a gateway or a store that does not answer


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
            version = catalog.get(reference, tenant_id=tenant_id)
            found, why = looked_at(version)
            if found in {DataFound.DIFFERS, DataFound.ELSEWHERE} and version.row.is_stored:
                found = DataFound.STORED
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


def with_stored(
    platform: Platform,
    datasets: Sequence[Dataset],
    run_id: RunId,
    *,
    folder: Path,
    tenant_id: TenantId,
) -> list[Dataset]:
    """The same, with those that only the store has brought into `folder`.

    Args:
        run_id: Uses them, by its record.

    Raises:
        PermanentError: The store does not give them.
    """
    return [
        _brought(platform, dataset, run_id, folder=folder, tenant_id=tenant_id)
        if dataset.found is DataFound.STORED
        else dataset
        for dataset in datasets
    ]


def _brought(
    platform: Platform, dataset: Dataset, run_id: RunId, *, folder: Path, tenant_id: TenantId
) -> Dataset:
    version = dataset.version
    variables = platform.credentials.for_attempt(tenant_id, ids.attempt_id(run_id, 1))
    url, token = variables.get(env.GATEWAY_URL), variables.get(env.RUN_TOKEN)
    if not url or not token:
        raise PermanentError(f"{version} cannot be read: no gateway is known here")
    try:
        with contextlib.closing(Connection(url, token)) as connection:
            place = bring_dataset(
                connection,
                f"/api/v1/runs/{run_id}/datasets/{version}/files",
                folder / str(version),
                cache=Cache.of_this_user(),
                beat=no_beat,
                patience_seconds=_PATIENCE_SECONDS,
            )
    except (Refused, Unreachable, OSError) as exc:
        raise PermanentError(f"{version} cannot be read: {exc}") from exc
    return replace(dataset, version=replace(version, location=str(place)))
