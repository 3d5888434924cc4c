"""Points of a run as Parquet files among its artifacts, before they are dropped."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import psycopg
from psycopg.rows import dict_row

from retention.tiers import Tier
from storage import queries
from storage.arrays import column_cursor
from storage.artifacts.blob_announcements import BlobAnnouncements, announce, keep
from storage.artifacts.blob_deletion import LEAST_AGE
from storage.database import Pool, transaction
from storage.points.point_files import Columns, curve_files
from sweeps.artifacts import POINTS_TYPE, ArtifactDraft
from sweeps.blobs import ArtifactStore, BlobMissing
from sweeps.errors import StateConflict
from sweeps.ids import RunId, TenantId

_QUERIES = queries.load("retention")
_ARTIFACTS = queries.load("artifacts")
_DIGESTS = queries.load("lineage_checks")
_CURVES = queries.load("curves")
_OLDEST = -(2**63)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A time of which one tier is the finest that is there."""

    name: str
    query: str
    since: int
    until: int


class PointExport:
    """Writes ``metrics/points-0001.parquet`` and so on: key, step, time, value, as they came.

    What was dropped in full before is taken from the finest tier that has it:
    ``metrics/minutes-0001.parquet`` and ``metrics/hours-0001.parquet`` have rollups by their columns.
    Of a run that is held, ``metrics/system-points-0001.parquet`` and so on have what was measured
    beside its training.
    """

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._store = store

    def export(self, run_id: RunId, *, tenant_id: TenantId) -> int:
        """Keep all points that the run's script has logged, and of a held run all that there are.

        Returns how many bytes that are.

        The bytes come first, and all names in one transaction: a run has all of its points as
        files, or none. The same points give the same files.

        Raises:
            StateConflict: One of their names is taken by another file.
            StorageUnavailable: The database or the store does not answer.
        """
        drafts: list[ArtifactDraft] = []
        for name, content in self._files(run_id):
            draft = ArtifactDraft.checked(
                name=name,
                type=POINTS_TYPE,
                sha256=hashlib.sha256(content).hexdigest(),
                size_bytes=len(content),
            )
            BlobAnnouncements(self._pool).begin(draft.blob(tenant_id))
            self._store.put(draft.blob(tenant_id).key, content)
            drafts.append(draft)
        if drafts:
            self._name(run_id, drafts, tenant_id)
        return sum(draft.size_bytes for draft in drafts)

    def _name(self, run_id: RunId, drafts: list[ArtifactDraft], tenant_id: TenantId) -> None:
        for draft in drafts:
            if self._store.size_of(draft.blob(tenant_id).key) != draft.size_bytes:
                raise BlobMissing(draft.sha256)
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["begin_retention"])
            # The run is sealed, and its digest goes with what is added to it here.
            rows = connection.execute(_QUERIES["intact_runs"], {"run_ids": [run_id]})
            intact = [row[0] for row in rows]
            for draft in drafts:
                key = draft.blob(tenant_id).key
                renewed_at = announce(connection, key, size_bytes=draft.size_bytes)
                keep(
                    connection,
                    key,
                    size_bytes=draft.size_bytes,
                    renewed_at=renewed_at,
                    least_age=LEAST_AGE,
                )
                _insert(connection, run_id, draft, tenant_id)
            connection.execute(_QUERIES["forget_digests"], {"run_ids": intact})
            connection.execute(
                _DIGESTS["record_digests"], {"run_ids": intact, "limit": len(intact)}
            )

    def _files(self, run_id: RunId) -> Iterator[tuple[str, bytes]]:
        """Name and content of each file."""
        with transaction(self._pool) as connection:
            asked = {"run_id": run_id}
            families = [
                ("", connection.execute(_QUERIES["series_of_run"], asked).fetchall()),
                (
                    "system-",
                    connection.execute(_QUERIES["system_series_of_held_run"], asked).fetchall(),
                ),
            ]
            since = {Tier(tier): at for tier, at in connection.execute(_CURVES["kept_since"])}
        for (family, series), stretch in product(families, list(_stretches(since))):
            files = curve_files(self._curves(series, stretch))
            for number, content in enumerate(files, start=1):
                yield f"metrics/{family}{stretch.name}-{number:04}.parquet", content

    def _curves(
        self, series: list[tuple[Any, ...]], stretch: _Stretch
    ) -> Iterator[tuple[str, Columns]]:
        for series_id, key in series:
            asked = {"series_id": series_id, "since": stretch.since, "until": stretch.until}
            with transaction(self._pool) as connection:
                row = (
                    column_cursor(connection, dict_row)
                    .execute(_QUERIES[stretch.query], asked)
                    .fetchone()
                )
            if row is not None and row["time"] is not None:
                yield key, row


def _stretches(since: dict[Tier, int]) -> Iterator[_Stretch]:
    """From fine to coarse; `since` is from when on each tier is whole, in tenths of a second."""
    until = 2**63 - 1
    for tier, name in ((Tier.POINTS, "points"), (Tier.MINUTES, "minutes"), (Tier.HOURS, "hours")):
        if until > _OLDEST:
            yield _Stretch(name=name, query=f"{name}_of_series", since=since[tier], until=until)
        until = min(until, since[tier])


def _insert(
    connection: Connection, run_id: RunId, draft: ArtifactDraft, tenant_id: TenantId
) -> None:
    parameters = {
        "tenant_id": tenant_id,
        "run_id": run_id,
        "name": draft.name,
        "type": draft.type,
        "sha256": bytes.fromhex(draft.sha256),
        "size_bytes": draft.size_bytes,
    }
    if connection.execute(_ARTIFACTS["insert_artifact"], parameters).rowcount:
        return
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(_ARTIFACTS["get_artifact"], parameters).fetchone()
    if found is None or (found["sha256"], found["type"]) != (draft.sha256, draft.type):
        raise StateConflict(
            f"artifact {draft.name!r} of run {run_id!r}",
            current="another file of that name",
            asked="the run's exported points",
        )
