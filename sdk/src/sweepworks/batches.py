"""From what a script logged to flushes: coalesced by series, converted, numbered."""

import sys
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sweepworks.pending import Pending
from sweepworks.values import WireError, as_text, check_int64, check_key
from sweepworks.wire import Flush, decode_flush, encode_flush

#: Entries kept before new ones are left out: three per call of `log` (time, step, values).
MAX_ENTRIES = 3 * 1_000_000
_MAX_TOLD = 20  # names whose values are left out
_POINTS_PER_FLUSH = 200_000  # 24 bytes each: well below the gateway's limit on a request


class _Series:
    """Points of one key."""

    __slots__ = ("steps", "times", "values")

    def __init__(self) -> None:
        self.steps, self.times, self.values = array("q"), array("q"), array("d")


class Batcher:
    """Makes numbered flushes of one writer; each is one that the gateway can read.

    Args:
        warn: Called with a subject and a sentence when something cannot be stored.
    """

    def __init__(
        self, *, writer: str, run: str, attempt: str | None, warn: Callable[[str, str], None]
    ) -> None:
        self._writer, self._run, self._attempt = writer, run, attempt
        self._warn = warn
        self._sequence = 0
        self._left_out: set[str] = set()

    def drain(
        self, entries: deque[Any], system: deque[Any], pending: Pending, *, dropped: int = 0
    ) -> tuple[int, bytes, int] | None:
        """The next flush, taken out of what there is; None when there is nothing to send.

        Args:
            entries: What the script logged: time, step and values, one after the other.
            system: The same of what was measured beside it.
            dropped: Points that had to be left out so far.

        Returns:
            Its sequence, its bytes, and how many points it has.
        """
        part, room = pending.take()
        series, room = self._collect(entries, room)
        n_logged = _count(series)
        measured, _ = self._collect(system, room, most=_POINTS_PER_FLUSH - n_logged)
        points = n_logged + _count(measured)
        if pending.finish is not None and not (entries or system or pending.has_records()):
            part.finish, part.message, pending.finish = pending.finish, pending.message, None
        if not points and part.is_empty():
            return None
        self._sequence += 1
        columns = [*series.values(), *measured.values()]
        flush = Flush(
            writer=self._writer,
            sequence=self._sequence,
            run=self._run,
            attempt=self._attempt,
            series={key: len(of_key.values) for key, of_key in series.items()},
            system={key: len(of_key.values) for key, of_key in measured.items()},
            steps=b"".join(_little_endian(of_key.steps) for of_key in columns),
            times=b"".join(_little_endian(of_key.times) for of_key in columns),
            values=b"".join(_little_endian(of_key.values) for of_key in columns),
            reports=part.reports,
            params=part.params,
            tags=part.tags,
            provenance=part.provenance,
            beat=part.beat or n_logged > 0,
            dropped=dropped,
            finish=part.finish,
            message=part.message,
        )
        return self._sequence, encode_flush(flush), points

    def _collect(
        self, entries: deque[Any], room: int, *, most: int = _POINTS_PER_FLUSH
    ) -> tuple[dict[str, _Series], int]:
        """Points by key, while their keys have room in the header; and what is left of that."""
        series: dict[str, _Series] = {}
        points = 0
        while entries and points < most:
            moment, step, values = entries.popleft(), entries.popleft(), entries.popleft()
            time_us, whole = int(moment * 1e6), self._whole(step)
            if whole is None:
                continue
            left = iter(values.items())
            for key, value in left:
                of_key = series.get(key)
                if of_key is None and room <= 0:
                    entries.extendleft(({key: value, **dict(left)}, step, moment))
                    return series, room
                if of_key is None and not self._is_key(key):
                    continue
                number = self._number(key, value)
                if number is None:
                    continue
                if of_key is None:
                    of_key = series[key] = _Series()
                    room -= 4 * len(key) + 24  # a character has four bytes at most, a count 20
                of_key.steps.append(whole)
                of_key.times.append(time_us)
                of_key.values.append(number)
                points += 1
        return series, room

    def _whole(self, step: Any) -> int | None:
        try:
            return check_int64(int(step), "a step")
        except Exception:  # noqa: BLE001 - whatever the script calls a step
            text = as_text(step)[:40]
            self._leave_out(text, f"the step {text} is no 64-bit integer")
            return None

    def _number(self, key: str, value: Any) -> float | None:
        try:
            return float(value)  # also what numpy and torch call a scalar
        except Exception:  # noqa: BLE001 - values are the script's own; torch raises RuntimeError
            self._leave_out(key, f"{key!r} is {type(value).__name__}, not a number")
            return None

    def _is_key(self, key: Any) -> bool:
        try:
            check_key(key)
        except WireError as exc:
            self._leave_out(as_text(key), str(exc))
            return False
        return True

    def _leave_out(self, what: str, why: str) -> None:
        """Say it, of each name once and of the first few: a script may invent them without end."""
        if what not in self._left_out and len(self._left_out) < _MAX_TOLD:
            self._left_out.add(what)
            self._warn(f"value-{what}", f"left out: {why}")


def lighten(batch: bytes) -> tuple[bytes | None, int]:
    """A flush without its metric points, None when it had nothing else; and how many they were."""
    flush = decode_flush(batch)
    if not (flush.reports or flush.params or flush.tags or flush.provenance or flush.finish):
        return None, flush.n_points
    lighter = replace(flush, series={}, system={}, steps=b"", times=b"", values=b"")
    return encode_flush(lighter), flush.n_points


def _count(series: dict[str, _Series]) -> int:
    return sum(len(of_key.values) for of_key in series.values())


def _little_endian(column: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


def ends_run(batch: bytes) -> bool:
    """Whether it is the last one of its writer."""
    try:
        return decode_flush(batch).finish is not None
    except WireError:  # of a later version of this library, maybe
        return False
