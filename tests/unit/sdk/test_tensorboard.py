"""Scalars from TensorBoard's event files."""

import errno
import os
import struct
from pathlib import Path
from typing import Any, Self

import pytest
import sweepworks
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sweepworks import tensorboard
from sweepworks.run import Run
from sweepworks.tensorboard.events import read_event
from sweepworks.tensorboard.reader import EventReader
from sweepworks.tensorboard.records import Records, masked_crc32c
from sweepworks.tensorboard.watching import Watch

from tests.event_files import EVENTS
from tests.fake_gateway import FakeGateway
from tests.waiting import wait_until

FILE = "events.out.tfevents.1700000000.host"
SCALARS = [
    (1, {"loss": 0.5, "acc": 0.25}),
    (2, {"acc": 0.5}),
    (3, {"acc": 0.75}),
    (-4, {"n": -7.0}),
    (7, {"i": 300.0}),
    (8, {"f": 1.5}),
]


def a_record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    checksums = [struct.pack("<I", masked_crc32c(part)) for part in (length, content)]
    return length + checksums[0] + content + checksums[1]


def a_scalar(step: int, tag: str, value: float) -> bytes:
    """A record with a simple value."""
    inner = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    head = b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + bytes([step])
    return a_record(head + b"\x2a" + bytes([len(summary)]) + summary)


def test_scalars_of_every_form_are_found_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(EVENTS)

    events = [read_event(record) for _, record in Records(tmp_path / FILE).read()]

    found = [(event.step, event.scalars) for event in events if event.scalars]
    assert found == SCALARS
    assert events[1].seconds == 1.7e9 + 1


def test_the_checksum_is_that_of_castagnoli() -> None:
    crc = (masked_crc32c(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF

    assert (crc >> 17 | crc << 15) & 0xFFFFFFFF == 0xE3069283  # the check value of its definition


@pytest.mark.parametrize("length", range(len(EVENTS)))
def test_a_record_that_is_cut_off_waits_for_its_end(tmp_path: Path, length: int) -> None:
    path = tmp_path / FILE
    path.write_bytes(EVENTS[:length])
    records = Records(path)
    first = records.read()
    assert records.is_at_end

    path.write_bytes(EVENTS)

    assert first + records.read() == Records(path).read()


@given(st.binary(max_size=100))
@example(b"\x0d" + bytes(4))  # a moment of four bytes
@example(b"\x2a\x0b\x0a\x09\x11" + bytes(8))  # a simple value of eight
def test_any_bytes_are_an_event_or_refused(record: bytes) -> None:
    try:
        event = read_event(record)
    except ValueError:
        return
    assert all(isinstance(value, float) for value in event.scalars.values())


class Killed(BaseException):
    """The reader is killed."""


class FakeRun:
    """What readers, one after the other, have brought; each may be killed at any step."""

    def __init__(self) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []
        self.reports: dict[int, float] = {}
        self.steps_left = 10**9

    def _live(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Killed

    def log_at(self, seconds: float, values: dict[str, float], step: int) -> None:
        self._live()
        assert seconds == 1.7e9 + step
        self.points.append((step, values))

    def report_all(self, reports: dict[int, dict[str, float]]) -> None:
        self._live()
        self.reports |= {level: values["acc"] for level, values in reports.items()}
        self._live()


def a_reader(run: Any, folder: Path, said: list[str]) -> EventReader:
    return EventReader(
        run,
        folder,
        objective="acc",
        progress=folder / "progress.json",
        say=lambda _, sentence: said.append(sentence),
    )


@settings(deadline=None)
@given(
    lives=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9), st.integers(1, 6)), max_size=6),
    last_at_once=st.integers(1, 6),
)
@example(lives=[(5, 6, 6)], last_at_once=2)
def test_a_reader_that_is_killed_loses_points_at_most_and_doubles_none(
    tmp_path_factory: pytest.TempPathFactory,
    lives: list[tuple[int, int, int]],
    last_at_once: int,
) -> None:
    folder, run, n_events = tmp_path_factory.mktemp("logs"), FakeRun(), 0
    for n_more, steps, at_once in [*lives, (1, 10**9, last_at_once)]:
        with (folder / FILE).open("ab") as file:
            for n in range(n_events + 1, n_events + n_more + 1):
                file.write(a_scalar(n, "acc", n))
        n_events += n_more
        run.steps_left = steps
        try:
            with pytest.MonkeyPatch.context() as patch:
                # In several goes, of another size each life.
                patch.setattr("sweepworks.tensorboard.records._MOST_AT_ONCE", at_once)
                reader = a_reader(run, folder, [])
                while reader.pump():
                    pass
        except Killed:
            continue

    assert run.reports == {level: float(level) for level in range(1, n_events + 1)}
    steps_seen = [step for step, _ in run.points]
    assert steps_seen == sorted(set(steps_seen))


def test_a_file_in_a_folder_below_names_its_scalars_by_it(tmp_path: Path) -> None:
    run = FakeRun()
    (tmp_path / "validation").mkdir()
    (tmp_path / FILE).write_bytes(a_scalar(1, "acc", 0.5))
    (tmp_path / "validation" / FILE).write_bytes(a_scalar(1, "acc", 0.25))

    a_reader(run, tmp_path, []).pump()

    assert run.points == [(1, {"acc": 0.5}), (1, {"validation/acc": 0.25})]
    assert run.reports == {1: 0.5}


def test_a_file_that_is_broken_costs_the_others_nothing_and_is_said_once(tmp_path: Path) -> None:
    run, said = FakeRun(), list[str]()
    (tmp_path / f"{FILE}.a").write_bytes(a_scalar(1, "x", 1.0) + b"nonsense in place of a head")
    (tmp_path / f"{FILE}.b").write_bytes(a_scalar(1, "acc", 0.5) + a_record(b"\x0f"))
    reader = a_reader(run, tmp_path, said)

    reader.pump()
    reader.pump()

    assert (1, {"acc": 0.5}) in run.points
    assert len(said) == 2
    assert "a field of kind 7" in said[0]
    assert "has no record at byte" in said[1]


@pytest.mark.parametrize(
    "tail", [bytes(100), b"nonsense in place of a head"], ids=["zeros", "text"]
)
def test_what_lies_before_a_broken_record_comes(tmp_path: Path, tail: bytes) -> None:
    run, said = FakeRun(), list[str]()
    scalars = [a_scalar(step, "acc", step) for step in range(1, 101)]
    (tmp_path / FILE).write_bytes(b"".join(scalars) + tail)
    reader = a_reader(run, tmp_path, said)

    while reader.pump():
        pass

    assert run.points == [(step, {"acc": float(step)}) for step in range(1, 101)]
    assert run.reports == {step: float(step) for step in range(1, 101)}
    (why,) = said
    assert f"has no record at byte {sum(map(len, scalars))}" in why


class Stale:
    """A file whose server goes away after some reads."""

    def __init__(self, file: Any, reads_left: int) -> None:
        self._file = file
        self._reads_left = reads_left

    def read(self, size: int) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.mark.parametrize("reads", [0, 1, 2, 3])
def test_a_file_that_cannot_be_read_for_a_while_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    run, said = FakeRun(), list[str]()
    (tmp_path / FILE).write_bytes(a_scalar(1, "acc", 1.0) + a_scalar(2, "acc", 2.0))
    reader = a_reader(run, tmp_path, said)

    with monkeypatch.context() as away:
        real = Path.open
        away.setattr(Path, "open", lambda path, mode: Stale(real(path, mode), reads))
        reader.pump()
        reader.pump()
    reader.pump()

    assert run.points == [(1, {"acc": 1.0}), (2, {"acc": 2.0})]
    assert len(said) == 1


@pytest.fixture
def run(trial: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SWEEPWORKS_OBJECTIVE", "acc")
    return sweepworks.init()


def test_a_folder_is_watched_until_the_run_is_finished(
    run: Run, gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepworks.tensorboard.watching._EVERY_SECONDS", 0.02)
    logs = tmp_path / "logs"
    watch = tensorboard.watch(run, logs)
    assert isinstance(watch, Watch)

    (logs / FILE).write_bytes(EVENTS)
    wait_until(lambda: "loss" in gateway.points())
    with (logs / FILE).open("ab") as file:
        file.write(a_scalar(9, "acc", 1.0))
    run.finish()

    reports = [(r.level, dict(r.values)) for flush in gateway.flushes for r in flush.reports]
    assert reports == [(1, {"acc": 0.25}), (2, {"acc": 0.5}), (3, {"acc": 0.75}), (9, {"acc": 1.0})]
    assert gateway.points()["acc"] == [(1, 0.25), (2, 0.5), (3, 0.75), (9, 1.0)]
    times = memoryview(gateway.flushes[0].times).cast("q")
    assert set(times) == {1_700_000_000_000_000 + 10**6 * step for step in (1, 2, 3, -4, 7, 8)}


def test_a_moment_that_cannot_have_been_counts_as_now(run: Run, gateway: FakeGateway) -> None:
    for moment in (-1.0, float("nan"), float("inf"), 1e30):
        run.log_at(moment, {"a": 1.0}, 1)
    run.finish()

    assert len(gateway.points()["a"]) == 4
