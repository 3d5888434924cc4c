"""How a file is cut on its way into a store: by its size alone, so that nobody has to remember it."""

from dataclasses import dataclass

LEAST_BYTES = 64 * 2**20  #: of a part; smaller files are one part
MOST_PARTS = 5_000  # S3 takes 10,000; half of them keeps the lists short


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file."""

    number: int  #: from 1
    offset: int
    size: int


def part_bytes(size: int) -> int:
    """Bytes of each part but the last: 64 MiB, doubled until there are at most 5,000 parts."""
    length = LEAST_BYTES
    while size > length * MOST_PARTS:
        length *= 2
    return length


def count_parts(size: int) -> int:
    """How many parts there are; an empty file is one."""
    return max(1, -(-size // part_bytes(size)))


def part_of(size: int, number: int) -> Part:
    """The part of that number, from 1, of a file of `size` bytes.

    Raises:
        ValueError: There is none of that number.
    """
    if not 1 <= number <= count_parts(size):
        raise ValueError(f"{size} bytes have no part {number}")
    length = part_bytes(size)
    offset = (number - 1) * length
    return Part(number, offset, min(length, size - offset))
