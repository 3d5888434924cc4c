"""Which artifacts a run has. The bytes are elsewhere; see `sweeps.artifacts.ArtifactStore`."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from storage import queries
from storage.artifacts.blob_announcements import TakeRoom, announce, keep
from storage.artifacts.blob_deletion import LEAST_AGE
from storage.database import Pool, transaction
from sweeps.artifacts import Artifact, ArtifactDraft, Checkpoint
from sweeps.blobs import BlobMissing
from sweeps.errors import ArtifactNotFound, RunNotFound, StateConflict, SweepNotFound
from sweeps.ids import RunId, SweepId, TenantId

_QUERIES = queries.load("artifacts")
Connection = psycopg.Connection[tuple[Any, ...]]


class ArtifactCatalog:
    """Names, types and digests. Every call is scoped to a tenant.

    Args:
        least_age: How long after their announcement no deletion takes bytes away.
    """

    def __init__(self, pool: Pool, *, least_age: dt.timedelta = LEAST_AGE) -> None:
        self._pool = pool
        self._least_age = least_age

    def begin(
        self,
        run_id: RunId,
        draft: ArtifactDraft,
        *,
        tenant_id: TenantId,
        take_room: TakeRoom | None = None,
    ) -> None:
        """Check that the run can take the artifact, and see to it that its bytes are not deleted.

        Raises:
            StorageQuotaExceeded: There is no room for them.
            RunNotFound: There is none of that name for the tenant.
            StateConflict: The run is sealed, or the name is taken by other bytes.
            BlobLeaving: Its bytes are being deleted at this moment.
            InvalidArtifact: Bytes of that sha256 are known, and are not as many.
        """
        with transaction(self._pool) as connection:
            if not _stored(connection, run_id, draft, tenant_id):
                _hold(connection, run_id, tenant_id)
                blob = draft.blob(tenant_id)
                if take_room is not None:
                    take_room(connection, blob)
                announce(connection, blob.key, size_bytes=blob.size_bytes)

    def commit(
        self,
        run_id: RunId,
        draft: ArtifactDraft,
        *,
        tenant_id: TenantId,
        has_bytes: Callable[[], bool],
    ) -> Artifact:
        """Give the run the artifact. The same a second time changes nothing.

        Args:
            has_bytes: Looks whether the store has them. Asked while nobody may delete them, and
                while no connection is held: a store may take its time.

        Raises:
            RunNotFound: There is none of that name for the tenant.
            StateConflict: The run is sealed, or the name is taken by other bytes.
            BlobLeaving: Its bytes are being deleted at this moment.
            BlobMissing: Its bytes are not there.
            InvalidArtifact: Bytes of that sha256 are known, and are not as many.
        """
        parameters = {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "name": draft.name,
            "type": draft.type,
            "sha256": bytes.fromhex(draft.sha256),
            "size_bytes": draft.size_bytes,
        }
        with transaction(self._pool) as connection:
            if _stored(connection, run_id, draft, tenant_id):
                return _get(connection, run_id, draft.name, tenant_id)
            _hold(connection, run_id, tenant_id)
            renewed_at = announce(
                connection, draft.blob(tenant_id).key, size_bytes=draft.size_bytes
            )
        if not has_bytes():
            raise BlobMissing(draft.sha256)
        with transaction(self._pool) as connection:
            _hold(connection, run_id, tenant_id)
            keep(
                connection,
                draft.blob(tenant_id).key,
                size_bytes=draft.size_bytes,
                renewed_at=renewed_at,
                least_age=self._least_age,
            )
            connection.execute(_QUERIES["insert_artifact"], parameters)
            # Somebody may have been faster, with these bytes or with others.
            _stored(connection, run_id, draft, tenant_id)
            return _get(connection, run_id, draft.name, tenant_id)

    def of_sweep(self, sweep_id: SweepId, *, tenant_id: TenantId) -> list[Artifact]:
        """All artifacts of a sweep's trials, by trial and name.

        Raises:
            SweepNotFound: There is none of that name for the tenant.
        """
        parameters = {"sweep_id": sweep_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            if connection.execute(_QUERIES["has_sweep"], parameters).fetchone() is None:
                raise SweepNotFound(sweep_id)
            cursor = connection.cursor(row_factory=class_row(Artifact))
            return cursor.execute(_QUERIES["artifacts_of_sweep"], parameters).fetchall()

    def get(self, run_id: RunId, name: str, *, tenant_id: TenantId) -> Artifact:
        """One artifact.

        Raises:
            ArtifactNotFound: There is none of that name in a run of the tenant.
        """
        with transaction(self._pool) as connection:
            return _get(connection, run_id, name, tenant_id)

    def use(self, run_id: RunId, *, owner: RunId, name: str, tenant_id: TenantId) -> Artifact:
        """Note that a run uses an artifact, of another run as a rule; twice is once.

        Raises:
            ArtifactNotFound: There is none of that name in a run of the tenant.
            RunNotFound: There is no run `run_id` for the tenant.
            StateConflict: That run is sealed.
        """
        with transaction(self._pool) as connection:
            # Retention locks the owner's row before it looks who uses what: it waits, or we do.
            connection.execute(_QUERIES["hold_run"], {"run_id": owner, "tenant_id": tenant_id})
            found = _get(connection, owner, name, tenant_id)
            _hold(connection, run_id, tenant_id, asked="given an input")
            if owner != run_id:
                connection.execute(
                    _QUERIES["insert_input"],
                    {"tenant_id": tenant_id, "run_id": run_id, "owner": owner, "name": name},
                )
        return found

    def get_input(self, run_id: RunId, *, owner: RunId, name: str, tenant_id: TenantId) -> Artifact:
        """An artifact that the run has said it uses.

        Raises:
            ArtifactNotFound: It has not, or there is none of that name.
        """
        parameters = {"tenant_id": tenant_id, "run_id": run_id, "owner": owner, "name": name}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["is_input"], parameters).fetchone()
            if row is None or not row[0]:
                raise ArtifactNotFound(name)
            return _get(connection, owner, name, tenant_id)

    def newest_checkpoint(self, run_id: RunId, *, tenant_id: TenantId) -> Checkpoint | None:
        """The checkpoint of the highest level that was reported; None when there is none.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = cursor.execute(_QUERIES["newest_checkpoint"], parameters).fetchone()
        if row is None:
            raise RunNotFound(run_id)
        return None if row["name"] is None else Checkpoint(**row)


def artifacts_of_run(
    connection: Connection, run_id: RunId, *, tenant_id: TenantId
) -> tuple[Artifact, ...]:
    """All artifacts of a run, by name."""
    cursor = connection.cursor(row_factory=class_row(Artifact))
    parameters = {"run_id": run_id, "tenant_id": tenant_id}
    return tuple(cursor.execute(_QUERIES["artifacts_of_run"], parameters))


def _hold(
    connection: Connection, run_id: RunId, tenant_id: TenantId, *, asked: str = "given an artifact"
) -> None:
    row = connection.execute(
        _QUERIES["hold_run"], {"run_id": run_id, "tenant_id": tenant_id}
    ).fetchone()
    if row is None:
        raise RunNotFound(run_id)
    if row[0]:
        raise StateConflict(f"run {run_id!r}", current="sealed", asked=asked)


def _find(connection: Connection, run_id: RunId, name: str, tenant_id: TenantId) -> Artifact | None:
    cursor = connection.cursor(row_factory=class_row(Artifact))
    parameters = {"run_id": run_id, "name": name, "tenant_id": tenant_id}
    return cursor.execute(_QUERIES["get_artifact"], parameters).fetchone()


def _get(connection: Connection, run_id: RunId, name: str, tenant_id: TenantId) -> Artifact:
    found = _find(connection, run_id, name, tenant_id)
    if found is None:
        raise ArtifactNotFound(name)
    return found


def _stored(
    connection: Connection, run_id: RunId, draft: ArtifactDraft, tenant_id: TenantId
) -> bool:
    found = _find(connection, run_id, draft.name, tenant_id)
    if found is None:
        return False
    if (found.sha256, found.type) != (draft.sha256, draft.type):
        raise StateConflict(
            f"artifact {draft.name!r}",
            current=f"a {found.type} of sha256 {found.sha256[:12]}",
            asked=f"a {draft.type} of sha256 {draft.sha256[:12]}",
        )
    return True
