"""Many small batches of a writer that is gone, as few large flushes.

A merged flush has the sequence of its last part. Should its answer be lost, exactly the same parts
must go together again: together with others they would be stored a second time. So what is about
to go is noted beside the spool.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from sweepworks.acks import Acks
from sweepworks.values import Scalar, WireError
from sweepworks.wire import Flush, ReportRecord, decode_flush, encode_flush

_MERGED_BYTES = 4 * 1024 * 1024

Batch = tuple[int, bytes]  # sequence and bytes


class Groups:
    """Decides which batches go together."""

    def __init__(self, acks: Acks) -> None:
        self._acks = acks
        self._until = acks.announced  # of a group that may be under way
        self._alone_until = 0
        self._is_first = True

    def next(self, waiting: Iterable[Batch]) -> Batch:
        """The flush to send next, made of the first of what waits.

        Raises:
            OSError: It cannot be noted what goes together.
        """
        waiting = iter(waiting)
        first = next(waiting)
        # The very first may be under way already, alone, from the process that wrote it.
        if first[0] <= self._alone_until or (self._is_first and self._until < first[0]):
            return first
        group = self._flushes([first, *takewhile(self._room_after(first), waiting)])
        if len(group) < 2:
            return first
        if self._until < first[0]:
            self._acks.announce(group[-1].sequence)
            self._until = group[-1].sequence
        return group[-1].sequence, encode_flush(merge(group))

    def stored(self) -> None:
        """The last one has arrived."""
        self._is_first = False

    def split(self, sequence: int) -> None:
        """The group that ends there is refused: one of its parts is to blame, not all of them."""
        self._alone_until, self._until = sequence, 0
        self._acks.announce(0)

    def _room_after(self, first: Batch) -> "_Room":
        return _Room(len(first[1]), self._until if self._until >= first[0] else None)

    def _flushes(self, group: Sequence[Batch]) -> list[Flush]:
        """Those at its beginning that can be merged; what ends the run goes alone."""
        flushes: list[Flush] = []
        for _, batch in group:
            try:
                flush = decode_flush(batch)
            except WireError:  # the gateway is to say so, of this one alone
                break
            if flush.finish is not None:
                break
            flushes.append(flush)
        return flushes


class _Room:
    """Whether another batch goes along: up to a sequence, or as many as there is room for."""

    def __init__(self, taken_bytes: int, until: int | None) -> None:
        self._taken_bytes = taken_bytes
        self._until = until

    def __call__(self, batch: Batch) -> bool:
        if self._until is not None:
            return batch[0] <= self._until
        self._taken_bytes += len(batch[1])
        return self._taken_bytes <= _MERGED_BYTES


def merge(flushes: Sequence[Flush]) -> Flush:
    """One flush that says what these say, one after the other."""
    parts: dict[tuple[bool, str], list[tuple[memoryview, memoryview, memoryview]]] = {}
    reports: list[ReportRecord] = []
    params: dict[str, Scalar] = {}
    tags: dict[str, str] = {}
    provenance: dict[str, Mapping[str, Any]] = {}
    for flush in flushes:
        steps, times, values = (memoryview(c) for c in (flush.steps, flush.times, flush.values))
        at = 0
        for is_system, counts in ((False, flush.series), (True, flush.system)):
            for key, count in counts.items():
                cut = slice(at, at + 8 * count)
                of_key = parts.setdefault((is_system, key), [])
                of_key.append((steps[cut], times[cut], values[cut]))
                at += 8 * count
        reports.extend(flush.reports)
        params = {**flush.params, **params}  # the first value stands
        tags = {**tags, **flush.tags}
        provenance = {**flush.provenance, **provenance}
    names = sorted(parts, key=lambda name: name[0])  # what is of the system comes last
    counts = {name: sum(len(v) // 8 for _, _, v in parts[name]) for name in names}
    ordered = [part for name in names for part in parts[name]]
    return replace(
        flushes[-1],
        series={key: n for (is_system, key), n in counts.items() if not is_system},
        system={key: n for (is_system, key), n in counts.items() if is_system},
        steps=b"".join(steps for steps, _, _ in ordered),
        times=b"".join(times for _, times, _ in ordered),
        values=b"".join(values for _, _, values in ordered),
        reports=reports,
        params=params,
        tags=tags,
        provenance=provenance,
        beat=any(flush.beat for flush in flushes),
    )
