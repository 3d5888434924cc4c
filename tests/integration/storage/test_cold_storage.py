"""Files that stay go to a colder class of the bucket: planned, applied, moved in place, written down."""

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from retention.policy_file import RETENTION
from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.location import BucketLocation
from storage.artifacts.s3_client import s3_client
from storage.database import Pool, open_pool
from storage.policy_store import PolicyStore
from storage.retention.cold import ColdStorage
from storage.retention.keeper import PostgresRetentionKeeper
from sweeps.blobs import ArtifactStore
from sweeps.errors import StorageUnavailable
from sweeps.policies import PolicyChange
from tests.integration.storage.dying import killed_at, moments
from tests.integration.storage.retention_rows import LATER, RetentionRows
from tests.plugins.postgres import Database, copy_of
from tests.plugins.s3 import S3Server
from tests.strict_s3 import SECRET

POLICY = """
cold_class: {cold_class}
default_class: a
classes:
  a:
    runs: {{scratch_after: never, failed_after: 30d}}
    checkpoints: {{thin_after: never, expire_after: never}}
    logs_after: never
    cold_after: {cold_after}
"""
BIG = 200_000


def content(number: int) -> bytes:
    return bytes([number]) * BIG


def hold_policy(pool: Pool, *, cold_after: str = "14d", cold_class: str = "STANDARD_IA") -> None:
    store = PolicyStore(pool)
    change = PolicyChange(
        kind=RETENTION,
        source="retention.yaml",
        before=store.current(RETENTION),
        text=POLICY.format(cold_after=cold_after, cold_class=cold_class),
    )
    store.apply([change], by="me", comment="")


@pytest.fixture
def rows(pool: Pool, bucket: BucketLocation) -> RetentionRows:
    hold_policy(pool)
    return RetentionRows(pool, ArtifactBucket(bucket))


def keeper(rows: RetentionRows, store: ArtifactStore | None = None) -> PostgresRetentionKeeper:
    return PostgresRetentionKeeper(rows.pool, store or rows.store, least_age=dt.timedelta(0))


def mark(rows: RetentionRows, *, now: dt.datetime = LATER) -> int:
    found = keeper(rows)
    plan = found.plans.make(found.policy.value, policy_version=1, who="me", now=now)
    found.plans.apply(plan.plan_id, found.policy.value, who="me", now=now)
    return plan.plan_id


def classes(rows: RetentionRows, bucket: BucketLocation) -> dict[str, str]:
    """The class of each blob as the bucket has it, by what its first byte says."""
    pages = s3_client(bucket).list_objects_v2(Bucket=bucket.bucket)["Contents"]
    stored = {one["Key"].rsplit("/", 1)[-1]: one["StorageClass"] for one in pages}
    known = {hashlib.sha256(content(number)).hexdigest(): str(number) for number in range(10)}
    return {known[sha256]: name for sha256, name in stored.items() if sha256 in known}


def written(rows: RetentionRows) -> dict[str, str]:
    """The same as the database has it."""
    known = {hashlib.sha256(content(number)).digest(): str(number) for number in range(10)}
    return {
        known[sha256]: name.upper()
        for sha256, name in rows.rows("SELECT sha256, storage_class FROM blobs")
        if sha256 in known
    }


def items(rows: RetentionRows, plan_id: int) -> dict[str, str]:
    return {
        f"{one.run_id}/{one.name}": one.state
        for one in keeper(rows).plans.items(plan_id=plan_id)
        if one.kind == "cold"
    }


def test_what_stays_goes_cold_by_plan_and_apply(
    rows: RetentionRows, bucket: BucketLocation
) -> None:
    old = rows.scratch({"a": content(1), "small": b"x"})
    kept = rows.scratch({"b": content(2)})
    rows.tag(kept)
    failed = rows.scratch({"c": content(3)}, state="failed")
    live = rows.open_run()
    rows.file(live, "d", content(4))
    plan_id = mark(rows)
    before = rows.rows("SELECT now()")[0][0]

    done = keeper(rows).carry_out(now=LATER)

    assert items(rows, plan_id) == {f"{old}/a": "moved", f"{kept}/b": "moved"}
    assert (done.moved, done.moved_bytes, done.refused) == (2, 2 * BIG, "")
    expected = {"1": "STANDARD_IA", "2": "STANDARD_IA", "3": "STANDARD", "4": "STANDARD"}
    assert classes(rows, bucket) == expected
    assert written(rows) == expected
    ((since,),) = rows.rows("SELECT min(class_since) FROM blobs")
    assert since > before
    assert rows.names() == {f"{old}/a", f"{old}/small", f"{kept}/b", f"{failed}/c", f"{live}/d"}
    # Again there is nothing to do.
    assert keeper(rows).carry_out(now=LATER).moved == 0
    assert items(rows, mark(rows)) == {}


def test_a_plan_tells_what_moves_and_what_it_saves(rows: RetentionRows) -> None:
    rows.scratch({"a": content(1), "b": content(2)})

    plan = keeper(rows).plans.get(mark(rows))

    ((name, share),) = plan.summary["cold"]["classes"].items()
    assert (name, share["count"], share["bytes"]) == ("standard_ia", 2, 2 * BIG)
    assert share["saves_usd"] == pytest.approx(2 * BIG / 2**30 * (0.023 - 0.0125))
    assert plan.summary["cold"]["warning"] is None
    assert plan.summary["goes"] == {}


def test_shared_bytes_wait_for_the_last_one_that_is_due(
    rows: RetentionRows, bucket: BucketLocation
) -> None:
    first = rows.scratch({"a": content(1)})
    live = rows.open_run()
    rows.file(live, "copy", content(1))
    assert items(rows, mark(rows)) == {}

    rows.end(live)
    plan_id = mark(rows)
    keeper(rows).carry_out(now=LATER)

    assert items(rows, plan_id) == {f"{first}/a": "moved"}
    assert classes(rows, bucket) == {"1": "STANDARD_IA"}


@pytest.mark.parametrize(
    ("cold_after", "cold_class"), [("never", "STANDARD_IA"), ("14d", "GLACIER_IR")]
)
def test_what_the_policy_of_the_day_would_not_move_stays(
    rows: RetentionRows, bucket: BucketLocation, cold_after: str, cold_class: str
) -> None:
    run = rows.scratch({"a": content(1)})
    plan_id = mark(rows)
    hold_policy(rows.pool, cold_after=cold_after, cold_class=cold_class)

    done = keeper(rows).carry_out(now=LATER)

    assert (done.moved, done.restored) == (0, 1)
    assert items(rows, plan_id) == {f"{run}/a": "restored"}
    assert classes(rows, bucket) == {"1": "STANDARD"}


def test_a_file_that_went_meanwhile_is_no_trouble(
    rows: RetentionRows, bucket: BucketLocation
) -> None:
    gone, there = rows.scratch({"a": content(1)}), rows.scratch({"a": content(2)})
    plan_id = mark(rows)
    rows.rows(
        "WITH retention AS MATERIALIZED (SELECT set_config('sweepworks.retention', 'on', true))"
        " DELETE FROM artifacts USING retention WHERE run_id = %s",
        gone,
    )
    assert isinstance(rows.store, ArtifactBucket)

    moved = ColdStorage(rows.pool, rows.store).move_due(now=LATER)

    assert moved.count == 1
    assert items(rows, plan_id) == {f"{gone}/a": "restored", f"{there}/a": "moved"}


def test_bytes_that_are_about_to_move_are_not_collected(
    rows: RetentionRows, bucket: BucketLocation
) -> None:
    run = rows.scratch({"a": content(1)})
    mark(rows)
    rows.rows("UPDATE blobs SET renewed_at = now() - interval '9 days'")
    assert isinstance(rows.store, ArtifactBucket)

    ColdStorage(rows.pool, rows.store).move_due(now=LATER)

    assert rows.rows("SELECT renewed_at > now() - interval '1 hour' FROM blobs") == [(True,)]
    assert rows.names() == {f"{run}/a"}


def test_a_bucket_that_fails_for_one_has_moved_the_others(
    rows: RetentionRows, bucket: BucketLocation, s3_server: S3Server
) -> None:
    runs = [rows.scratch({"a": content(number)}) for number in range(3)]
    plan_id = mark(rows)
    sha256 = hashlib.sha256(content(1)).hexdigest()
    s3_server.fault("PUT", sha256, status=403, code="AccessDenied", times=9)

    with pytest.raises(StorageUnavailable, match="forbidden"):
        keeper(rows).carry_out(now=LATER)
    first = items(rows, plan_id)
    s3_server.mend()
    keeper(rows).carry_out(now=LATER)

    assert first == {
        f"{runs[0]}/a": "moved", f"{runs[1]}/a": "marked", f"{runs[2]}/a": "moved",
    }  # fmt: skip
    assert set(classes(rows, bucket).values()) == {"STANDARD_IA"}


def test_a_server_without_the_class_is_told_of_and_the_rest_is_done(
    rows: RetentionRows, s3_server: S3Server
) -> None:
    rows.scratch({"a": content(1)})
    rows.scratch({"b": content(2)}, state="failed")
    plan_id = mark(rows)
    sha256 = hashlib.sha256(content(1)).hexdigest()
    s3_server.fault("PUT", sha256, status=400, code="InvalidStorageClass", times=9)
    due = LATER + dt.timedelta(days=7)

    done = keeper(rows).carry_out(now=due)

    assert (done.deleted, done.collected, done.moved) == (1, 1, 0)
    assert "has no storage class STANDARD_IA" in done.refused
    assert list(items(rows, plan_id).values()) == ["marked"]


def test_a_folder_has_no_classes_and_the_plan_says_so(pool: Pool, tmp_path: Path) -> None:
    hold_policy(pool)
    rows = RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))
    rows.scratch({"a": content(1)})

    plan = keeper(rows).plans.get(mark(rows))
    done = keeper(rows).carry_out(now=LATER)

    assert "keeps its artifacts in a folder" in plan.summary["cold"]["warning"]
    assert keeper(rows).warning() == plan.summary["cold"]["warning"]
    assert items(rows, plan.plan_id) == {}
    assert (done.moved, done.refused) == (0, "")


def test_what_was_marked_on_a_bucket_stays_when_a_folder_took_its_place(
    rows: RetentionRows, tmp_path: Path
) -> None:
    run = rows.scratch({"a": content(1)})
    plan_id = mark(rows)

    done = keeper(rows, ArtifactFolder(tmp_path)).carry_out(now=LATER)

    assert (done.moved, items(rows, plan_id)) == (0, {f"{run}/a": "restored"})


def move(url: str, bucket: BucketLocation) -> None:
    """What the daily schedule does, in a process that has a key of the bucket."""
    with pytest.MonkeyPatch.context() as patch, open_pool(url, max_size=3) as pool:
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_CONFIG_FILE", "/nowhere")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        ColdStorage(pool, ArtifactBucket(bucket), batch=2, workers=1).move_due(now=LATER)


@pytest.fixture
def filled(rows: RetentionRows, database: Database) -> tuple[Database, int]:
    for number in range(5):
        rows.scratch({"a": content(number)})
    plan_id = mark(rows)
    rows.pool.close()
    return database, plan_id


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_anywhere_it_is_ended_by_the_next(
    filled: tuple[Database, int], bucket: BucketLocation, postgres_server: str, tmp_path: Path
) -> None:
    database, plan_id = filled
    client = s3_client(bucket)
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket.bucket)["Contents"]]

    def undo() -> None:
        for key in keys:
            place = {"Bucket": bucket.bucket, "Key": key}
            client.copy_object(**place, CopySource=place, StorageClass="STANDARD")

    told = tmp_path / "told"
    with copy_of(postgres_server, database) as copied:
        count = moments(move, copied.url, bucket, told=told)
    for moment in range(1, count + 1):
        undo()
        with copy_of(postgres_server, database) as copied:
            assert killed_at(moment, move, copied.url, bucket, told=told)
            move(copied.url, bucket)
            with open_pool(copied.url, max_size=2) as pool:
                rows = RetentionRows(pool, ArtifactBucket(bucket))
                assert set(items(rows, plan_id).values()) == {"moved"}, moment
                assert set(written(rows).values()) == {"STANDARD_IA"}, moment
                assert set(classes(rows, bucket).values()) == {"STANDARD_IA"}, moment
    assert count > 10
