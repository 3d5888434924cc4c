"""Both ends of a log."""

import re

from hypothesis import given
from hypothesis import strategies as st

from compute.kubernetes.clipped_log import ClippedLog

PIECES = st.lists(st.text("ab\n", max_size=30).map(str.encode), max_size=20)
_MARK = re.compile(rb"\n?\[\.\.\. (\d+) bytes are missing here \.\.\.\]\n")


@given(pieces=PIECES, head=st.integers(0, 40), tail=st.integers(1, 40))
def test_what_is_kept_are_both_ends_and_nothing_is_lost_untold(
    pieces: list[bytes], head: int, tail: int
) -> None:
    whole = b"".join(pieces)
    log = ClippedLog(head_bytes=head, tail_bytes=tail)

    for piece in pieces:
        log.write(piece)

    content = log.content()
    if len(whole) <= head + tail:
        assert content == whole
        return
    mark = _MARK.search(content)
    assert mark is not None
    begin, end = content[: mark.start()], content[mark.end() :]
    # The line break before the mark may be the log's own.
    assert whole.startswith(begin)
    assert whole.endswith(end)
    n_missing = int(mark[1])
    assert len(begin) + n_missing + len(end) in {len(whole), len(whole) - 1}
    assert len(begin) <= head
    assert len(end) <= tail


def test_lines_are_kept_whole() -> None:
    log = ClippedLog(head_bytes=10, tail_bytes=10)

    log.write(b"".join(b"line %d\n" % number for number in range(10)))

    assert log.content() == b"line 0\n[... 56 bytes are missing here ...]\nline 9\n"


def test_memory_is_bounded() -> None:
    log = ClippedLog(head_bytes=100, tail_bytes=100)

    for _ in range(10_000):
        log.write(b"x" * 99 + b"\n")

    assert len(log.content()) < 300
