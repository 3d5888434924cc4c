"""Deletion of bytes while uploads go on: real threads, a real database."""

import datetime as dt
import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.artifacts.blob_deletion import BlobDeletion, Deleted
from storage.artifacts.catalog import ArtifactCatalog
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, transaction
from sweeps.artifacts import ArtifactDraft, InvalidArtifact
from sweeps.blobs import BlobKey, BlobLeaving, BlobMissing
from sweeps.errors import StateConflict, StorageUnavailable
from sweeps.ids import RunId, TenantId
from tests.contracts.artifact_store_contract import bring
from tests.integration.storage.test_ingest_store import a_scratch_run

US = TenantId("default")
CONTENT = b"weights"
AT_ONCE = dt.timedelta(0)
SHORT = dt.timedelta(milliseconds=20)


def a_draft(content: bytes = CONTENT, name: str = "model") -> ArtifactDraft:
    sha256 = hashlib.sha256(content).hexdigest()
    return ArtifactDraft.checked(name=name, type="file", sha256=sha256, size_bytes=len(content))


class Slow(ArtifactFolder):
    """A folder that does something first."""

    before_delete: Callable[[], object] = staticmethod(lambda: None)
    before_delete_of: Callable[[BlobKey], object] = staticmethod(lambda _: None)

    def delete(self, key: BlobKey) -> None:
        self.before_delete()
        self.before_delete_of(key)
        super().delete(key)


@pytest.fixture
def store(tmp_path: Path) -> Slow:
    return Slow(tmp_path / "artifacts")


@pytest.fixture
def deletion(pool: Pool, store: Slow) -> BlobDeletion:
    return BlobDeletion(pool, store, least_age=AT_ONCE)


def commit(pool: Pool, store: ArtifactFolder, run: str, content: bytes = CONTENT) -> None:
    draft = a_draft(content)
    key = draft.blob(US).key
    ArtifactCatalog(pool).commit(
        RunId(run), draft, tenant_id=US, has_bytes=lambda: store.size_of(key) == len(content)
    )


def lose_artifacts(pool: Pool) -> None:
    """What retention does: the names go, the bytes stay."""
    with transaction(pool) as connection:
        connection.execute("SET LOCAL sweepworks.retention = 'on'")
        connection.execute("DELETE FROM artifacts")


def rows(pool: Pool) -> list[tuple[Any, ...]]:
    with transaction(pool) as connection:
        return connection.execute("SELECT state::text FROM blobs").fetchall()


def unreferenced(pool: Pool, store: ArtifactFolder) -> BlobKey:
    key = bring(store, CONTENT)
    commit(pool, store, a_scratch_run(pool))
    lose_artifacts(pool)
    return key


def test_bytes_that_nothing_refers_to_go(pool: Pool, store: Slow, deletion: BlobDeletion) -> None:
    key = unreferenced(pool, store)

    assert deletion.delete_unreferenced() == Deleted(1, len(CONTENT))

    assert store.size_of(key) is None
    assert rows(pool) == []


def test_bytes_that_an_artifact_refers_to_stay(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    key = bring(store, CONTENT)
    commit(pool, store, a_scratch_run(pool))

    assert deletion.delete_unreferenced() == Deleted(0, 0)

    assert store.size_of(key) == len(CONTENT)


def test_while_they_go_nothing_can_rely_on_them(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    unreferenced(pool, store)
    run = a_scratch_run(pool)
    refused: list[object] = []

    def meanwhile() -> None:
        with pytest.raises(BlobLeaving):
            ArtifactCatalog(pool).begin(RunId(run), a_draft(), tenant_id=US)
        refused.append(True)

    store.before_delete = meanwhile
    deletion.delete_unreferenced()

    assert refused == [True]
    with pytest.raises(BlobMissing):
        commit(pool, store, run)
    bring(store, CONTENT)
    commit(pool, store, run)
    assert rows(pool) == [("stored",)]


def test_a_commit_that_comes_meanwhile_is_told_at_once_to_begin_again(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    unreferenced(pool, store)
    run = a_scratch_run(pool)
    refused: list[object] = []

    def meanwhile() -> None:
        with pytest.raises(BlobLeaving):
            commit(pool, store, run)
        refused.append(True)

    store.before_delete = meanwhile
    deletion.delete_unreferenced()

    assert refused == [True]
    assert rows(pool) == []


def test_a_deletion_that_was_interrupted_is_ended_by_the_next_one(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    key = unreferenced(pool, store)

    def away() -> None:
        raise StorageUnavailable("the store is away")

    store.before_delete = away
    with pytest.raises(StorageUnavailable):
        deletion.delete_unreferenced()
    between = rows(pool)
    with pytest.raises(BlobLeaving):
        commit(pool, store, a_scratch_run(pool))
    store.before_delete = lambda: None

    assert deletion.delete_unreferenced() == Deleted(1, len(CONTENT))
    assert between == [("deleting",)]
    assert (rows(pool), store.size_of(key)) == ([], None)


def test_one_that_cannot_be_deleted_keeps_no_other(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    run = RunId(a_scratch_run(pool))
    drafts = [a_draft(content, name=str(n)) for n, content in enumerate((b"a", b"b", b"c"))]
    for draft in drafts:
        ArtifactCatalog(pool).begin(run, draft, tenant_id=US)

    def held(key: BlobKey) -> None:
        if key.sha256 == drafts[0].sha256:
            raise StorageUnavailable("it is on legal hold")

    store.before_delete_of = held
    with pytest.raises(StorageUnavailable, match="legal hold"):
        deletion.delete_unreferenced()

    assert rows(pool) == [("deleting",)]


def test_what_was_announced_a_short_while_ago_stays(pool: Pool, store: Slow) -> None:
    key = unreferenced(pool, store)

    assert BlobDeletion(pool, store).delete_unreferenced() == Deleted(0, 0)

    assert store.size_of(key) == len(CONTENT)


def test_what_was_brought_and_never_committed_goes(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    ArtifactCatalog(pool).begin(RunId(a_scratch_run(pool)), a_draft(), tenant_id=US)
    key = bring(store, CONTENT)

    assert deletion.delete_unreferenced() == Deleted(1, len(CONTENT))

    assert (rows(pool), store.size_of(key)) == ([], None)


def test_what_is_announced_again_while_it_is_old_stays(pool: Pool, store: Slow) -> None:
    unreferenced(pool, store)
    with transaction(pool) as connection:
        connection.execute("UPDATE blobs SET renewed_at = now() - interval '3 days'")
    ArtifactCatalog(pool).begin(RunId(a_scratch_run(pool)), a_draft(), tenant_id=US)

    assert BlobDeletion(pool, store).delete_unreferenced() == Deleted(0, 0)


def test_a_wrong_size_that_was_announced_binds_nobody(pool: Pool, store: Slow) -> None:
    run = RunId(a_scratch_run(pool))
    honest = a_draft()
    lie = replace(honest, name="another", size_bytes=honest.size_bytes + 1)
    ArtifactCatalog(pool).begin(run, lie, tenant_id=US)
    bring(store, CONTENT)

    ArtifactCatalog(pool).begin(run, honest, tenant_id=US)
    commit(pool, store, run)

    with pytest.raises(InvalidArtifact, match="known to be of 7 bytes"):
        ArtifactCatalog(pool).begin(run, lie, tenant_id=US)


def test_a_size_that_was_announced_while_the_store_was_asked_is_not_believed(
    pool: Pool, store: Slow
) -> None:
    run = RunId(a_scratch_run(pool))
    honest = a_draft()
    lie = replace(honest, name="another", size_bytes=honest.size_bytes + 1)
    key = bring(store, CONTENT)

    def has_bytes() -> bool:
        ArtifactCatalog(pool).begin(run, lie, tenant_id=US)
        return store.size_of(key) == len(CONTENT)

    ArtifactCatalog(pool).commit(run, honest, tenant_id=US, has_bytes=has_bytes)

    with transaction(pool) as connection:
        assert connection.execute("SELECT size_bytes FROM blobs").fetchall() == [(len(CONTENT),)]


def test_a_slow_store_holds_no_connection_and_no_row(pool: Pool, store: Slow) -> None:
    runs = [RunId(a_scratch_run(pool, f"scratch-{letter * 12}")) for letter in "ab"]
    key = bring(store, CONTENT)

    def has_bytes() -> bool:
        with transaction(pool) as connection:  # would wait for the other one's rows
            connection.execute("SET LOCAL lock_timeout = '1s'")
            connection.execute("SELECT FROM blobs FOR UPDATE")
            connection.execute("SELECT FROM runs FOR UPDATE")
            (count,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state = 'idle in transaction'"
            ).fetchone() or (None,)
        assert count == 0
        return store.size_of(key) is not None

    stored = ArtifactCatalog(pool).commit(runs[0], a_draft(), tenant_id=US, has_bytes=has_bytes)

    assert stored.sha256 == key.sha256


def test_who_asks_the_store_for_too_long_begins_again(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    """Its answer is of a time before the deletion."""
    run = RunId(a_scratch_run(pool))
    key = bring(store, CONTENT)
    catalog = ArtifactCatalog(pool, least_age=SHORT)

    def has_bytes() -> bool:
        found = store.size_of(key) is not None
        time.sleep(2 * SHORT.total_seconds())
        deletion.delete_unreferenced()
        ArtifactCatalog(pool).begin(run, a_draft(), tenant_id=US)  # by another script
        return found

    with pytest.raises(BlobLeaving):
        catalog.commit(run, a_draft(), tenant_id=US, has_bytes=has_bytes)

    with transaction(pool) as connection:
        assert connection.execute("SELECT FROM artifacts").fetchall() == []


def test_no_writer_of_any_version_can_refer_to_what_is_going(
    pool: Pool, store: Slow, deletion: BlobDeletion
) -> None:
    unreferenced(pool, store)
    run = a_scratch_run(pool)
    with transaction(pool) as connection:
        connection.execute("UPDATE blobs SET state = 'deleting'")

    with pytest.raises(StateConflict), transaction(pool) as connection:
        connection.execute(
            "INSERT INTO artifacts (tenant_id, run_id, name, type, sha256, size_bytes)"
            " SELECT tenant_id, %s, 'a', 'file', sha256, size_bytes FROM blobs",
            [run],
        )


def test_whatever_was_committed_has_its_bytes(pool: Pool, store: Slow) -> None:
    """Writers bring, commit and lose the same bytes while two others delete; some are slow."""
    ends_at = time.monotonic() + 3
    runs = [a_scratch_run(pool, f"scratch-{letter * 12}") for letter in "abc"]
    broken: list[str] = []
    done = {"commits": 0, "deletions": 0}

    def writer(run: str) -> None:
        draft = a_draft(name=run)
        key = draft.blob(US).key
        catalog = ArtifactCatalog(pool, least_age=SHORT)
        dawdling = random.Random(run)

        def dawdle() -> None:
            time.sleep(dawdling.choice([0, 0.5, 3]) * SHORT.total_seconds())

        def has_bytes() -> bool:
            found = store.size_of(key) is not None
            dawdle()
            return found

        while time.monotonic() < ends_at:
            dawdle()
            try:
                catalog.begin(RunId(run), draft, tenant_id=US)
                bring(store, CONTENT)
                dawdle()
                catalog.commit(RunId(run), draft, tenant_id=US, has_bytes=has_bytes)
            except (BlobLeaving, BlobMissing):
                continue
            done["commits"] += 1
            if store.size_of(key) is None:
                broken.append(run)
            with transaction(pool) as connection:
                connection.execute("SET LOCAL sweepworks.retention = 'on'")
                connection.execute("DELETE FROM artifacts WHERE run_id = %s", [run])

    def deleter() -> None:
        while time.monotonic() < ends_at:
            deletion = BlobDeletion(pool, store, least_age=SHORT)
            done["deletions"] += deletion.delete_unreferenced().count

    threads = [threading.Thread(target=writer, args=(run,)) for run in runs]
    threads += [threading.Thread(target=deleter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert broken == []
    assert done["commits"] > 0
    assert done["deletions"] > 0
