"""After a collection the store has what something refers to, and nothing else."""

import datetime as dt
import hashlib
import os
from pathlib import Path

import pytest

from storage.artifacts.blob_collection import QUARANTINE, BlobCollection
from storage.artifacts.blob_deletion import BlobDeletion
from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.location import BucketLocation
from storage.artifacts.s3_client import s3_client
from storage.artifacts.store_owner import StoreOwner
from storage.database import Pool
from storage.retention.keeper import PostgresRetentionKeeper
from sweeps.artifacts import ArtifactDraft
from sweeps.blobs import ArtifactStore, BlobLeaving, StoreOfAnother, TooManyStrays
from sweeps.ids import RunId
from tests.contracts.artifact_store_contract import bring
from tests.integration.storage.retention_rows import TENANT, RetentionRows

AT_ONCE = dt.timedelta(0)
#: Than everything that a test does, however long it takes.
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return ArtifactFolder(tmp_path / "artifacts")
    location: BucketLocation = request.getfixturevalue("bucket")
    return ArtifactBucket(location)


@pytest.fixture
def rows(pool: Pool, store: ArtifactStore) -> RetentionRows:
    return RetentionRows(pool, store)


def stored(store: ArtifactStore) -> set[str]:
    return {one.sha256 for one in store.stored(before=LATER)}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def collection(
    rows: RetentionRows,
    least_age: dt.timedelta = AT_ONCE,
    quarantine: dt.timedelta = AT_ONCE,
) -> BlobCollection:
    return BlobCollection(rows.pool, rows.store, least_age=least_age, quarantine=quarantine)


def forget(rows: RetentionRows, run: RunId) -> None:
    rows.rows(
        "WITH retention AS MATERIALIZED (SELECT set_config('sweepworks.retention', 'on', true))"
        " DELETE FROM artifacts USING retention WHERE run_id = %s",
        run,
    )


def test_bytes_equal_the_live_set(rows: RetentionRows) -> None:
    rows.scratch({"a": b"kept", "b": b"shared"})
    gone = rows.scratch({"c": b"lost", "d": b"shared"})
    forget(rows, gone)
    bring(rows.store, b"a stray that no row knows")
    rows.rows(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes, has_arrived)"
        " VALUES ('default', %s, 5, false)",
        hashlib.sha256(b"announced, never brought").digest(),
    )

    found = collection(rows).collect(now=LATER)

    assert stored(rows.store) == {digest(b"kept"), digest(b"shared")}
    assert {sha256.hex() for (sha256,) in rows.rows("SELECT sha256 FROM blobs")} == {
        digest(b"kept"), digest(b"shared"),
    }  # fmt: skip
    assert (found.deleted, found.adopted, found.foreign) == (3, 1, 0)
    assert collection(rows).collect(now=LATER).deleted == 0


def test_what_is_young_stays(rows: RetentionRows) -> None:
    bring(rows.store, b"on its way")

    found = collection(rows, dt.timedelta(days=1)).collect(now=dt.datetime.now(dt.UTC))

    assert found.deleted == 0
    assert stored(rows.store) == {digest(b"on its way")}


def test_what_is_in_a_folder_of_nobody_stays(rows: RetentionRows) -> None:
    bring(rows.store, b"theirs", tenant="somebody")

    found = collection(rows).collect(now=LATER)

    assert (found.deleted, found.foreign) == (0, 1)
    assert stored(rows.store) == {digest(b"theirs")}


def test_files_of_others_in_the_folder_are_left_alone(pool: Pool, tmp_path: Path) -> None:
    rows = RetentionRows(pool, ArtifactFolder(tmp_path))
    sha256 = digest(b"x")
    others = [
        tmp_path / "default" / "notes.txt",
        tmp_path / "default" / "aa" / "bb" / "readme",
        tmp_path / "default" / "zz" / "zz" / sha256,
        tmp_path / "default" / "00" / "11" / sha256,
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (0, 0))

    collection(rows).collect(now=LATER)

    assert all(path.exists() for path in others)


def test_keys_outside_the_prefix_are_left_alone(pool: Pool, bucket: BucketLocation) -> None:
    rows = RetentionRows(pool, ArtifactBucket(bucket))
    sha256 = digest(b"x")
    key = f"elsewhere/default/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    s3_client(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=b"x")

    collection(rows).collect(now=LATER)

    assert s3_client(bucket).head_object(Bucket=bucket.bucket, Key=key)["ContentLength"] == 1


def test_an_upload_of_a_stray_in_the_midst_of_it_is_told_to_come_again_or_keeps_it(
    pool: Pool, tmp_path: Path
) -> None:
    store = ArtifactFolder(tmp_path / "artifacts")
    rows = RetentionRows(pool, store)
    run = rows.open_run()
    bring(store, b"stray")
    draft = ArtifactDraft.checked(name="a", type="file", sha256=digest(b"stray"), size_bytes=5)
    rows.catalog.begin(run, draft, tenant_id=TENANT)  # announced: not to be deleted for a day

    collection(rows, dt.timedelta(seconds=30)).collect(now=LATER)

    assert stored(store) == {digest(b"stray")}
    rows.catalog.commit(run, draft, tenant_id=TENANT, has_bytes=lambda: True)


def test_whoever_announces_what_is_going_is_told_so(rows: RetentionRows) -> None:
    run = rows.open_run()
    bring(rows.store, b"stray")
    rows.rows(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes, state) VALUES"
        " ('default', %s, 5, 'deleting')",
        hashlib.sha256(b"stray").digest(),
    )
    draft = ArtifactDraft.checked(name="a", type="file", sha256=digest(b"stray"), size_bytes=5)

    with pytest.raises(BlobLeaving):
        rows.catalog.begin(run, draft, tenant_id=TENANT)

    collection(rows).collect(now=LATER)
    rows.catalog.begin(run, draft, tenant_id=TENANT)
    assert stored(rows.store) == set()


def test_a_stray_stays_for_its_quarantine(rows: RetentionRows) -> None:
    bring(rows.store, b"of a database that was restored")

    found = collection(rows, quarantine=QUARANTINE).collect(now=LATER)
    again = collection(rows, quarantine=QUARANTINE).collect(now=LATER)

    assert (found.adopted, found.deleted, again.adopted, again.deleted) == (1, 0, 0, 0)
    assert stored(rows.store) == {digest(b"of a database that was restored")}
    rows.rows("UPDATE blobs SET renewed_at = renewed_at - interval '8 days'")
    assert collection(rows, quarantine=QUARANTINE).collect(now=LATER).deleted == 1


def test_of_a_store_of_another_installation_nothing_is_deleted(rows: RetentionRows) -> None:
    forget(rows, rows.scratch({"a": b"ours, and lost"}))
    bring(rows.store, b"theirs")
    rows.store.set_owner("another")

    with pytest.raises(StoreOfAnother, match="another"):
        collection(rows).collect(now=LATER)
    with pytest.raises(StoreOfAnother, match="--take-over"):
        BlobDeletion(rows.pool, rows.store, least_age=AT_ONCE).delete_unreferenced()

    assert stored(rows.store) == {digest(b"ours, and lost"), digest(b"theirs")}


def test_a_store_that_was_taken_over_is_collected(rows: RetentionRows) -> None:
    bring(rows.store, b"theirs")
    rows.store.set_owner("another")

    StoreOwner(rows.pool, rows.store).take_over()

    assert collection(rows).collect(now=LATER).deleted == 1


def test_a_store_names_the_first_installation_that_deletes(rows: RetentionRows) -> None:
    collection(rows).collect(now=LATER)

    ((installation,),) = rows.rows("SELECT installation_id::text FROM installation")
    assert rows.store.owner() == installation


def test_many_strays_stay_until_somebody_has_looked(pool: Pool, tmp_path: Path) -> None:
    rows = RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))
    rows.scratch({f"kept-{n}": b"kept %d" % n for n in range(20)})
    forget(rows, rows.scratch({"a": b"lost"}))
    for n in range(101):
        bring(rows.store, b"stray %d" % n)

    with pytest.raises(TooManyStrays, match="101 of 122"):
        collection(rows).collect(now=LATER)
    before = len(stored(rows.store))
    found = collection(rows).collect(now=LATER, with_strays=True)

    assert before == 122
    assert (found.adopted, found.deleted, len(stored(rows.store))) == (101, 102, 20)


def test_a_hundred_strays_are_not_many(pool: Pool, tmp_path: Path) -> None:
    rows = RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))
    for n in range(100):
        bring(rows.store, b"stray %d" % n)

    assert collection(rows).collect(now=LATER).adopted == 100


def test_a_day_in_which_nothing_was_collected_says_why(pool: Pool, tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path / "artifacts")
    store.set_owner("another")

    done = PostgresRetentionKeeper(pool, store).carry_out(now=LATER)

    assert "another" in done.refused
    assert done.collected == 0
