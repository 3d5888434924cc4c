"""Output of attempts as artifacts of their runs: ``logs/a1.log``."""

import contextlib
import hashlib

from storage.artifacts.catalog import ArtifactCatalog
from sweeps import ids
from sweeps.artifacts import ArtifactDraft
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import AttemptId, TenantId

TYPE = "log"


class ArtifactLogs:
    """A `sweeps.ports.LogArchive`."""

    def __init__(self, catalog: ArtifactCatalog, store: ArtifactStore) -> None:
        self._catalog = catalog
        self._store = store

    def has(self, tenant_id: TenantId, attempt_id: AttemptId, *, node: int = 0) -> bool:
        """Whether the output of that node of the attempt is kept."""
        return self._sha256(tenant_id, attempt_id, node) is not None

    def keep(
        self, tenant_id: TenantId, attempt_id: AttemptId, content: bytes, *, node: int = 0
    ) -> None:
        """Keep it: first the bytes, then the name, so that a name always has its bytes.

        Raises:
            BlobLeaving: The same bytes are being deleted at this moment.
        """
        run_id = ids.run_of(attempt_id)
        draft = ArtifactDraft.checked(
            name=_name(attempt_id, node),
            type=TYPE,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
        )
        key = draft.blob(tenant_id).key
        self._catalog.begin(run_id, draft, tenant_id=tenant_id)
        if self._store.size_of(key) != len(content):
            self._store.put(key, content)
        self._catalog.commit(
            run_id,
            draft,
            tenant_id=tenant_id,
            has_bytes=lambda: self._store.size_of(key) == len(content),
        )

    def read(self, tenant_id: TenantId, attempt_id: AttemptId, *, node: int = 0) -> bytes | None:
        """What is kept; None when nothing is."""
        sha256 = self._sha256(tenant_id, attempt_id, node)
        if sha256 is None:
            return None
        with self._store.open(BlobKey(tenant_id=tenant_id, sha256=sha256)) as file:
            return file.read()

    def _sha256(self, tenant_id: TenantId, attempt_id: AttemptId, node: int) -> str | None:
        run_id, name = ids.run_of(attempt_id), _name(attempt_id, node)
        with contextlib.suppress(ArtifactNotFound):
            found = self._catalog.get(run_id, name, tenant_id=tenant_id)
            return found.sha256 if found.type == TYPE else None
        return None


def _name(attempt_id: AttemptId, node: int) -> str:
    """Within the run, whose name the attempt's begins with."""
    execution = attempt_id.removeprefix(f"{ids.run_of(attempt_id)}-")
    return f"logs/{execution}.log" if node == 0 else f"logs/{execution}-node-{node}.log"
