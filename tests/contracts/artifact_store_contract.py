"""What every `ArtifactStore` promises. Subclass it and provide the fixture `store`."""

import datetime as dt
import hashlib
import random
import threading
import zlib
from typing import cast

import httpx
import pytest
from sweepworks import parts

from sweeps.artifacts import InvalidArtifact
from sweeps.blobs import ArtifactStore, Blob, BlobIntake, BlobKey, BlobMissing, MissingPart
from sweeps.errors import ArtifactNotFound
from sweeps.ids import TenantId


def a_key(content: bytes, *, tenant: str = "default") -> BlobKey:
    return BlobKey(tenant_id=TenantId(tenant), sha256=hashlib.sha256(content).hexdigest())


def a_blob(content: bytes, *, tenant: str = "default") -> Blob:
    size, length = len(content), parts.part_bytes(len(content))
    sums = tuple(zlib.crc32(content[at : at + length]) for at in range(0, size, length))
    return Blob(
        key=a_key(content, tenant=tenant),
        size_bytes=size,
        crc32=sums if parts.count_parts(size) > 1 else (),
    )


def _expires_at() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)


def missing_of(store: ArtifactStore, blob: Blob, *, limit: int = 100) -> tuple[MissingPart, ...]:
    missing = store.missing_parts(blob, limit=limit, expires_at=_expires_at())
    assert missing is not None, "the blob is there"
    return missing


def deliver(store: ArtifactStore, blob: Blob, missing: MissingPart, body: bytes) -> bool:
    """Send a part as a client does; whether it was taken."""
    request = missing.request
    if request is not None:
        answer = httpx.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=body,
            timeout=30,
            trust_env=False,
        )
        return answer.is_success
    upload = cast("BlobIntake", store).receive(blob.key, missing.part)
    try:
        for start in range(0, len(body), 1000):
            upload.write(body[start : start + 1000])
        upload.finish()
    except InvalidArtifact:
        return False
    finally:
        upload.abort()
    return True


def deliver_all(store: ArtifactStore, blob: Blob, content: bytes) -> None:
    for missing in missing_of(store, blob):
        _deliver_from(store, blob, missing, content)


def _deliver_from(store: ArtifactStore, blob: Blob, missing: MissingPart, content: bytes) -> None:
    part = missing.part
    assert deliver(store, blob, missing, content[part.offset : part.offset + part.size_bytes])


def bring(store: ArtifactStore, content: bytes, *, tenant: str = "default") -> BlobKey:
    blob = a_blob(content, tenant=tenant)
    # None when it is there: of several writers another one may have been faster.
    for missing in store.missing_parts(blob, limit=100, expires_at=_expires_at()) or ():
        _deliver_from(store, blob, missing, content)
    store.finish(blob)
    return blob.key


def read(store: ArtifactStore, key: BlobKey) -> bytes:
    with store.open(key) as file:
        return file.read()


class ArtifactStoreContract:
    """The promises, one test each."""

    part_bytes = 1000  # the least a store takes for a part that is not the last

    @pytest.fixture(autouse=True)
    def _small_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "LEAST_BYTES", self.part_bytes)

    @pytest.fixture
    def large(self) -> bytes:
        """Three parts, the last one short."""
        return random.Random(7).randbytes(2 * self.part_bytes + 10)

    def test_bytes_come_back(self, store: ArtifactStore) -> None:
        content = bytes(range(250)) * 4

        key = bring(store, content)

        assert store.size_of(key) == len(content)
        assert read(store, key) == content

    def test_a_blob_is_brought_from_this_process(self, store: ArtifactStore) -> None:
        key = a_key(b"our own")

        store.put(key, b"our own")
        store.put(key, b"our own")

        assert read(store, key) == b"our own"

    def test_an_empty_blob_is_a_blob(self, store: ArtifactStore) -> None:
        key = bring(store, b"")

        assert store.size_of(key) == 0
        assert read(store, key) == b""

    def test_bringing_it_twice_is_success(self, store: ArtifactStore) -> None:
        blob = a_blob(b"twice")
        (missing,) = missing_of(store, blob)

        assert deliver(store, blob, missing, b"twice")
        assert deliver(store, blob, missing, b"twice")
        store.finish(blob)
        store.finish(blob)

        assert read(store, blob.key) == b"twice"

    def test_of_what_is_there_nothing_is_missing(self, store: ArtifactStore, large: bytes) -> None:
        for content in (b"small", large):
            bring(store, content)
            now = dt.datetime.now(dt.UTC)

            assert store.missing_parts(a_blob(content), limit=9, expires_at=now) is None

    def test_other_bytes_are_refused(self, store: ArtifactStore) -> None:
        blob = a_blob(b"good")
        (missing,) = missing_of(store, blob)

        assert not deliver(store, blob, missing, b"evil")

        assert store.size_of(blob.key) is None
        with pytest.raises(BlobMissing):
            store.finish(blob)

    def test_fewer_bytes_are_refused(self, store: ArtifactStore) -> None:
        blob = a_blob(b"whole")
        (missing,) = missing_of(store, blob)

        assert not deliver(store, blob, missing, b"who")

        assert store.size_of(blob.key) is None

    def test_more_bytes_are_refused(self, store: ArtifactStore) -> None:
        blob = a_blob(b"ab")
        (missing,) = missing_of(store, blob)

        assert not deliver(store, blob, missing, b"abc")

        assert store.size_of(blob.key) is None

    def test_parts_become_one_blob(self, store: ArtifactStore, large: bytes) -> None:
        key = bring(store, large)

        assert store.size_of(key) == len(large)
        assert read(store, key) == large

    def test_parts_come_in_any_order_and_a_few_are_asked_for_at_a_time(
        self, store: ArtifactStore, large: bytes
    ) -> None:
        blob = a_blob(large)
        first = missing_of(store, blob, limit=2)
        last = missing_of(store, blob)[2]

        for missing in (last, *reversed(first)):
            part = missing.part
            assert deliver(store, blob, missing, large[part.offset :][: part.size_bytes])
        store.finish(blob)

        assert [one.part.number for one in first] == [1, 2]
        assert read(store, blob.key) == large

    def test_what_has_arrived_is_not_missing_any_more(
        self, store: ArtifactStore, large: bytes
    ) -> None:
        blob = a_blob(large)
        second = missing_of(store, blob)[1]

        deliver(store, blob, second, large[second.part.offset :][: second.part.size_bytes])

        assert [one.part.number for one in missing_of(store, blob)] == [1, 3]

    def test_a_part_of_other_bytes_is_refused_and_stays_missing(
        self, store: ArtifactStore, large: bytes
    ) -> None:
        blob = a_blob(large)
        first = missing_of(store, blob)[0]

        assert not deliver(store, blob, first, bytes(self.part_bytes))
        assert not deliver(store, blob, first, large[: self.part_bytes - 1])

        assert [one.part.number for one in missing_of(store, blob)] == [1, 2, 3]

    def test_nothing_is_to_be_seen_before_the_end(self, store: ArtifactStore, large: bytes) -> None:
        blob = a_blob(large)
        deliver_all(store, blob, large)

        assert missing_of(store, blob) == ()
        assert store.size_of(blob.key) is None
        with pytest.raises(ArtifactNotFound):
            store.open(blob.key)

    def test_without_all_parts_there_is_no_end(self, store: ArtifactStore, large: bytes) -> None:
        blob = a_blob(large)
        first = missing_of(store, blob)[0]
        deliver(store, blob, first, large[: self.part_bytes])

        with pytest.raises(BlobMissing):
            store.finish(blob)

        assert store.size_of(blob.key) is None
        assert [one.part.number for one in missing_of(store, blob)] == [2, 3]

    def test_nothing_comes_of_nothing(self, store: ArtifactStore, large: bytes) -> None:
        for content in (b"small", large):
            with pytest.raises(BlobMissing):
                store.finish(a_blob(content))

    def test_two_bring_the_same_at_once(self, store: ArtifactStore, large: bytes) -> None:
        blob, failures = a_blob(large), list[BaseException]()

        def writer() -> None:
            try:
                for missing in missing_of(store, blob):
                    part = missing.part
                    deliver(store, blob, missing, large[part.offset :][: part.size_bytes])
            except AssertionError:
                pass  # the other one has finished
            except BaseException as exc:  # noqa: BLE001 - shown below
                failures.append(exc)

        threads = [threading.Thread(target=writer) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.finish(blob)
        store.finish(blob)

        assert failures == []
        assert read(store, blob.key) == large

    def test_each_blob_has_an_address_that_names_it(self, store: ArtifactStore) -> None:
        keys = [a_key(b"a"), a_key(b"b"), a_key(b"a", tenant="vision"), a_key(b"a", tenant="(us)")]

        addresses = [store.address(key) for key in keys]

        assert len(set(addresses)) == len(keys)
        assert all(key.sha256 in one for key, one in zip(keys, addresses, strict=True))

    def test_tenants_have_stores_of_their_own(self, store: ArtifactStore) -> None:
        bring(store, b"mine", tenant="us")

        assert store.size_of(a_key(b"mine", tenant="them")) is None
        with pytest.raises(ArtifactNotFound):
            store.open(a_key(b"mine", tenant="them"))

    def test_any_name_of_a_tenant_will_do(self, store: ArtifactStore) -> None:
        names = ("../up", "/etc", "A Team", "ä" * 100, ".incoming", ".", "", "CON")

        keys = [bring(store, f"of {name}".encode(), tenant=name) for name in names]

        assert [read(store, key).decode() for key in keys] == [f"of {name}" for name in names]

    def test_deleting_twice_is_success(self, store: ArtifactStore, large: bytes) -> None:
        for content in (b"gone", large):
            key = bring(store, content)

            store.delete(key)
            store.delete(key)

            assert store.size_of(key) is None

    def test_what_is_deleted_can_be_brought_again(self, store: ArtifactStore, large: bytes) -> None:
        store.delete(bring(store, large))

        assert read(store, bring(store, large)) == large

    def test_what_nobody_goes_on_with_is_forgotten(
        self, store: ArtifactStore, large: bytes
    ) -> None:
        blob = a_blob(large)
        first = missing_of(store, blob)[0]
        deliver(store, blob, first, large[: self.part_bytes])

        kept = store.abandon_unfinished(older_than=dt.timedelta(hours=1))
        abandoned = store.abandon_unfinished(older_than=dt.timedelta(seconds=-5))

        assert (kept, abandoned) == (0, 1)
        assert [one.part.number for one in missing_of(store, blob)] == [1, 2, 3]

    def test_it_says_of_which_installation_it_is(self, store: ArtifactStore) -> None:
        before = store.owner()

        store.set_owner("first")
        store.set_owner("second")

        assert (before, store.owner()) == (None, "second")
        assert list(store.stored(before=dt.datetime.now(dt.UTC) + dt.timedelta(days=1))) == []
