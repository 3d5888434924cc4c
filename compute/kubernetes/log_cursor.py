"""Where a reader of a log is, so that it need not be told from its beginning again. Pure."""

import datetime as dt
from dataclasses import dataclass, field

_SECOND = len("2026-01-01T00:00:00")
_SETTLED_SECONDS = 2.0  # after which nothing more is told of a line's second


@dataclass(slots=True)
class LogCursor:
    """Takes what the API server tells of a log since a second, and gives what is new of it.

    Each line comes after its time, down to the nanosecond and always of the same length. The same
    second may be told any number of times.
    """

    offset: int = 0  #: of the first byte that was not taken
    ready: bytearray = field(default_factory=bytearray)  #: told and not taken yet
    _last: bytes = b""  # time of the last line that was told
    _told_of_last: int = 0  # bytes that were told of all lines of that time
    _told_at: float = 0.0
    _ends_line: bool = False
    _is_settled: bool = False

    @property
    def since(self) -> str | None:
        """The second that is to be told next; None: the beginning."""
        if not self._last:
            return None
        text = self._last.decode("ascii")
        second = text[:_SECOND] + text[_SECOND:].lstrip(".0123456789").replace("Z", "+00:00")
        if not self._is_settled:
            return second
        return (dt.datetime.fromisoformat(second) + dt.timedelta(seconds=1)).isoformat()

    def settle(self, *, at: float) -> None:
        """Note that all was told that there is at a time of a clock, and nothing was new."""
        if self._ends_line and at - self._told_at >= _SETTLED_SECONDS:
            self._is_settled = True

    def tell(self, stamped: bytes, *, at: float) -> bool:
        """Add what is new of the lines of `since` and later ones; whether anything is.

        A last line may be cut anywhere: the rest of it comes the next time.
        """
        n_ready, told_of_time = len(self.ready), 0
        known, known_bytes = self._last, self._told_of_last
        time_of_lines = b""
        *whole, rest = stamped.split(b"\n")  # and at no other byte: progress bars print returns
        for line in (*(line + b"\n" for line in whole), rest):
            time, space, text = line.partition(b" ")
            if not space or time < known:
                continue  # cut within its time, or known
            if time != time_of_lines:
                time_of_lines, told_of_time = time, 0
            skipped = max(0, min(len(text), known_bytes - told_of_time)) if time == known else 0
            told_of_time += len(text)
            self.ready += text[skipped:]
            self._ends_line = text.endswith(b"\n")
            if time != self._last:
                self._last, self._told_of_last = time, 0
            self._told_of_last = max(self._told_of_last, told_of_time)
        if len(self.ready) == n_ready:
            return False
        self._told_at, self._is_settled = at, False
        return True

    def take(self, limit: int) -> bytes:
        """At most so many bytes from `offset` on."""
        piece = bytes(self.ready[:limit])
        del self.ready[:limit]
        self.offset += len(piece)
        return piece
