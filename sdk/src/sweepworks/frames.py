"""How batches lie in a file: each is a frame of length, CRC, sequence and bytes.

A frame that a crash cut short is none, nor is anything behind it.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEAD = struct.Struct("<IIQ")  # length, crc32, sequence


def frame(sequence: int, batch: bytes) -> bytes:
    """A batch as it is written."""
    return _HEAD.pack(len(batch), zlib.crc32(batch), sequence) + batch


def read_batches(path: Path, *, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole batch in a file, in order, or in its first `end` bytes."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size if end is None else end
        while file.tell() < end and len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, crc, sequence = _HEAD.unpack(head)
            batch = file.read(length)
            if len(batch) < length or zlib.crc32(batch) != crc:
                return
            yield sequence, batch
