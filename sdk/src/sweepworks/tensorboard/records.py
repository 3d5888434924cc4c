"""Records of an event file that grows (the format is TFRecord), each with where it ends.

Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details": length
(uint64), masked CRC32C of it (uint32), that many bytes, masked CRC32C of them. The first of the sums
tells whether this is a record at all; the second would take longer in Python than all else here.
"""

import os
import struct
from pathlib import Path

_HEAD = struct.Struct("<QI")
_FOOT_BYTES = 4
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected
_MOST_AT_ONCE = 10_000
_LARGEST = 1024 * 1024  # of what is read: larger ones are images


class Broken(Exception):
    """A file that is no event file, or is one no more."""


class Records:
    """Reads one file from its beginning, as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self.is_at_end = True  #: whether no whole record is there now

    def read(self) -> list[tuple[int, bytes]]:
        """Records that have come, ten thousand at most: where each ends, and its bytes.

        Those before one that is broken come first; an error costs none.

        Raises:
            Broken: What is next is no record.
            OSError: The file cannot be read.
        """
        found: list[tuple[int, bytes]] = []
        position = self._position
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.is_at_end = False
            while len(found) < _MOST_AT_ONCE:
                if size - position < _HEAD.size:
                    self.is_at_end = True
                    break
                file.seek(position)
                head = file.read(_HEAD.size)
                length, checksum = _HEAD.unpack(head)
                if masked_crc32c(head[:8]) != checksum:
                    if found:
                        break
                    raise Broken(f"{self._path.name} has no record at byte {position}")
                end = position + _HEAD.size + length + _FOOT_BYTES
                if end > size:  # not all of it is written yet
                    self.is_at_end = True
                    break
                found.append((end, file.read(length) if length <= _LARGEST else b""))
                position = end
        self._position = position
        return found


def masked_crc32c(content: bytes) -> int:
    """The checksum of a few bytes; there are eight of them a record."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    table: list[int] = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()
