"""Runs with files, points and sweeps in a real database, that ended whenever a test likes."""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from storage.annotations.tags import TagStore
from storage.artifacts.catalog import ArtifactCatalog
from storage.database import Pool, transaction
from storage.runs.catalog import RunCatalog
from storage.token_store import TokenStore
from sweeps.artifacts import ArtifactDraft
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.ids import RunId, TenantId
from sweeps.runs import ScratchRun
from sweeps.tags import Subject, SubjectKind, Tag
from tests.contracts.artifact_store_contract import bring

TENANT = TenantId("default")
#: By then everything that a test makes is old.
LATER = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=1_000)


class RetentionRows:
    """A tenant's runs, and the store of their bytes."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self.pool = pool
        self.store = store
        self.catalog = ArtifactCatalog(pool)
        TokenStore(pool).create(tenant_id=TENANT, name="me")
        self._n = 0

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]  literals of tests
            return cursor.fetchall() if cursor.description else []

    def open_run(self) -> RunId:
        """A live run."""
        self._n += 1
        run = ScratchRun(
            run_id=RunId(f"scratch-{self._n:012d}"), experiment="scratch", owner="me",
            seed=self._n, params={}, tags={},
        )  # fmt: skip
        RunCatalog(self.pool).create_scratch_run(run, tenant_id=TENANT)
        return run.run_id

    def scratch(
        self, files: Mapping[str, bytes] | None = None, *, state: str = "completed"
    ) -> RunId:
        """A run that has ended and is sealed, with files."""
        run_id = self.open_run()
        for name, content in (files or {}).items():
            self.file(run_id, name, content)
        self.end(run_id, state=state)
        return run_id

    def file(
        self, run_id: RunId, name: str, content: bytes, *, kind: str = "file",
        before_commit: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """Give a live run a file."""
        draft = ArtifactDraft.checked(
            name=name,
            type=kind,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
        )
        self.catalog.begin(run_id, draft, tenant_id=TENANT)
        bring(self.store, content)
        before_commit()
        self.catalog.commit(run_id, draft, tenant_id=TENANT, has_bytes=lambda: True)

    def end(self, run_id: RunId, *, state: str = "completed") -> None:
        """End a run, and seal it."""
        self.rows(
            "UPDATE runs SET state = %s::run_state, started_at = now(), ended_at = now()"
            " WHERE run_id = %s",
            state,
            run_id,
        )
        self.rows("UPDATE runs SET sealed_at = now() WHERE run_id = %s", run_id)

    def tag(self, run_id: RunId, name: str = "keeper") -> None:
        """Tag a run, as a person does."""
        TagStore(self.pool).set(
            Subject(SubjectKind.RUN, run_id), Tag(name), tenant_id=TENANT, by="me"
        )

    def names(self) -> set[str]:
        """Artifacts that are there, as RUN/NAME."""
        return {f"{run}/{name}" for run, name in self.rows("SELECT run_id, name FROM artifacts")}

    def has_bytes(self, content: bytes) -> bool:
        """Whether the store has them."""
        key = BlobKey(tenant_id=TENANT, sha256=hashlib.sha256(content).hexdigest())
        return self.store.size_of(key) is not None
