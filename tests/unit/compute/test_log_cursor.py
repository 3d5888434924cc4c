"""A log told second by second is the same log."""

from hypothesis import given
from hypothesis import strategies as st

from compute.kubernetes.log_cursor import LogCursor


def stamp(at: int) -> bytes:
    """Quarter seconds, so that many lines have the same time and many the same second."""
    return b"2026-01-01T00:%02d:%02d.%09dZ" % (at // 240, at // 4 % 60, at % 4 * 250_000_000)


def at_of(stamped: list[tuple[bytes, bytes]]) -> int:
    """The quarter of the last line."""
    if not stamped:
        return 0
    time = stamped[-1][0]
    return int(time[14:16]) * 240 + int(time[17:19]) * 4 + int(time[20:29]) // 250_000_000


@given(
    lines=st.lists(st.tuples(st.integers(0, 1), st.text("ab \r", max_size=4)), max_size=40),
    looks=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 200)), max_size=30),
    ends_whole=st.booleans(),
)
def test_every_byte_is_told_once_and_in_order(
    lines: list[tuple[int, str]], looks: list[tuple[int, int]], ends_whole: bool
) -> None:
    at, stamped = 0, list[tuple[bytes, bytes]]()
    for after, text in lines:
        at += after
        stamped.append((stamp(at), text.encode() + b"\n"))
    if stamped and not ends_whole:
        stamped[-1] = (stamped[-1][0], stamped[-1][1][:-1])
    cursor, taken = LogCursor(), b""

    for n_printed, limit in (*sorted(looks), (len(stamped), 10_000)):
        since = cursor.since
        told = b"".join(
            time + b" " + text
            for time, text in stamped[:n_printed]
            if since is None or time[:19] >= since[:19].encode()
        )
        now = at_of(stamped[:n_printed]) / 4  # of the last line, or later
        if not cursor.tell(told[:limit], at=now) and len(told) < limit:
            cursor.settle(at=now)
        taken += cursor.take(10_000)

    assert taken == b"".join(text for _, text in stamped)
    assert cursor.offset == len(taken)


def test_what_is_asked_for_next_is_the_second_of_the_last_line() -> None:
    cursor = LogCursor()

    cursor.tell(b"2026-01-01T10:00:07.123456789+02:00 hello\n", at=0)

    assert cursor.since == "2026-01-01T10:00:07+02:00"


def test_a_second_that_is_long_over_is_not_told_again() -> None:
    cursor = LogCursor()
    cursor.tell(b"2026-01-01T10:00:59.123456789Z hello\n", at=0)

    cursor.settle(at=1)
    assert cursor.since == "2026-01-01T10:00:59+00:00"
    cursor.settle(at=2)

    assert cursor.since == "2026-01-01T10:01:00+00:00"


def test_the_second_of_a_line_that_goes_on_is_told_again() -> None:
    cursor = LogCursor()
    cursor.tell(b"2026-01-01T10:00:59.123456789Z hel", at=0)
    cursor.settle(at=10)

    cursor.tell(b"2026-01-01T10:00:59.123456789Z hello\n", at=11)

    assert cursor.take(99) == b"hello\n"
