"""Runs with what they are made of, files and data, for tests of lineage."""

import hashlib
import json
from typing import Any

from storage.artifacts.catalog import ArtifactCatalog
from storage.database import Pool, transaction
from storage.lineage.provenance import Section, write_provenance
from storage.runs.catalog import RunCatalog
from storage.token_store import TokenStore
from sweeps.artifacts import Artifact, ArtifactDraft
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.ids import RunId, TenantId
from sweeps.runs import ScratchRun
from tests.contracts.artifact_store_contract import bring

TENANT = TenantId("default")
CODE: dict[str, Any] = {
    "commit": "c" * 40, "branch": "main", "remote": "https://example.org/r.git", "is_dirty": False,
    "is_whole": True, "left_out": [], "script": {"path": "train.py", "is_notebook": False},
}  # fmt: skip
SOFTWARE: dict[str, Any] = {"python": "3.12.1", "image": "team/train@sha256:" + "a" * 64}
SEEDS: dict[str, Any] = {"seed": 1, "python": 2}


class LineageWorld:
    """A tenant's runs, and a store of bytes."""

    def __init__(self, pool: Pool, store: ArtifactStore, tenant: TenantId = TENANT) -> None:
        self.pool = pool
        self.store = store
        self.tenant = tenant
        TokenStore(pool).create(tenant_id=tenant, name="me")
        self._n = 0

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]  literals of tests
            return cursor.fetchall() if cursor.description else []

    def run(
        self, name: str | None = None, *, params: dict[str, Any] | None = None, **sections: Any
    ) -> RunId:
        """A live run, with what is recorded of it: `code={…}`, `software={…}`, `seeds={…}`."""
        self._n += 1
        run = ScratchRun(
            run_id=RunId(name or f"scratch-{self._n:012d}"), experiment="scratch", owner="me",
            seed=self._n, params=params or {"lr": 0.1}, tags={"a": "b"},
        )  # fmt: skip
        RunCatalog(self.pool).create_scratch_run(run, tenant_id=self.tenant)
        self.say(run.run_id, **sections)
        return run.run_id

    def say(self, run: str, **sections: Any) -> None:
        """The run says what it is made of."""
        documents = [
            Section(run_id=RunId(run), attempt_id="", name=n, document=d)
            for n, d in sections.items()
        ]
        with transaction(self.pool) as connection:
            write_provenance(connection, documents)

    def whole_run(
        self, name: str | None = None, *, dataset: tuple[str, int] = ("digits", 1), **changes: Any
    ) -> RunId:
        """One that lacks nothing, but what `changes` say; not ended yet."""
        sections = {"code": CODE, "software": SOFTWARE, "seeds": SEEDS, **changes}
        run = self.run(name, **{n: d for n, d in sections.items() if d is not None})
        self.use(run, *dataset)
        return run

    def end(self, run: str, *, state: str = "completed", days_ago: float = 0) -> None:
        self.rows(
            "UPDATE runs SET state = %s::run_state, ended_at = now() - %s * interval '1 day',"
            " sealed_at = now() WHERE run_id = %s",
            state, days_ago, run,
        )  # fmt: skip

    def dataset(
        self, name: str = "digits", number: int = 1, *, parents: tuple[tuple[str, int], ...] = ()
    ) -> None:
        """A version of a dataset, unless it is there."""
        self.rows(
            "INSERT INTO datasets (tenant_id, name, owner, created_by) VALUES (%s, %s, 'me', 'me')"
            " ON CONFLICT DO NOTHING",
            self.tenant, name,
        )  # fmt: skip
        self.rows(
            "INSERT INTO dataset_versions (dataset_id, number, content_hash, kind, location, manifest,"
            " is_stored, file_count, size_bytes, row_count, schema, statistics, preprocessing,"
            " column_lineage, created_by) SELECT dataset_id, %s, %s, 'files', '/data', '{}', false, 1, 10,"
            " 150, %s, '{}', '[]', '{}', 'me' FROM datasets WHERE tenant_id = %s AND name = %s"
            " ON CONFLICT DO NOTHING",
            number, hashlib.sha256(f"{name}@{number}".encode()).digest(),
            json.dumps([{"name": "x", "kind": "number", "dtype": "float64"}]), self.tenant, name,
        )  # fmt: skip
        for parent, parent_number in parents:
            self.dataset(parent, parent_number)
            self.rows(
                "INSERT INTO dataset_version_parents SELECT c.dataset_id, %s, p.dataset_id, %s"
                " FROM datasets c, datasets p WHERE c.tenant_id = %s AND p.tenant_id = %s"
                " AND c.name = %s AND p.name = %s",
                number, parent_number, self.tenant, self.tenant, name, parent,
            )  # fmt: skip

    def use(self, run: str, name: str, number: int) -> None:
        """The run has learnt from a version of a dataset."""
        self.dataset(name, number)
        self.rows(
            "INSERT INTO run_datasets (run_id, dataset_id, number)"
            " SELECT %s, dataset_id, %s FROM datasets WHERE tenant_id = %s AND name = %s",
            run, number, self.tenant, name,
        )  # fmt: skip

    def artifact(self, run: str, name: str = "model.pt", content: bytes = b"weights") -> Artifact:
        """A stored artifact of a run."""
        key = bring(self.store, content, tenant=self.tenant)
        draft = ArtifactDraft.checked(
            name=name, type="model", sha256=key.sha256, size_bytes=len(content)
        )
        return ArtifactCatalog(self.pool).commit(
            RunId(run),
            draft,
            tenant_id=self.tenant,
            has_bytes=lambda: self.store.size_of(key) is not None,
        )

    def key(self, content: bytes) -> BlobKey:
        return BlobKey(tenant_id=self.tenant, sha256=hashlib.sha256(content).hexdigest())
