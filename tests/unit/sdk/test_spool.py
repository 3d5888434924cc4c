"""Batches on disk: whole or not there."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from sweepworks.spool import Spool, read_spool


class HalfFullDisk:
    """Writes at most `room` bytes in all, a few at a time, then says that the disk is full."""

    def __init__(self, file: Any, room: int) -> None:
        self._file = file
        self.room = room

    def write(self, data: bytes | memoryview) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._file.write(bytes(data[: min(5, self.room)]))
        self.room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_batch_that_is_written_in_pieces_is_whole(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    vars(spool)["_file"] = HalfFullDisk(spool._file, 10_000)

    spool.append(1, b"first batch", durable=True)
    spool.append(2, b"second", durable=False)

    assert list(read_spool(spool.path)) == [(1, b"first batch"), (2, b"second")]
    spool.close()


def test_a_batch_that_does_not_fit_leaves_no_half_behind(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    spool.append(1, b"first", durable=True)
    disk = HalfFullDisk(spool._file, 12)
    vars(spool)["_file"] = disk

    with pytest.raises(OSError, match="No space left"):
        spool.append(2, b"second", durable=True)
    disk.room = 1000
    spool.append(3, b"third", durable=True)

    assert list(read_spool(spool.path)) == [(1, b"first"), (3, b"third")]
    assert spool.size_bytes == spool.path.stat().st_size
    spool.close()
