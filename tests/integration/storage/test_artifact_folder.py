"""The contract on a folder, and what only a folder can be asked."""

import contextlib
import datetime as dt
import errno
import multiprocessing
import os
import stat
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweepworks import parts
from sweepworks.file_lock import take_lock

from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.folder_upload import FolderUpload
from sweeps.artifacts import InvalidArtifact
from sweeps.blobs import BlobFinishing, BlobMissing, MissingPart, blob_part
from sweeps.errors import DiskFull, StorageUnavailable
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


class TestArtifactFolder(ArtifactStoreContract):
    """Every promise of the port."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ArtifactFolder:
        return ArtifactFolder(tmp_path / "artifacts")


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    bring(ArtifactFolder(tmp_path / "artifacts"), b"private")

    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "artifacts").rglob("*")
        if path.is_file()
    }
    assert modes == {0o600}


def test_everything_stays_below_the_folder(tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path / "deep" / "artifacts")

    for tenant in ("../../up", "/abs", "..", "a/../../b"):
        bring(store, b"x", tenant=tenant)

    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["artifacts"]


class FullFile:
    """A file on a disk that has no space left."""

    def write(self, _: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        pass


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path)
    upload = store.receive(a_key(b"much"), blob_part(4, 1, crc32=None))
    assert isinstance(upload, FolderUpload)
    upload._file.close()
    upload._file = FullFile()  # pyright: ignore[reportAttributeAccessIssue]  as much of a file as it needs

    with pytest.raises(DiskFull) as refused:
        upload.write(b"much")
    upload.abort()

    assert "no space left" in str(refused.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_dead_gateway_left_is_forgotten_after_a_day(tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path)
    for content in (b"old", b"new"):
        upload = store.receive(a_key(content), blob_part(3, 1, crc32=None))
        assert isinstance(upload, FolderUpload)
        upload._file.close()  # as the end of a process would
    for path in (tmp_path / ".incoming").iterdir():
        if path.name.startswith(a_key(b"old").sha256):
            long_ago = time.time() - 90_000
            os.utime(path, (long_ago, long_ago))

    store.abandon_unfinished(older_than=dt.timedelta(days=1))

    (left,) = (tmp_path / ".incoming").iterdir()
    assert left.name.startswith(a_key(b"new").sha256)


def test_a_place_that_cannot_be_written_is_a_sentence() -> None:
    with pytest.raises(StorageUnavailable, match="/proc/nowhere"):
        ArtifactFolder(Path("/proc/nowhere/artifacts"))


# A blob in parts


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 1000)


LARGE = bytes(range(256)) * 11  # three parts


def deliver_part(store: ArtifactFolder, number: int, body: bytes | None = None) -> bool:
    blob = a_blob(LARGE)
    part = blob.parts[number - 1]
    right = LARGE[part.offset :][: part.size_bytes]
    missing = MissingPart(part=part, request=None)
    return deliver(store, blob, missing, right if body is None else body)


def missing_numbers(store: ArtifactFolder) -> list[int]:
    return [missing.part.number for missing in missing_of(store, a_blob(LARGE))]


def incoming_file(folder: Path, name: str) -> Path:
    (found,) = (folder / ".incoming").glob(f"*.parts/{name}")
    return found


@pytest.mark.usefixtures("small_parts")
def test_a_part_that_the_disk_has_lost_is_asked_for_again(tmp_path: Path) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)
    deliver_all(store, blob, LARGE)
    with incoming_file(tmp_path, "data").open("r+b") as file:
        file.seek(1500)
        file.write(b"rot")

    with pytest.raises(BlobMissing):
        store.finish(blob)
    lost = missing_numbers(store)
    deliver_part(store, 2)
    store.finish(blob)

    assert lost == [2]
    assert read(store, blob.key) == LARGE


@pytest.mark.usefixtures("small_parts")
def test_parts_that_make_another_whole_than_was_announced_are_forgotten(tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path)
    lie = replace(a_blob(LARGE), key=a_key(b"another"))
    deliver_all(store, lie, LARGE)

    with pytest.raises(InvalidArtifact):
        store.finish(lie)

    assert store.size_of(lie.key) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("small_parts")
def test_who_finishes_waits_for_parts_on_their_way(tmp_path: Path) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)
    deliver_all(store, blob, LARGE)
    twice = store.receive(blob.key, blob.parts[0])

    with pytest.raises(BlobFinishing):
        store.finish(blob)
    twice.abort()
    store.finish(blob)

    assert read(store, blob.key) == LARGE


@pytest.mark.usefixtures("small_parts")
def test_nobody_writes_into_what_is_being_verified(tmp_path: Path) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)
    deliver_all(store, blob, LARGE)
    alone = take_lock(incoming_file(tmp_path, "lock"))
    assert alone is not None

    with pytest.raises(StorageUnavailable):
        store.receive(blob.key, blob.parts[0])
    os.close(alone)


@pytest.mark.usefixtures("small_parts")
def test_what_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)
    deliver_part(store, 1)

    is_taken = deliver_part(store, 1, bytes(1000))

    assert not is_taken
    assert missing_numbers(store) == [2, 3]
    deliver_all(store, blob, LARGE)
    store.finish(blob)
    assert read(store, blob.key) == LARGE


def _begin_and_die(folder: Path, offset: int) -> None:
    blob = a_blob(LARGE)
    upload = ArtifactFolder(folder).receive(blob.key, blob.parts[1])
    upload.write(bytes(offset))
    os._exit(0)


@pytest.mark.usefixtures("small_parts")
def test_a_part_whose_process_died_is_missing_and_holds_nobody_up(tmp_path: Path) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)
    deliver_part(store, 1)
    process = multiprocessing.get_context("fork").Process(
        target=_begin_and_die, args=(tmp_path, 500)
    )
    process.start()
    process.join(20)

    lost = missing_numbers(store)
    deliver_all(store, blob, LARGE)
    store.finish(blob)

    assert lost == [2, 3]
    assert read(store, blob.key) == LARGE


@pytest.mark.usefixtures("small_parts")
def test_a_blob_that_was_cut_short_is_brought_anew(tmp_path: Path) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)
    deliver_all(store, blob, LARGE)
    store.finish(blob)
    (stored,) = (path for path in tmp_path.rglob(blob.key.sha256) if path.is_file())
    stored.write_bytes(LARGE[:1500])

    deliver_all(store, blob, LARGE)
    lost = missing_numbers(store)
    store.finish(blob)

    assert lost == []
    assert read(store, blob.key) == LARGE


@pytest.mark.usefixtures("small_parts")
def test_a_full_disk_leaves_the_part_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, blob = ArtifactFolder(tmp_path), a_blob(LARGE)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(DiskFull):
            deliver_part(store, 1)

    assert missing_numbers(store) == [1, 2, 3]
    deliver_all(store, blob, LARGE)
    store.finish(blob)


@pytest.mark.usefixtures("small_parts")
def test_parts_are_their_owners_to_read(tmp_path: Path) -> None:
    deliver_part(ArtifactFolder(tmp_path / "a"), 1)

    found = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}


STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["right", "wrong", "cut", "finish", "abandon"])),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_happens_the_blob_is_whole_or_not_there(steps: list[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "LEAST_BYTES", 1000)
        store, blob = ArtifactFolder(Path(folder)), a_blob(LARGE)
        for number, what in steps:
            if what == "finish":
                with contextlib.suppress(BlobMissing):
                    store.finish(blob)
            elif what == "abandon":
                store.abandon_unfinished(older_than=dt.timedelta(seconds=-5))
            else:
                body = {"right": None, "wrong": bytes(1000), "cut": LARGE[:10]}[what]
                deliver_part(store, number, body)
            assert store.size_of(blob.key) in {None, len(LARGE)}

        bring(store, LARGE)

        assert read(store, blob.key) == LARGE
