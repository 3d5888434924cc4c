"""What every `ArtifactStore` promises. Subclass it and provide the fixture `store`."""

import hashlib

import pytest

from sweeps.artifacts import ArtifactStore, ArtifactTooLarge, BlobKey, InvalidArtifact
from sweeps.errors import ArtifactNotFound
from sweeps.ids import TenantId


def a_key(content: bytes, *, tenant: str = "default") -> BlobKey:
    return BlobKey(tenant_id=TenantId(tenant), sha256=hashlib.sha256(content).hexdigest())


def bring(store: ArtifactStore, content: bytes, *, tenant: str = "default") -> BlobKey:
    key = a_key(content, tenant=tenant)
    upload = store.receive(key, size_bytes=len(content))
    try:
        for start in range(0, len(content), 10):
            upload.write(content[start : start + 10])
        upload.finish()
    finally:
        upload.abort()
    return key


def read(store: ArtifactStore, key: BlobKey) -> bytes:
    with store.open(key) as file:
        return file.read()


class ArtifactStoreContract:
    """The promises, one test each."""

    def test_bytes_come_back(self, store: ArtifactStore) -> None:
        content = bytes(range(256)) * 40

        key = bring(store, content)

        assert store.size_of(key) == len(content)
        assert read(store, key) == content

    def test_an_empty_blob_is_a_blob(self, store: ArtifactStore) -> None:
        key = bring(store, b"")

        assert store.size_of(key) == 0
        assert read(store, key) == b""

    def test_bringing_it_twice_is_success(self, store: ArtifactStore) -> None:
        bring(store, b"twice")

        assert read(store, bring(store, b"twice")) == b"twice"

    def test_nothing_is_to_be_seen_before_the_end(self, store: ArtifactStore) -> None:
        key = a_key(b"half")
        upload = store.receive(key, size_bytes=4)
        upload.write(b"half")

        seen = store.size_of(key)
        upload.abort()

        assert seen is None
        assert store.size_of(key) is None

    def test_other_bytes_are_refused(self, store: ArtifactStore) -> None:
        key = a_key(b"good")
        upload = store.receive(key, size_bytes=4)
        upload.write(b"evil")

        with pytest.raises(InvalidArtifact):
            upload.finish()
        upload.abort()

        assert store.size_of(key) is None

    def test_fewer_bytes_are_refused(self, store: ArtifactStore) -> None:
        upload = store.receive(a_key(b"whole"), size_bytes=5)
        upload.write(b"who")

        with pytest.raises(InvalidArtifact):
            upload.finish()
        upload.abort()

        assert store.size_of(a_key(b"whole")) is None

    def test_more_bytes_are_refused_at_once(self, store: ArtifactStore) -> None:
        upload = store.receive(a_key(b"ab"), size_bytes=2)
        upload.write(b"ab")

        with pytest.raises(ArtifactTooLarge):
            upload.write(b"c")
        upload.abort()

    def test_tenants_have_stores_of_their_own(self, store: ArtifactStore) -> None:
        bring(store, b"mine", tenant="us")

        assert store.size_of(a_key(b"mine", tenant="them")) is None
        with pytest.raises(ArtifactNotFound):
            store.open(a_key(b"mine", tenant="them"))

    def test_any_name_of_a_tenant_will_do(self, store: ArtifactStore) -> None:
        names = ("../up", "/etc", "A Team", "ä" * 100, ".incoming", ".", "", "CON")

        keys = [bring(store, f"of {name}".encode(), tenant=name) for name in names]

        assert [read(store, key).decode() for key in keys] == [f"of {name}" for name in names]

    def test_deleting_twice_is_success(self, store: ArtifactStore) -> None:
        key = bring(store, b"gone")

        store.delete(key)
        store.delete(key)

        assert store.size_of(key) is None
