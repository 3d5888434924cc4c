"""How batches lie in a file: each is a frame of length, CRC, sequence and bytes.

A frame that a crash cut short is none, nor is anything behind it. Frames of sequence 0 are no
batches: they hold notes of the writer, JSON objects of which a later one adds to the earlier.
"""

import enum
import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

_HEAD = struct.Struct("<IIQ")  # length, crc32, sequence
_NOTE = 0
_BATCH_BEGINS = b"SWF1"


class Damage(enum.Enum):
    """What is wrong with the end of a file."""

    CUT = "cut"  #: its writer died while it wrote the last frame
    CORRUPT = "corrupt"  #: whole batches lie behind something that is none


def frame(sequence: int, batch: bytes) -> bytes:
    """A batch as it is written."""
    return _HEAD.pack(len(batch), zlib.crc32(batch), sequence) + batch


def note_frame(note: Mapping[str, object]) -> bytes:
    """A note as it is written."""
    return frame(_NOTE, json.dumps(note).encode())


def is_note(sequence: int) -> bool:
    """Whether a frame of that sequence is a note."""
    return sequence == _NOTE


def read_frames(path: Path, *, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole frame in a file, in order, or in its first `end` bytes."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size if end is None else end
        while file.tell() < end and (found := _next(file)) is not None:
            yield found


def read_batches(path: Path, *, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole batch in a file, in order, or in its first `end` bytes."""
    return (found for found in read_frames(path, end=end) if not is_note(found[0]))


def whole_bytes(path: Path, *, end: int | None = None) -> int:
    """How many bytes of a file, or of its first `end`, are whole frames that can be read."""
    return sum(_HEAD.size + len(content) for _, content in read_frames(path, end=end))


def read_note(path: Path) -> dict[str, Any]:
    """What the writer noted in the file; empty when it is nothing, or cannot be read."""
    note: dict[str, Any] = {}
    for sequence, content in read_frames(path):
        if is_note(sequence):
            try:
                document: Any = json.loads(content)
            except ValueError:
                continue
            note |= cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    return note


def damage(path: Path) -> Damage | None:
    """What is wrong with the end of a file; None when it consists of whole frames."""
    good = whole_bytes(path)
    if good == path.stat().st_size:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = good + _HEAD.size
        while (at := content.find(_BATCH_BEGINS, at + 1)) >= 0:
            file.seek(at - _HEAD.size)
            if _next(file) is not None:
                return Damage.CORRUPT
    return Damage.CUT


def _next(file: BinaryIO) -> tuple[int, bytes] | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, crc, sequence = _HEAD.unpack(head)
    content = file.read(length)
    # Nothing is as long as nothing, and its CRC is right: what a machine that lost its power leaves.
    if not length or len(content) < length or zlib.crc32(content) != crc:
        return None
    return sequence, content
