"""From what a script logged to flushes: coalesced by series, converted, numbered."""

import time
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sweepworks.wire import MAX_KEY_CHARACTERS, Flush, ReportRecord, decode_flush, encode_flush

#: Entries kept before new ones are left out: three per call of `log` (time, step, values).
MAX_ENTRIES = 3 * 1_000_000
_INT64 = 2**63
_POINTS_PER_FLUSH = 200_000  # 24 bytes each: well below the gateway's limit on a request


@dataclass(slots=True)
class Pending:
    """What goes into the next flush besides points."""

    reports: list[ReportRecord] = field(default_factory=list[ReportRecord])
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    finish: str | None = None
    message: str = ""
    beat: bool = False
    dropped: int = 0

    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.reports or self.params or self.tags or self.finish or self.beat)


class _Series:
    """Points of one key."""

    __slots__ = ("steps", "times", "values")

    def __init__(self) -> None:
        self.steps, self.times, self.values = array("q"), array("q"), array("d")


class Batcher:
    """Makes numbered flushes of one writer.

    Args:
        warn: Called with a subject and a sentence when something cannot be stored.
    """

    def __init__(
        self, *, writer: str, run: str, attempt: str | None, warn: Callable[[str, str], None]
    ) -> None:
        self._writer, self._run, self._attempt = writer, run, attempt
        self._warn = warn
        self._sequence = 0

    def drain(self, entries: deque[Any], pending: Pending) -> tuple[int, bytes] | None:
        """The next flush, or None when there is nothing to send."""
        series: dict[str, _Series] = {}
        points = 0
        while entries and points < _POINTS_PER_FLUSH:
            moment, step, values = entries.popleft(), entries.popleft(), entries.popleft()
            points += self._collect(series, moment, step, values)
        if not points and pending.is_empty():
            return None
        self._sequence += 1
        flush = Flush(
            writer=self._writer,
            sequence=self._sequence,
            run=self._run,
            attempt=self._attempt,
            series=[(key, len(points.values)) for key, points in series.items()],
            steps=b"".join(_little_endian(points.steps) for points in series.values()),
            times=b"".join(_little_endian(points.times) for points in series.values()),
            values=b"".join(_little_endian(points.values) for points in series.values()),
            reports=pending.reports,
            params=pending.params,
            tags=pending.tags,
            beat=pending.beat or points > 0,
            dropped=pending.dropped,
            finish=pending.finish,
            message=pending.message,
        )
        return self._sequence, encode_flush(flush)

    def _collect(
        self, series: dict[str, _Series], moment: float, step: int, values: dict[str, Any]
    ) -> int:
        count = 0
        time_us = int(moment * 1e6)
        for key, value in values.items():
            try:
                number = float(value)  # also what numpy and torch call a scalar
                whole = int(step)
                if not -_INT64 <= whole < _INT64:
                    raise OverflowError(whole)  # noqa: TRY301 - left out like any other
            except Exception:  # noqa: BLE001 - values are the script's own; torch raises RuntimeError
                self._warn(
                    f"value-{key}", f"{key!r} is {type(value).__name__}, not a number: left out"
                )
                continue
            if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY_CHARACTERS:  # pyright: ignore[reportUnnecessaryIsInstance]
                self._warn(f"key-{str(key)[:40]}", f"{str(key)[:40]!r} cannot be a name: left out")
                continue
            points = series.get(key)
            if points is None:
                points = series[key] = _Series()
            points.steps.append(whole)
            points.times.append(time_us)
            points.values.append(number)
            count += 1
        return count


def lighten(batch: bytes) -> tuple[bytes | None, int]:
    """A flush without its metric points, None when it had nothing else; and how many they were."""
    flush = decode_flush(batch)
    if not (flush.reports or flush.params or flush.tags or flush.finish):
        return None, flush.n_points
    lighter = replace(flush, series=(), steps=b"", times=b"", values=b"")
    return encode_flush(lighter), flush.n_points


def _little_endian(column: "array[Any]") -> bytes:
    import sys

    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000
