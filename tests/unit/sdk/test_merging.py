"""Many batches as one flush: the same words, stored once, whatever dies meanwhile."""

import itertools
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweepworks import merging
from sweepworks.connection import Connection, Unreachable
from sweepworks.merging import merge
from sweepworks.sender import Sender
from sweepworks.spool import Spool
from sweepworks.wire import Flush, ReportRecord, decode_flush, encode_flush


def a_flush(
    sequence: int,
    points: Mapping[str, list[int]],
    system: Mapping[str, list[int]] | None = None,
    **changes: Any,
) -> Flush:
    system = system or {}
    steps = [step for of_key in (*points.values(), *system.values()) for step in of_key]
    return Flush(
        **{
            "writer": "w",
            "sequence": sequence,
            "run": "r",
            "series": {key: len(of_key) for key, of_key in points.items()},
            "system": {key: len(of_key) for key, of_key in system.items()},
            "steps": struct.pack(f"<{len(steps)}q", *steps),
            "times": struct.pack(f"<{len(steps)}q", *steps),
            "values": struct.pack(f"<{len(steps)}d", *map(float, steps)),
            **changes,
        }
    )


def points_of(flush: Flush) -> list[tuple[str, str, int, int, float]]:
    """Family, key and what stands in the columns."""
    steps, times, values = (
        np.frombuffer(column, dtype=kind).tolist()
        for column, kind in ((flush.steps, "<i8"), (flush.times, "<i8"), (flush.values, "<f8"))
    )
    names = [
        (family, key)
        for family, counts in (("user", flush.series), ("system", flush.system))
        for key, count in counts.items()
        for _ in range(count)
    ]
    return [
        (*name, step, time, value)
        for name, step, time, value in zip(names, steps, times, values, strict=True)
    ]


POINTS = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(0, 99), max_size=4), max_size=3
)


@given(parts=st.lists(st.tuples(POINTS, POINTS, st.booleans()), min_size=1, max_size=6))
def test_a_merged_flush_says_what_its_parts_say(
    parts: list[tuple[dict[str, list[int]], dict[str, list[int]], bool]],
) -> None:
    flushes = [
        a_flush(
            n,
            points,
            system,
            reports=[ReportRecord(level=n, values={"v": 1.0}, time_us=n)] if reports else [],
            params={"first": n},
            tags={"last": str(n)},
            dropped=n,
            beat=reports,
        )
        for n, (points, system, reports) in enumerate(parts, start=1)
    ]

    merged = decode_flush(encode_flush(merge(flushes)))

    for name in itertools.product(("user", "system"), "abc"):
        wanted = [p for flush in flushes for p in points_of(flush) if p[:2] == name]
        assert [p for p in points_of(merged) if p[:2] == name] == wanted
    assert merged.reports == [report for flush in flushes for report in flush.reports]
    assert (merged.sequence, merged.dropped) == (len(parts), len(parts))
    assert (merged.params, merged.tags) == ({"first": 1}, {"last": str(len(parts))})
    assert merged.beat == any(reports for _, _, reports in parts)


class Killed(BaseException):
    """The process ends here."""


class Store:
    """A gateway that stores each sequence of a writer once, and a network that is told to fail."""

    def __init__(self, refused: int | None = None) -> None:
        self.watermark = 0
        self.levels: list[int] = []
        self.requests = 0
        self.troubles: list[str] = []
        self.late: bytes | None = None  # a request whose sender has died
        self.late_by = 0  # requests of its successor that are faster
        self._refused = refused

    def store(self, body: bytes) -> bool:
        flush = decode_flush(body)
        levels = [report.level for report in flush.reports]
        if self._refused in levels:
            return False
        if flush.sequence > self.watermark:
            self.watermark = flush.sequence
            self.levels += levels
        return True

    def arrive(self) -> None:
        if self.late is not None:
            self.store(self.late)
            self.late = None

    def request(self, *arguments: Any, **_: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        body: bytes = arguments[2]
        self.requests += 1
        trouble = self.troubles.pop(0) if self.troubles else "none"
        if trouble == "killed before":
            raise Killed
        if trouble == "lost":
            raise Unreachable
        if trouble == "killed, arrives late":
            self.late = body
            raise Killed
        good = self.store(body)
        if self.late is not None and self.late_by == 0:
            self.arrive()
        self.late_by -= 1
        if not good:
            return 422, {}, {"error": "because"}
        if trouble == "killed after":
            raise Killed
        if trouble == "answer lost":
            raise Unreachable
        return 200, {}, {"acked": decode_flush(body).sequence}


def a_spool(folder: Path, n: int) -> Path:
    spool = Spool.create(folder, "w")
    for sequence in range(1, n + 1):
        report = ReportRecord(level=sequence, values={"v": 1.0}, time_us=1)
        finish: dict[str, Any] = {"finish": "completed"} if sequence == n else {}
        flush = a_flush(sequence, {"a": [sequence]}, reports=[report], **finish)
        spool.append(sequence, encode_flush(flush), durable=False)
    spool.close()
    return spool.path


def send_once(path: Path, store: Store) -> bool:
    """One process's life; whether all is sent when it ends."""
    spool = Spool.adopt(path)
    assert spool is not None
    sender = Sender(
        cast("Connection", store), spool, on_control=lambda _: None, say=lambda *_: None
    )
    try:
        sender.take_over(stored=store.watermark)
        while not sender.is_idle:
            sender.hurry()
            sender.pump()
    except Killed:
        return False
    finally:
        spool.close()
    return True


TROUBLES = st.sampled_from(
    ["none", "none", "lost", "answer lost", "killed before", "killed after", "killed, arrives late"]
)


@settings(deadline=None, max_examples=150)
@given(
    n=st.integers(1, 30),
    troubles=st.lists(TROUBLES, max_size=12),
    room=st.integers(1, 2000),
    loses_ack=st.booleans(),
    late_by=st.integers(-1, 3),
)
def test_whatever_dies_everything_is_stored_once(
    n: int, troubles: list[str], room: int, loses_ack: bool, late_by: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_MERGED_BYTES", room)
        path, store = a_spool(Path(folder), n), Store()
        store.troubles = troubles
        for _ in range(len(troubles) + 1):
            if send_once(path, store):
                break
            store.late_by = late_by
            if late_by < 0:
                store.arrive()
            if loses_ack and store.late is None:  # nothing is under way: the gateway knows all
                path.with_suffix(".ack").unlink(missing_ok=True)
        store.arrive()

        assert store.levels == list(range(1, n + 1))
        assert store.watermark == n


@pytest.mark.parametrize("late_by", [0, 1])
def test_a_request_of_a_dead_process_that_arrives_after_its_successors_is_stored_once(
    tmp_path: Path, late_by: int
) -> None:
    path, store = a_spool(tmp_path, 20), Store()
    store.troubles = ["none", "killed, arrives late"]
    assert not send_once(path, store)
    assert store.late is not None
    store.late_by = late_by

    assert send_once(path, store)

    assert store.late is None
    assert store.levels == list(range(1, 21))


def test_small_batches_take_few_requests(tmp_path: Path) -> None:
    path, store = a_spool(tmp_path, 200), Store()

    assert send_once(path, store)

    assert store.requests == 3, "the first alone, the last alone, all others together"


def test_one_batch_that_is_refused_costs_no_other(tmp_path: Path) -> None:
    path, store = a_spool(tmp_path, 20), Store(refused=7)

    assert send_once(path, store)

    assert store.levels == [level for level in range(1, 21) if level != 7]
    assert path.with_suffix(".refused").exists()
