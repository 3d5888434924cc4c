"""The beginning and the end of a log, in bounded memory. Pure."""

HEAD_BYTES = 1 << 20
TAIL_BYTES = 3 << 20  # how it ended says more than how it began


class ClippedLog:
    """Takes any number of bytes, and keeps the first and the last of them.

    Args:
        head_bytes: Kept of the beginning.
        tail_bytes: Kept of the end; what has at most the sum of both is kept whole.
    """

    def __init__(self, *, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._n_dropped = 0  # between the two

    def write(self, piece: bytes) -> None:
        """Append."""
        room = self._head_bytes - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        if len(self._tail) > 2 * self._tail_bytes:  # not at every piece: the rest is moved
            self._drop(len(self._tail) - self._tail_bytes)

    def content(self) -> bytes:
        """All of it, or both ends with a line between them that says how much is missing.

        Lines are kept whole, as long as they are shorter than what is kept.
        """
        if len(self._tail) > self._tail_bytes:
            self._drop(len(self._tail) - self._tail_bytes)
        head, tail = bytes(self._head), bytes(self._tail)
        if self._n_dropped == 0:
            return head + tail
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :] or tail
        n_missing = self._n_dropped + len(self._head) - len(head) + len(self._tail) - len(tail)
        between = b"" if head.endswith(b"\n") else b"\n"
        return head + between + f"[... {n_missing} bytes are missing here ...]\n".encode() + tail

    def _drop(self, n: int) -> None:
        del self._tail[:n]
        self._n_dropped += n
