"""Points of a run as Parquet files among its artifacts, before they are dropped."""

import hashlib
import importlib
import io
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from storage import queries
from storage.arrays import column_cursor
from storage.artifacts.blob_announcements import BlobAnnouncements, announce, keep
from storage.artifacts.blob_deletion import LEAST_AGE
from storage.database import Pool, transaction
from sweeps.artifacts import POINTS_TYPE, ArtifactDraft
from sweeps.blobs import ArtifactStore, BlobMissing
from sweeps.errors import StateConflict
from sweeps.ids import RunId, TenantId

_QUERIES = queries.load("retention")
_ARTIFACTS = queries.load("artifacts")
_DIGESTS = queries.load("lineage_checks")
_FILE_BYTES = 8 * 2**20  # of a file before the next begins; well below what has to come in parts
_ROWS = 500_000  # of a row group: what is held in memory of one curve is all of it, as columns

Connection = psycopg.Connection[tuple[Any, ...]]


class PointExport:
    """Writes ``metrics/points-0001.parquet`` and so on: key, step, time, value, as they came."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._store = store

    def export(self, run_id: RunId, *, tenant_id: TenantId) -> int:
        """Keep all points that the run's script has logged; returns how many bytes that are.

        The bytes come first, and all names in one transaction: a run has all of its points as
        files, or none. The same points give the same files.

        Raises:
            StateConflict: One of their names is taken by another file.
            StorageUnavailable: The database or the store does not answer.
        """
        drafts: list[ArtifactDraft] = []
        for number, content in enumerate(self._files(run_id), start=1):
            draft = ArtifactDraft.checked(
                name=f"metrics/points-{number:04}.parquet",
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

    def _files(self, run_id: RunId) -> Iterator[bytes]:
        """The content of each file."""
        pa: Any = importlib.import_module("pyarrow")
        pq: Any = importlib.import_module("pyarrow.parquet")
        schema = pa.schema(
            [
                ("key", pa.dictionary(pa.int32(), pa.string())),
                ("step", pa.int64()),
                ("time", pa.timestamp("ms", tz="UTC")),
                ("value", pa.float64()),
            ]
        )
        sink, writer = io.BytesIO(), None
        for key, columns in self._curves(run_id):
            for first in range(0, len(columns["values"]), _ROWS):
                part = slice(first, first + _ROWS)
                count = len(columns["values"][part])
                table = pa.table(
                    {
                        "key": pa.DictionaryArray.from_arrays([0] * count, [key]).cast(
                            schema.field("key").type
                        ),
                        "step": columns["steps"][part],
                        "time": pa.array(columns["times"][part] * 100).cast(
                            schema.field("time").type
                        ),
                        "value": columns["values"][part],
                    },
                    schema=schema,
                )
                writer = writer or pq.ParquetWriter(sink, schema, compression="zstd")
                writer.write_table(table)
                if sink.tell() > _FILE_BYTES:
                    writer.close()
                    yield sink.getvalue()
                    sink, writer = io.BytesIO(), None
        if writer is not None:
            writer.close()
            yield sink.getvalue()

    def _curves(self, run_id: RunId) -> Iterator[tuple[str, dict[str, Any]]]:
        with transaction(self._pool) as connection:
            series = connection.execute(_QUERIES["series_of_run"], {"run_id": run_id}).fetchall()
        for series_id, key in series:
            with transaction(self._pool) as connection:
                row = (
                    column_cursor(connection, dict_row)
                    .execute(_QUERIES["points_of_series"], {"series_id": series_id})
                    .fetchone()
                )
            if row is not None and row["values"] is not None:
                yield key, row


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
