"""Batches on disk: whole or not there."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweepworks.batches import lighten
from sweepworks.frames import Damage, damage, frame, read_batches, read_note
from sweepworks.spool import Spool, read_spool
from sweepworks.wire import Flush, ReportRecord, decode_flush, encode_flush


class HalfFullDisk:
    """Writes at most `room` bytes in all, a few at a time, then says that the disk is full."""

    def __init__(self, file: Any, room: int) -> None:
        self._file = file
        self.room = room

    def write(self, data: bytes | memoryview) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._file.write(bytes(data[: min(5, self.room)]))
        self.room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_batch_that_is_written_in_pieces_is_whole(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    vars(spool)["_file"] = HalfFullDisk(spool._file, 10_000)

    spool.append(1, b"first batch", durable=True)
    spool.append(2, b"second", durable=False)

    assert list(read_spool(spool.path)) == [(1, b"first batch"), (2, b"second")]
    spool.close()


def test_a_batch_that_does_not_fit_leaves_no_half_behind(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    spool.append(1, b"first", durable=True)
    disk = HalfFullDisk(spool._file, 12)
    vars(spool)["_file"] = disk

    with pytest.raises(OSError, match="No space left"):
        spool.append(2, b"second", durable=True)
    disk.room = 1000
    spool.append(3, b"third", durable=True)

    assert list(read_spool(spool.path)) == [(1, b"first"), (3, b"third")]
    assert spool.size_bytes == spool.path.stat().st_size
    spool.close()


def a_flush(sequence: int, *, points: int, reports: int = 0) -> bytes:
    return encode_flush(
        Flush(
            writer="w",
            sequence=sequence,
            run="r",
            series={"loss": points} if points else {},
            steps=bytes(8 * points),
            times=bytes(8 * points),
            values=bytes(8 * points),
            reports=[ReportRecord(level=n, values={"v": 1.0}, time_us=1) for n in range(reports)],
        )
    )


def test_a_file_whose_batches_are_all_stored_is_emptied(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    for sequence in range(1, 40):
        spool.append(sequence, bytes(100_000), durable=False)
        spool.acknowledge(sequence)

    assert spool.path.stat().st_size < 1_500_000
    spool.append(40, b"next", durable=True)
    assert list(read_spool(spool.path))[-1] == (40, b"next")
    spool.close()


def test_an_adopted_file_is_not_emptied_before_its_end_is_stored(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    for sequence in (1, 2):
        spool.append(sequence, bytes(2_000_000), durable=False)
    spool.close()
    adopted = Spool.adopt(spool.path)
    assert adopted is not None

    adopted.acknowledge(1)

    assert [sequence for sequence, _ in read_spool(spool.path)] == [2]
    adopted.close()


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2)), min_size=1, max_size=30),
    acknowledged=st.integers(0, 30),
    to_bytes=st.integers(0, 20_000),
)
def test_shrinking_takes_the_oldest_points_and_no_report(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[tuple[int, int]],
    acknowledged: int,
    to_bytes: int,
) -> None:
    spool = Spool.create(tmp_path_factory.mktemp("spool"), "w")
    for sequence, (points, reports) in enumerate(batches, start=1):
        spool.append(sequence, a_flush(sequence, points=points, reports=reports), durable=False)
    before = {s: decode_flush(b) for s, b in read_batches(spool.path) if s > acknowledged}
    dropped = 0

    def count(batch: bytes) -> bytes | None:
        nonlocal dropped
        lighter, n_points = lighten(batch)
        dropped += n_points
        return lighter

    spool.shrink(to_bytes, acknowledged=acknowledged, lighten=count)
    spool.append(99, b"later", durable=True)

    *kept, later = read_batches(spool.path)
    assert later == (99, b"later")
    after = {sequence: decode_flush(batch) for sequence, batch in kept}
    assert all(len(after[s].reports) == len(f.reports) for s, f in before.items() if f.reports)
    assert set(after) <= set(before)
    n_after = {s: after[s].n_points if s in after else 0 for s in before}
    assert sum(f.n_points for f in before.values()) - sum(n_after.values()) == dropped
    assert [n_after[s] for s in before][:1] == [f.n_points for f in before.values()][:1]
    whole = [s for s, flush in list(before.items())[1:] if n_after[s] and flush.n_points]
    emptied = [s for s, flush in before.items() if not n_after[s] and flush.n_points]
    assert not whole or not emptied or max(emptied) < min(whole), "oldest first"
    if sum(len(encode_flush(flush)) for flush in before.values()) <= to_bytes:
        assert after == before
    assert spool.size_bytes == spool.path.stat().st_size
    assert Spool.adopt(spool.path) is None, "still locked"
    spool.close()


def test_what_is_noted_of_a_writer_outlives_shrinking_and_emptying(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w", note={"run": "r", "seed": 1})
    for sequence in range(1, 4):
        spool.append(sequence, a_flush(sequence, points=30_000), durable=False)
    spool.shrink(0, acknowledged=1, lighten=lambda batch: lighten(batch)[0])
    spool.note({"ended_at": "now"})
    after_shrinking = read_note(spool.path)
    spool.append(4, bytes(2_000_000), durable=False)
    spool.acknowledge(4)

    assert after_shrinking == {"run": "r", "seed": 1, "ended_at": "now"}
    assert read_note(spool.path) == after_shrinking
    assert spool.path.stat().st_size == spool.size_bytes < 1000
    assert list(read_batches(spool.path)) == []
    spool.close()


def test_a_note_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        Spool.create(tmp_path, "w", note={"run": "r"})

    assert list(tmp_path.iterdir()) == []


WHOLE = [a_flush(n, points=5) for n in (1, 2, 3)]


@settings(deadline=None)
@given(data=st.data())
def test_a_file_that_ends_early_is_cut(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("spool") / "x.spool"
    content = b"".join(frame(n, batch) for n, batch in enumerate(WHOLE, start=1))
    ends = [0]
    for batch in WHOLE:
        ends.append(ends[-1] + len(frame(1, batch)))
    end = data.draw(st.integers(0, len(content)))
    # What a machine that lost its power leaves; behind half a batch they might complete it.
    tail = data.draw(st.sampled_from([b"", bytes(16), bytes(100)])) if end in ends else b""

    path.write_bytes(content[:end] + tail)

    assert damage(path) == (None if end in ends and not tail else Damage.CUT)
    n_whole = sum(whole <= end for whole in ends[1:])
    assert [batch for _, batch in read_batches(path)] == WHOLE[:n_whole]


@given(at=st.integers(0, len(frame(1, WHOLE[0])) - 1), bit=st.integers(0, 7))
def test_a_file_that_is_wrong_in_its_midst_is_corrupt(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("spool") / "x.spool"
    content = bytearray(b"".join(frame(n, batch) for n, batch in enumerate(WHOLE, start=1)))
    content[at] ^= 1 << bit
    path.write_bytes(content)

    is_sequence = 8 <= at < 16  # the one thing that the CRC does not cover
    assert damage(path) == (None if is_sequence else Damage.CORRUPT)


def test_shrinking_on_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool.create(tmp_path, "w")
    spool.append(1, a_flush(1, points=100), durable=True)
    before = list(read_batches(spool.path))

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        spool.shrink(0, acknowledged=0, lighten=lambda batch: lighten(batch)[0])

    assert list(read_batches(spool.path)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["w.spool"]
    spool.close()


def test_a_damaged_file_is_not_shrunk(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    for sequence in (1, 2, 3):
        spool.append(sequence, a_flush(sequence, points=5, reports=1), durable=True)
    content = bytearray(spool.path.read_bytes())
    content[len(content) // 2] ^= 1
    spool.path.write_bytes(content)

    with pytest.raises(OSError, match="damaged in its midst"):
        spool.shrink(0, acknowledged=0, lighten=lambda batch: lighten(batch)[0])

    assert spool.path.read_bytes() == content
    spool.close()


def _die_while_shrinking(folder: str) -> None:
    spool = Spool.create(Path(folder), "w")
    for sequence in (1, 2, 3):
        spool.append(sequence, a_flush(sequence, points=5, reports=1), durable=False)

    def die(_: bytes) -> bytes | None:
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    spool.shrink(1, acknowledged=0, lighten=die)


def test_half_a_file_of_a_process_that_died_while_it_shrank_goes(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_die_while_shrinking, args=(str(tmp_path),)
    )
    process.start()
    process.join()
    left = {path.name for path in tmp_path.iterdir()}

    spool = Spool.adopt(tmp_path / "w.spool")

    assert left == {"w.spool", ".w.new"}
    assert spool is not None
    assert [path.name for path in tmp_path.iterdir()] == ["w.spool"]
    assert [sequence for sequence, _ in read_spool(spool.path)] == [1, 2, 3]
    spool.close()


def test_a_report_that_comes_while_the_file_shrinks_is_kept(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "w")
    spool.append(1, a_flush(1, points=60_000), durable=False)
    spool.append(2, a_flush(2, points=60_000), durable=False)

    def meanwhile(batch: bytes) -> bytes | None:
        spool.acknowledge(2)  # the request that was under way is answered
        spool.append(3, a_flush(3, points=0, reports=1), durable=True)
        return lighten(batch)[0]

    spool.shrink(0, acknowledged=0, lighten=meanwhile)

    assert [sequence for sequence, _ in read_spool(spool.path)] == [3]
    spool.close()
