import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweepworks.values import WireError
from sweepworks.wire import (
    Flush,
    ReportRecord,
    decode_flush,
    decode_json_flush,
    encode_flush,
)

KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
FLOATS = st.floats(width=64)
INT64 = st.integers(-(2**63), 2**63 - 1)
SERIES = st.dictionaries(KEYS, st.lists(st.tuples(INT64, INT64, FLOATS), max_size=5), max_size=4)


def make(
    series: dict[str, list[tuple[int, int, float]]],
    system: dict[str, list[tuple[int, int, float]]] | None = None,
) -> Flush:
    system = system or {}
    points = [point for rows in (*series.values(), *system.values()) for point in rows]
    n = len(points)
    return Flush(
        writer="w-1",
        sequence=3,
        run="demo-00001",
        attempt=None,
        series={key: len(rows) for key, rows in series.items()},
        system={key: len(rows) for key, rows in system.items()},
        steps=struct.pack(f"<{n}q", *(p[0] for p in points)),
        times=struct.pack(f"<{n}q", *(p[1] for p in points)),
        values=struct.pack(f"<{n}d", *(p[2] for p in points)),
        reports=[
            ReportRecord(level=2, values={"a": math.nan, "b": -math.inf, "c": 1.5}, time_us=9)
        ],
        params={"x": True, "y": "ü"},
        tags={"t": "u"},
        beat=True,
        finish="failed",
        message="boom",
    )


SMALL = encode_flush(
    make({"loss": [(1, 2, 0.5)], "ä": [(1, 2, math.nan)]}, {"loss": [(1, 2, 0.5)]})
)


@given(SERIES, SERIES)
def test_what_is_encoded_is_decoded(
    series: dict[str, list[tuple[int, int, float]]],
    system: dict[str, list[tuple[int, int, float]]],
) -> None:
    flush = make(series, system)

    back = decode_flush(encode_flush(flush))

    assert list(back.series.items()) == list(flush.series.items())
    assert list(back.system.items()) == list(flush.system.items())
    assert (bytes(back.steps), bytes(back.times)) == (flush.steps, flush.times)
    assert bytes(back.values) == flush.values
    assert repr(back.reports) == repr(flush.reports)
    assert (back.params, back.tags, back.finish, back.message, back.beat) == (
        flush.params, flush.tags, "failed", "boom", True,
    )  # fmt: skip


@pytest.mark.parametrize("length", range(len(SMALL)))
def test_a_flush_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(WireError):
        decode_flush(SMALL[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    for text in (body, SMALL[:8] + body, b"SWF1" + struct.pack("<I", len(body)) + body):
        with pytest.raises(WireError):
            decode_flush(text)
    with pytest.raises(WireError):
        decode_json_flush(body)


@pytest.mark.parametrize(
    "header",
    [
        '{"writer": "", "sequence": 1, "run": "r"}',
        '{"writer": "w", "sequence": 0, "run": "r"}',
        '{"writer": "w", "sequence": true, "run": "r"}',
        '{"writer": "w", "sequence": 9223372036854775808, "run": "r"}',
        '{"writer": "w", "sequence": 1, "run": 3}',
        '{"writer": "w", "sequence": 1, "run": "r", "series": {"a": -1}}',
        '{"writer": "w", "sequence": 1, "run": "r", "series": [["a", 0]]}',
        '{"writer": "w", "sequence": 1, "run": "r", "series": {"": 0}}',
        '{"writer": "w", "sequence": 1, "run": "r", "series": {"\\n": 0}}',
        '{"writer": "w", "sequence": 1, "run": "r", "series": {"\\ud800": 0}}',
        '{"writer": "w", "sequence": 1, "run": "r", "system": {"a": -1}}',
        '{"writer": "w", "sequence": 1, "run": "r", "system": {"": 0}}',
        '{"writer": "w", "sequence": 1, "run": "r", "system": ["a"]}',
        '{"writer": "w", "sequence": 1, "run": "r", "reports": [{"level": -1, "time": 1}]}',
        '{"writer": "w", "sequence": 1, "run": "r", "finish": "maybe"}',
        '{"writer": "w", "sequence": 1, "run": "r", "params": {"a": [1]}}',
        '{"writer": "w", "sequence": 1, "run": "r", "tags": 3}',
        '{"writer": "w", "sequence": 1, "run": "r", "finish": ["failed"]}',
        (
            '{"writer": "w", "sequence": 1, "run": "r", "reports": '
            '[{"level": 1, "time": 1, "values": {"a": [1]}}]}'
        ),
        '{"writer": "w", "sequence": 1, "run": "r", "reports": '
        '[{"level": 1, "time": 1, "values": {"a": 1' + 400 * "0" + "}}]}",
        '{"writer": "w", "sequence": ' + 5000 * "1" + ', "run": "r"}',
        "[]",
    ],
)
def test_a_header_that_makes_no_sense_is_refused(header: str) -> None:
    with pytest.raises(WireError):
        decode_flush(b"SWF1" + struct.pack("<I", len(header)) + header.encode())


def test_the_json_form_says_the_same() -> None:
    flush = decode_json_flush(
        b'{"writer": "w", "sequence": 1, "run": "r", "series": {"a": [[1, 2, 0.5], [2, 3, "nan"]]}}'
    )

    assert flush.series == {"a": 2}
    assert bytes(flush.steps) == struct.pack("<2q", 1, 2)
    assert math.isnan(struct.unpack("<2d", flush.values)[1])


def test_what_is_measured_comes_behind_what_is_logged_in_the_json_form_too() -> None:
    flush = decode_json_flush(
        b'{"writer": "w", "sequence": 1, "run": "r", "system": {"a": [[1, 2, 7.0]]},'
        b' "series": {"a": [[3, 4, 0.5]]}}'
    )

    assert (flush.series, flush.system) == ({"a": 1}, {"a": 1})
    assert struct.unpack("<2d", flush.values) == (0.5, 7.0)


def test_a_key_of_a_megabyte_is_refused() -> None:
    key = "k" * 1_000_000
    with pytest.raises(WireError):
        decode_flush(encode_flush(make({key: []})))
