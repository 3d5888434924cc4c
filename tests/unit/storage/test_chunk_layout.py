"""How many chunks points ask for: hours around now, days of the past, and none twice."""

import numpy as np
import pytest

from storage.points.chunk_layout import ChunkLayout
from storage.points.points import Int64s

HOUR, DAY = 36_000, 864_000
NOW = 20_000 * DAY


def a_layout(*chunks: tuple[int, int], is_hypertable: bool = False) -> ChunkLayout:
    return ChunkLayout(
        hot_since=NOW - 2 * HOUR,
        days_since=NOW - 400 * DAY,
        until=NOW + 2 * DAY,
        is_hypertable=is_hypertable,
        lows=np.array([low for low, _ in chunks], dtype=np.int64),
        highs=np.array([high for _, high in chunks], dtype=np.int64),
    )


def hours(first: int, last: int) -> Int64s:
    return np.arange(first, last, HOUR, dtype=np.int64)


def test_the_past_asks_for_days_and_the_present_for_hours() -> None:
    missing = a_layout().missing(hours(NOW - 3 * DAY, NOW + 2 * HOUR))

    assert list(missing) == [
        NOW - 3 * DAY,
        NOW - 2 * DAY,
        NOW - DAY,
        *hours(NOW - 2 * HOUR, NOW + 2 * HOUR),
    ]


def test_a_day_with_chunks_in_it_asks_for_what_is_between_them() -> None:
    day = NOW - 10 * DAY
    layout = a_layout((day + 3 * HOUR, day + 4 * HOUR), (day + 20 * HOUR, day + DAY))

    assert list(layout.missing(hours(day, day + DAY))) == [day, day + 4 * HOUR]


@pytest.mark.parametrize(("is_hypertable", "chunks"), [(False, 0), (True, 48)])
def test_times_far_off_ask_for_chunks_only_where_they_get_some(
    is_hypertable: bool, chunks: int
) -> None:
    far = np.concatenate([hours(-500 * DAY, -499 * DAY), hours(NOW + 900 * DAY, NOW + 901 * DAY)])

    assert len(a_layout(is_hypertable=is_hypertable).missing(far)) == chunks
