"""The contract on a folder, and what only a folder can be asked."""

import datetime as dt
import errno
import os
import stat
import time
from pathlib import Path

import pytest

from storage.artifact_folder import ArtifactFolder
from storage.folder_upload import FolderUpload
from sweeps.blobs import blob_part
from sweeps.errors import DiskFull, StorageUnavailable
from tests.contracts.artifact_store_contract import ArtifactStoreContract, a_key, bring


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
