"""Versions of datasets, what was found in them, and who uses them: rows, never files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from storage import queries
from storage.database import Pool, transaction
from sweeps.data_profiles import profile
from sweeps.datasets import (
    CheckResult,
    DatasetNotFound,
    DatasetReference,
    DatasetRow,
    DatasetVersion,
    FileEntry,
    FileState,
    InvalidDataset,
    Look,
    PinnedDataset,
    VersionDraft,
    content_hash,
)
from sweeps.errors import RunNotFound, StateConflict
from sweeps.ids import RunId, SweepId, TenantId

_QUERIES = queries.load("datasets")
_SWEEPS = queries.load("sweeps")
_ARTIFACTS = queries.load("artifacts")
_ALL = 1_000_000
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What became of a draft."""

    version: PinnedDataset
    is_new: bool  #: False: there was a version with this content
    is_moved: bool  #: it was known, and is found in another place now
    added_parents: tuple[str, ...] = ()  #: ``name@number``: it was known, and these of it were not


class DatasetCatalog:
    """Versions of datasets. Every call but `all_versions` is scoped to a tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def register(self, draft: VersionDraft, *, tenant_id: TenantId) -> Registered:
        """Write a version down; the same content again is the same version.

        Parents that were not said of it before are added to those that were: of a version nothing is
        taken back.

        Raises:
            DatasetNotFound: A parent that there is none of.
            InvalidDataset: A parent that is the version itself, or was made from it.
        """
        with transaction(self._pool) as connection:
            connection.execute(_SWEEPS["ensure_tenant"], {"tenant_id": tenant_id})
            parents = [_pin(connection, parent, tenant_id) for parent in draft.parents]
            dataset_id = _one(connection, "ensure_dataset", tenant_id=tenant_id, name=draft.name,
                              owner=draft.owner, purpose=draft.purpose,
                              created_by=draft.created_by)  # fmt: skip
            digest = content_hash(draft.files)
            known = connection.execute(
                _QUERIES["number_of_content"], {"dataset_id": dataset_id, "content_hash": digest}
            ).fetchone()
            number = known[0] if known else _one(connection, "next_number", dataset_id=dataset_id)
            of_version = {"dataset_id": dataset_id, "number": number}
            added: list[PinnedDataset] = []
            if known is not None:
                added = _unsaid(connection, parents, tenant_id=tenant_id, **of_version)
                _check_no_circle(connection, added, name=draft.name, **of_version)
            else:
                connection.execute(
                    _QUERIES["insert_version"],
                    {**of_version, "content_hash": digest, **_columns(draft)},
                )
            new = parents if known is None else added
            connection.execute(_QUERIES["insert_parents"], {**of_version, **_named(new)})
            placed = connection.execute(
                _QUERIES["insert_location"],
                {**of_version, "location": draft.location, "states": _noted(draft.states)},
            ).fetchone()
        version = PinnedDataset(
            dataset_id=dataset_id, name=draft.name, number=number, location=draft.location
        )
        is_moved = placed is not None and bool(placed[0])
        return Registered(
            version=version,
            is_new=known is None,
            is_moved=is_moved,
            added_parents=tuple(str(parent) for parent in added),
        )

    def versions(
        self, *, tenant_id: TenantId, name: str | None = None, latest: bool = False, limit: int = 50
    ) -> list[DatasetRow]:
        """Versions, newest first; of one dataset, or the newest one of each."""
        with transaction(self._pool) as connection:
            return _rows(connection, tenant_id=tenant_id, name=name, latest=latest, limit=limit)

    def all_versions(self) -> list[DatasetRow]:
        """Every version of every tenant, oldest first."""
        with transaction(self._pool) as connection:
            return _rows(connection)[::-1]

    def get(self, reference: DatasetReference, *, tenant_id: TenantId) -> DatasetVersion:
        """One version.

        Raises:
            DatasetNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            return _get(connection, reference, tenant_id)

    def before(self, version: DatasetVersion) -> DatasetVersion | None:
        """The version before that one; None of the first."""
        number = version.row.number - 1
        if not number:
            return None
        reference = DatasetReference(name=version.row.name, number=number)
        return self.get(reference, tenant_id=version.row.tenant_id)

    def pin(self, reference: DatasetReference, *, tenant_id: TenantId) -> PinnedDataset:
        """The version that a reference means now.

        Raises:
            DatasetNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            return _pin(connection, reference, tenant_id)

    def note_states(self, version: DatasetVersion, states: Mapping[str, FileState]) -> None:
        """Write down when its files were written, now that they were found to be what they were."""
        parameters = {
            "dataset_id": version.dataset_id,
            "number": version.row.number,
            "location": version.row.location,
            "states": _noted(states),
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["insert_location"], parameters)

    def record_look(self, version: DatasetVersion, look: Look) -> None:
        """Write down what was found."""
        parameters = {
            "dataset_id": version.dataset_id,
            "number": version.row.number,
            "suite": look.suite,
            "suite_digest": look.suite_digest,
            "expectations": [result.expectation for result in look.results],
            "are_blocking": [result.is_blocking for result in look.results],
            "have_passed": [result.has_passed for result in look.results],
            "details": [Jsonb(dict(result.details)) for result in look.results],
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["insert_checks"], parameters)

    def newest_look(self, version: PinnedDataset) -> Look | None:
        """What was found last; None when nobody has looked."""
        parameters = {"dataset_id": version.dataset_id, "number": version.number}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            rows = cursor.execute(_QUERIES["newest_look"], parameters).fetchall()
        if not rows:
            return None
        return Look(
            suite=rows[0]["suite"],
            suite_digest=rows[0]["suite_digest"],
            checked_at=rows[0]["checked_at"],
            results=tuple(
                CheckResult(
                    expectation=row["expectation"],
                    is_blocking=row["is_blocking"],
                    has_passed=row["has_passed"],
                    details=row["details"],
                )
                for row in rows
            ),
        )

    def use(
        self, run_id: RunId, reference: DatasetReference, *, tenant_id: TenantId
    ) -> PinnedDataset:
        """Note that a run has asked for a version; of what it uses already, that one if no other is named.

        Raises:
            RunNotFound: There is no such run for the tenant.
            DatasetNotFound: There is no such version for the tenant.
            StateConflict: The run is sealed.
        """
        of_run = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            held = connection.execute(_ARTIFACTS["hold_run"], of_run).fetchone()
            if held is None:
                raise RunNotFound(run_id)
            cursor = connection.cursor(row_factory=class_row(PinnedDataset))
            known = [
                used
                for used in cursor.execute(_QUERIES["of_run"], of_run).fetchall()
                if used.name == reference.name and reference.number in {None, used.number}
            ]
            if held[0]:
                if known:
                    return known[0]
                raise StateConflict(f"run {run_id!r}", current="sealed", asked="given a dataset")
            version = known[0] if known else _pin(connection, reference, tenant_id)
            parameters = {**of_run, "dataset_id": version.dataset_id, "number": version.number}
            connection.execute(_QUERIES["use_in_run"], parameters)
            connection.execute(_QUERIES["open_in_run"], parameters)
        return version

    def of_run(self, run_id: RunId, *, tenant_id: TenantId) -> list[PinnedDataset]:
        """Versions that a run has used."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(PinnedDataset))
            parameters = {"run_id": run_id, "tenant_id": tenant_id}
            return cursor.execute(_QUERIES["of_run"], parameters).fetchall()


def pin_to_sweep(
    connection: Connection, sweep_id: SweepId, datasets: Sequence[PinnedDataset]
) -> None:
    """Note what a sweep's trials will use, in the caller's transaction."""
    parameters = {
        "sweep_id": sweep_id,
        "dataset_ids": [dataset.dataset_id for dataset in datasets],
        "numbers": [dataset.number for dataset in datasets],
    }
    connection.execute(_QUERIES["pin_to_sweep"], parameters)


def datasets_of_sweep(connection: Connection, sweep_id: SweepId) -> tuple[PinnedDataset, ...]:
    """What a sweep's trials use, by name."""
    cursor = connection.cursor(row_factory=class_row(PinnedDataset))
    return tuple(cursor.execute(_QUERIES["of_sweep"], {"sweep_id": sweep_id}))


def use_in_runs(connection: Connection, sweep_id: SweepId, run_ids: Sequence[RunId]) -> None:
    """Note that new trials use what their sweep has pinned, in the caller's transaction."""
    connection.execute(_QUERIES["use_in_runs"], {"sweep_id": sweep_id, "run_ids": list(run_ids)})


def _rows(connection: Connection, **parameters: object) -> list[DatasetRow]:
    every = {"tenant_id": None, "name": None, "number": None, "latest": False, "limit": _ALL}
    cursor = connection.cursor(row_factory=class_row(DatasetRow))
    return cursor.execute(_QUERIES["list_versions"], {**every, **parameters}).fetchall()


def _get(
    connection: Connection, reference: DatasetReference, tenant_id: TenantId
) -> DatasetVersion:
    named = {"tenant_id": tenant_id, "name": reference.name, "number": reference.number}
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(_QUERIES["get_version"], named).fetchone()
    if found is None:
        raise _not_found(connection, reference, tenant_id)
    of_version = {"dataset_id": found["dataset_id"], "number": found["number"]}
    (row,) = _rows(connection, **{**named, "number": found["number"]})
    manifest: Mapping[str, Any] = found["manifest"]
    lineage: Mapping[str, Sequence[str]] = found["column_lineage"]
    states: Mapping[str, tuple[int, int]] = found["states"] or {}
    parents = connection.execute(_QUERIES["parents_of"], of_version).fetchall()
    return DatasetVersion(
        dataset_id=found["dataset_id"],
        row=row,
        files=tuple(FileEntry(**file) for file in manifest["files"]),
        source=manifest["source"],
        profile=profile(found["statistics"], row_count=found["row_count"]),
        preprocessing=tuple(found["preprocessing"]),
        column_lineage={column: tuple(made_of) for column, made_of in lineage.items()},
        parents=tuple(parent for (parent,) in parents),
        states={
            path: FileState(mtime_ns=mtime_ns, inode=inode)
            for path, (mtime_ns, inode) in states.items()
        },
    )


def _pin(connection: Connection, reference: DatasetReference, tenant_id: TenantId) -> PinnedDataset:
    named = {"tenant_id": tenant_id, "name": reference.name, "number": reference.number}
    cursor = connection.cursor(row_factory=class_row(PinnedDataset))
    found = cursor.execute(_QUERIES["pin"], named).fetchone()
    if found is None:
        raise _not_found(connection, reference, tenant_id)
    return found


def _named(parents: Sequence[PinnedDataset]) -> dict[str, list[int]]:
    return {
        "parent_ids": [parent.dataset_id for parent in parents],
        "parent_numbers": [parent.number for parent in parents],
    }


def _unsaid(
    connection: Connection,
    parents: Sequence[PinnedDataset],
    *,
    tenant_id: TenantId,
    **of_version: int,
) -> list[PinnedDataset]:
    """Those of `parents` that nobody has said of a version yet, each once.

    Whoever adds some is alone with it: two that add each the other's version would make a circle.
    """
    if not parents:
        return []
    connection.execute(_QUERIES["lock_parents"], {"tenant_id": tenant_id})
    rows = connection.execute(_QUERIES["said_parents"], of_version).fetchall()
    said = {(parent_id, number) for parent_id, number in rows}
    return [one for one in dict.fromkeys(parents) if (one.dataset_id, one.number) not in said]


def _check_no_circle(
    connection: Connection, parents: Sequence[PinnedDataset], *, name: str, **of_version: int
) -> None:
    """Raise `InvalidDataset` when one of `parents` is the version, or was made from it."""
    rows = connection.execute(_QUERIES["made_from"], {**of_version, **_named(parents)}).fetchall()
    made = {(parent_id, number) for parent_id, number in rows}
    for parent in parents:
        if (parent.dataset_id, parent.number) in made:
            version = f"{name}@{of_version['number']}"
            what = "itself" if str(parent) == version else f"{parent}, which was made from it"
            raise InvalidDataset(
                f"this content is {version}, and that cannot have been made from {what}"
            )


def _not_found(
    connection: Connection, reference: DatasetReference, tenant_id: TenantId
) -> DatasetNotFound:
    named = {"tenant_id": tenant_id, "name": reference.name}
    numbers = connection.execute(_QUERIES["numbers_of"], named).fetchall()
    return DatasetNotFound(
        str(reference), known=[f"{reference.name}@{number}" for (number,) in numbers]
    )


def _one(connection: Connection, query: str, **parameters: object) -> int:
    row = connection.execute(_QUERIES[query], parameters).fetchone()
    assert row is not None  # an aggregate, or INSERT … RETURNING with DO UPDATE
    return int(row[0])


def _noted(states: Mapping[str, FileState]) -> Jsonb | None:
    return Jsonb({path: [s.mtime_ns, s.inode] for path, s in states.items()}) if states else None


def _columns(draft: VersionDraft) -> dict[str, object]:
    manifest = {
        "files": [
            {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256}
            for file in draft.files
        ],
        "source": draft.source and dict(draft.source),
    }
    lineage = {column: list(made_of) for column, made_of in (draft.column_lineage or {}).items()}
    return {
        "kind": str(draft.kind),
        "location": draft.location,
        "manifest": Jsonb(manifest),
        "variant": str(draft.variant),
        "file_count": len(draft.files),
        "size_bytes": draft.size_bytes,
        "row_count": draft.profile.row_count,
        "schema": Jsonb(draft.profile.schema()),
        "statistics": Jsonb(draft.profile.as_document()),
        "preprocessing": Jsonb([step.as_document() for step in draft.preprocessing]),
        "column_lineage": Jsonb(lineage),
        "created_by": draft.created_by,
    }
