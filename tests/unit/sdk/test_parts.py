"""How files are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweepworks.parts import MOST_PARTS, count_parts, part_bytes, part_of

LARGEST = 5 * 2**40
SIZES = st.integers(0, LARGEST) | st.integers(0, 2000).map(lambda n: n * 64 * 2**20)


@given(SIZES)
def test_parts_are_few_and_of_a_size_that_s3_takes(size: int) -> None:
    assert 1 <= count_parts(size) <= MOST_PARTS
    assert 64 * 2**20 <= part_bytes(size) <= 5 * 2**30


@given(SIZES, st.data())
def test_each_part_begins_where_the_last_one_ended(size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, count_parts(size)))
    part = part_of(size, number)
    ends_at = part.offset + part.size

    assert part.offset == (0 if number == 1 else _end(size, number - 1))
    assert ends_at == size if number == count_parts(size) else part.size == part_bytes(size)


def _end(size: int, number: int) -> int:
    part = part_of(size, number)
    return part.offset + part.size


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 1), (2**26, 1), (2**26 + 1, 2)])
def test_small_files_are_one_part(size: int, count: int) -> None:
    assert count_parts(size) == count


@pytest.mark.parametrize("number", [0, -1, 3])
def test_there_are_no_others(number: int) -> None:
    with pytest.raises(ValueError, match="no part"):
        part_of(2**26 + 1, number)
