"""The contract on a bucket, and what only a bucket can be asked."""

import datetime as dt
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sweepworks import parts

from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.location import BucketLocation
from storage.artifacts.s3_client import s3_client
from sweeps.artifacts import InvalidArtifact
from sweeps.blobs import COLD_CLASSES, BlobMissing, NoStorageClass, StorageClass, StoreWithClasses
from sweeps.errors import ArtifactNotFound, DiskFull, StorageUnavailable
from tests.contracts.artifact_store_contract import (
    ArtifactStoreContract,
    a_blob,
    a_key,
    bring,
    deliver,
    deliver_all,
    missing_of,
    read,
)
from tests.plugins.s3 import PART_BYTES, S3Server


@pytest.fixture
def store(bucket: BucketLocation) -> ArtifactBucket:
    return ArtifactBucket(bucket)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(parts, "LEAST_BYTES", PART_BYTES)
    return bytes(range(250)) * (PART_BYTES // 111)  # three parts


class TestArtifactBucket(ArtifactStoreContract):
    """Every promise of the port."""

    part_bytes = PART_BYTES


def keys(location: BucketLocation) -> list[str]:
    found = s3_client(location).list_objects_v2(Bucket=location.bucket)
    return [one["Key"] for one in found.get("Contents", ())]


def uploads(location: BucketLocation) -> list[dict[str, Any]]:
    return s3_client(location).list_multipart_uploads(Bucket=location.bucket).get("Uploads", [])


def test_keys_are_below_the_prefix(store: ArtifactBucket, bucket: BucketLocation) -> None:
    sha256 = bring(store, b"x").sha256

    assert keys(bucket) == [f"runs/default/{sha256[:2]}/{sha256[2:4]}/{sha256}"]


def test_without_a_prefix_keys_begin_with_the_tenant(bucket: BucketLocation) -> None:
    bring(ArtifactBucket(replace(bucket, prefix="")), b"x")

    assert keys(bucket)[0].startswith("default/")


def test_a_signed_request_is_good_for_nothing_else(store: ArtifactBucket, large: bytes) -> None:
    for content in (b"small", large):
        request = missing_of(store, a_blob(content))[0].request
        assert request is not None
        headers, body = dict(request.headers), content[:PART_BYTES]

        statuses = [
            httpx.put(url, headers=given, content=body, trust_env=False).status_code
            for url, given in (
                (request.url, {}),
                (request.url.replace("/default/", "/other/"), headers),
                (request.url.replace("X-Amz-Expires=", "X-Amz-Expires=1"), headers),
                (request.url.replace("partNumber=1", "partNumber=2") + "&x=", headers),
            )
        ]

        assert statuses == [403] * 4


def test_links_expire(store: ArtifactBucket) -> None:
    blob = a_blob(b"late")
    now = dt.datetime.now(dt.UTC)
    missing = store.missing_parts(blob, limit=1, expires_at=now - dt.timedelta(hours=1))
    assert missing is not None
    request = missing[0].request
    assert request is not None

    assert "X-Amz-Expires=1&" in request.url


def test_a_download_is_saved_under_its_name(store: ArtifactBucket) -> None:
    key = bring(store, b"weights")
    expires_at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)

    url = store.download_url(key, name="models/best model.pt", expires_at=expires_at)

    assert url is not None
    answer = httpx.get(url, trust_env=False)
    assert answer.content == b"weights"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''best%20model.pt"


@pytest.mark.parametrize(
    ("setting", "algorithm"), [("AES256", "AES256"), ("aws:kms", "aws:kms"), (None, None)]
)
def test_objects_are_encrypted_as_it_is_set(
    bucket: BucketLocation, large: bytes, setting: str | None, algorithm: str | None
) -> None:
    store = ArtifactBucket(replace(bucket, encryption=setting))

    for content in (b"small", large):
        bring(store, content)

    client = s3_client(bucket)
    found = {
        client.head_object(Bucket=bucket.bucket, Key=key).get("ServerSideEncryption")
        for key in keys(bucket)
    }
    assert found == {algorithm}


def test_a_key_of_ones_own_is_named(bucket: BucketLocation) -> None:
    store = ArtifactBucket(replace(bucket, encryption="aws:kms:alias/ours"))

    request = missing_of(store, a_blob(b"x"))[0].request

    assert request is not None
    assert request.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert request.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/ours"


FAULTS = [
    (403, "AccessDenied", StorageUnavailable, "s3:PutObject"),
    (403, "InvalidAccessKeyId", StorageUnavailable, "forbidden"),
    (404, "NoSuchBucket", StorageUnavailable, "make it"),
    (503, "SlowDown", StorageUnavailable, "fewer requests"),
    (500, "InternalError", StorageUnavailable, "InternalError"),
    (507, "XMinioStorageFull", DiskFull, "make room"),
    (403, "RequestTimeTooSkewed", StorageUnavailable, "clock"),
]


@pytest.mark.parametrize(("status", "code", "kind", "word"), FAULTS)
def test_what_is_wrong_with_a_bucket_is_a_sentence(
    store: ArtifactBucket,
    large: bytes,
    s3_server: S3Server,
    status: int,
    code: str,
    kind: type[Exception],
    word: str,
) -> None:
    s3_server.fault("GET", "uploads", status=status, code=code, times=9)

    with pytest.raises(kind, match=word) as raised:
        missing_of(store, a_blob(large))

    assert "X-Amz" not in str(raised.value)
    s3_server.mend()
    assert read(store, bring(store, large)) == large


def test_a_bucket_that_does_not_exist_is_said_at_once(bucket: BucketLocation) -> None:
    store = ArtifactBucket(replace(bucket, bucket="there-is-none"))

    with pytest.raises(StorageUnavailable, match="does not exist"):
        missing_of(store, a_blob(b"x"))


def test_a_server_that_is_away_is_a_sentence(bucket: BucketLocation) -> None:
    store = ArtifactBucket(replace(bucket, endpoint="http://127.0.0.1:1"))

    with pytest.raises(StorageUnavailable, match="does not answer"):
        store.size_of(a_key(b"x"))


def test_without_credentials_it_says_what_to_set(
    bucket: BucketLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StorageUnavailable, match="AWS_ACCESS_KEY_ID"):
        ArtifactBucket(bucket).size_of(a_key(b"x"))


def test_one_busy_moment_is_waited_for(store: ArtifactBucket, s3_server: S3Server) -> None:
    s3_server.fault("HEAD", status=503, code="SlowDown")

    assert store.size_of(a_key(b"x")) is None


def test_an_end_whose_answer_is_lost_is_found_done(
    store: ArtifactBucket, large: bytes, s3_server: S3Server
) -> None:
    blob = a_blob(large)
    deliver_all(store, blob, large)
    s3_server.fault("POST", "uploadId", status=500, code="InternalError", after=True)

    store.finish(blob)

    assert read(store, blob.key) == large


def test_what_is_stored_is_not_written_over_by_what_is_said_to_be_the_same(
    store: ArtifactBucket, bucket: BucketLocation, large: bytes
) -> None:
    """Of what comes in parts the server compares no sha256."""
    key = bring(store, b"the true one")
    lie = replace(a_blob(large), key=key)

    with pytest.raises(InvalidArtifact, match="verify"):
        missing_of(store, lie)
    with pytest.raises(InvalidArtifact, match="verify"):
        store.finish(lie)

    assert read(store, key) == b"the true one"
    assert uploads(bucket) == []


def test_two_uploads_that_began_at_once_become_one(
    store: ArtifactBucket, bucket: BucketLocation, large: bytes
) -> None:
    blob = a_blob(large)
    first = missing_of(store, blob)[0]
    deliver(store, blob, first, large[:PART_BYTES])
    other = s3_client(bucket).create_multipart_upload(
        Bucket=bucket.bucket,
        Key=f"runs/default/{blob.key.sha256[:2]}/{blob.key.sha256[2:4]}/" + blob.key.sha256,
        ChecksumAlgorithm="CRC32",
    )

    assert len(uploads(bucket)) == 2
    for _ in range(2):
        for missing in missing_of(store, blob):
            part = missing.part
            deliver(store, blob, missing, large[part.offset :][: part.size_bytes])
    store.finish(blob)

    assert other["UploadId"]
    assert read(store, blob.key) == large


def test_sums_that_are_not_listed_are_told_at_the_end(
    store: ArtifactBucket, s3_server: S3Server, large: bytes
) -> None:
    blob = a_blob(large)
    deliver_all(store, blob, large)
    s3_server.hide_sums()

    store.finish(blob)

    assert read(store, blob.key) == large


def test_an_upload_that_was_aborted_meanwhile_begins_again(
    store: ArtifactBucket, bucket: BucketLocation, large: bytes
) -> None:
    blob = a_blob(large)
    deliver_all(store, blob, large)
    (upload,) = uploads(bucket)
    s3_client(bucket).abort_multipart_upload(
        Bucket=bucket.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
    )

    with pytest.raises(BlobMissing):
        store.finish(blob)

    assert read(store, bring(store, large)) == large


def test_uploads_of_others_in_the_bucket_are_left_alone(
    bucket: BucketLocation, large: bytes
) -> None:
    client, store = s3_client(bucket), ArtifactBucket(replace(bucket, prefix=""))
    client.create_multipart_upload(Bucket=bucket.bucket, Key="backups/monday.tar")
    missing_of(store, a_blob(large))

    assert store.abandon_unfinished(older_than=dt.timedelta(seconds=-5)) == 1

    assert [upload["Key"] for upload in uploads(bucket)] == ["backups/monday.tar"]


def class_of(location: BucketLocation, sha256: str) -> str:
    key = f"runs/default/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    head = s3_client(location).head_object(Bucket=location.bucket, Key=key)
    return head.get("StorageClass", "STANDARD")


@pytest.mark.parametrize("storage_class", COLD_CLASSES)
def test_a_blob_goes_to_a_class_in_place(
    store: ArtifactBucket, bucket: BucketLocation, storage_class: StorageClass
) -> None:
    key = bring(store, b"x" * 2000)

    store.move(key, storage_class)
    store.move(key, storage_class)  # as if whoever wrote it down had died

    assert class_of(bucket, key.sha256) == storage_class.upper()
    assert read(store, key) == b"x" * 2000
    assert isinstance(store, StoreWithClasses)


def test_a_large_blob_is_copied_in_parts(bucket: BucketLocation, large: bytes) -> None:
    store = ArtifactBucket(bucket, most_copied=PART_BYTES)
    key = bring(store, large)

    store.move(key, StorageClass.GLACIER_IR)

    assert class_of(bucket, key.sha256) == "GLACIER_IR"
    assert read(store, key) == large
    assert uploads(bucket) == []


def test_a_copy_in_parts_that_fails_leaves_the_blob_and_nothing_else(
    bucket: BucketLocation, s3_server: S3Server, large: bytes
) -> None:
    store = ArtifactBucket(bucket, most_copied=PART_BYTES)
    key = bring(store, large)
    s3_server.fault("PUT", "partNumber=2", status=403, code="AccessDenied")

    with pytest.raises(StorageUnavailable):
        store.move(key, StorageClass.GLACIER_IR)

    assert class_of(bucket, key.sha256) == "STANDARD"
    assert read(store, key) == large
    assert uploads(bucket) == []
    store.move(key, StorageClass.GLACIER_IR)
    assert class_of(bucket, key.sha256) == "GLACIER_IR"


def test_what_a_dead_copy_has_left_is_abandoned_and_hinders_no_upload(
    bucket: BucketLocation, large: bytes
) -> None:
    store = ArtifactBucket(bucket, most_copied=PART_BYTES)
    key = bring(store, large)
    place = {"Bucket": bucket.bucket, "Key": keys(bucket)[0]}
    s3_client(bucket).create_multipart_upload(**place, StorageClass="GLACIER_IR")

    again = bring(store, large)
    store.move(key, StorageClass.GLACIER_IR)
    abandoned = store.abandon_unfinished(older_than=dt.timedelta(0))

    assert again == key
    assert abandoned == 1
    assert read(store, key) == large


def test_a_server_without_the_class_says_so(
    store: ArtifactBucket, s3_server: S3Server, bucket: BucketLocation
) -> None:
    key = bring(store, b"x")
    s3_server.fault("PUT", "/runs/", status=400, code="InvalidStorageClass")

    with pytest.raises(NoStorageClass, match="has no storage class ONEZONE_IA"):
        store.move(key, StorageClass.ONEZONE_IA)

    assert class_of(bucket, key.sha256) == "STANDARD"


def test_what_is_not_there_goes_nowhere(store: ArtifactBucket) -> None:
    with pytest.raises(ArtifactNotFound):
        store.move(a_key(b"x"), StorageClass.STANDARD_IA)
