"""Metrics of scripts that know nothing of this library, read from what they write."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sweepworks
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sweepworks.foreign import tail
from sweepworks.foreign.follower import Follower, Harvest, merged
from sweepworks.foreign.reader import LineReader
from sweepworks.foreign.rules import compile_pattern, rule_of
from sweepworks.foreign.tail import Tail

from tests.fake_gateway import FakeGateway

NAMED = r"(?P<name>[\w/]+)=(?P<value>\S+)"
JSONL = {"format": "jsonl"}


def harvest(lines: list[str], *, step: str = "step", **document: Any) -> tuple[Harvest, list[str]]:
    said: list[str] = []
    follower = Follower(
        rule_of(document), step=step, objective="acc", say=lambda _, sentence: said.append(sentence)
    )
    return merged(follower.read(line) for line in lines), said


def test_names_and_values_are_found_anywhere_in_a_line() -> None:
    found, _ = harvest(["[12:00] loss=0.5 acc=9e-1!", "nothing", "train/loss=inf"], pattern=NAMED)
    accuracy, _ = harvest(["acc=0.9"], pattern=NAMED)

    assert found.points == [(1, {"loss": 0.5, "train/loss": math.inf})]
    assert accuracy.reports == {1: 0.9}


def test_a_metric_may_have_a_pattern_of_its_own() -> None:
    pattern = {"acc": r"accuracy: ([\d.]+)%", "loss": r"ep (?P<step>\d+) loss (?P<value>[0-9.]+)"}

    found, _ = harvest(["ep 3 loss 0.25, accuracy: 80.5%", "ep 4 loss 0.2"], pattern=pattern)

    assert found.points == [(1, {"acc": 80.5}), (3, {"loss": 0.25}), (4, {"loss": 0.2})]


def test_a_step_that_was_named_holds_until_the_next_one() -> None:
    lines = ["epoch=3 loss=0.5", "acc=0.7", "epoch=4", "acc=0.8 loss=0.4"]

    found, _ = harvest(lines, pattern=NAMED, step="epoch")

    assert found.points == [(3, {"loss": 0.5, "acc": 0.7}), (4, {"acc": 0.8, "loss": 0.4})]
    assert found.reports == {3: 0.7, 4: 0.8}


def test_without_steps_each_metric_is_counted() -> None:
    found, _ = harvest(["loss=3", "loss=2", "acc=0.5", "acc=0.6"], pattern=NAMED)

    assert found.points == [
        (1, {"loss": 3.0}),
        (2, {"loss": 2.0}),
        (1, {"acc": 0.5}),
        (2, {"acc": 0.6}),
    ]
    assert found.reports == {1: 0.5, 2: 0.6}


def test_lines_of_json_are_found_among_others() -> None:
    lines = [
        "starting",
        '{"step": 10, "acc": 0.5, "loss": NaN, "name": "x", "good": true, "more": [1]}',
        '  {"acc": 1, "step": 20.0}',
        '{"acc": 0.7',
        "[1, 2]",
        "{" * 100_000,
    ]

    found, said = harvest(lines, **JSONL)

    assert [step for step, _ in found.points] == [10, 20]
    assert found.points[0][1].keys() == {"acc", "loss"}
    assert found.reports == {10: 0.5, 20: 1.0}
    assert said == []


def test_what_is_no_number_or_no_step_is_said_once_and_left_out() -> None:
    lines = ["loss=abc acc=0.5", "loss=def step=1.5 acc=0.6", "step=inf acc=0.7", "step=-2 acc=1"]

    found, said = harvest(lines, pattern=NAMED)

    assert found.reports == {1: 0.5, 2: 0.6, 3: 0.7}
    assert (-2, {"acc": 1.0}) in found.points
    assert said == [
        "loss is 'abc', which is no number",
        "step is '1.5', which is no step",
        "acc has the step -2, and no level is",
    ]


def test_the_first_value_of_a_level_stands() -> None:
    found, _ = harvest(["step=1 acc=0.5", "step=1 acc=0.9"], pattern=NAMED)

    assert found.reports == {1: 0.5}
    assert found.points == [(1, {"acc": 0.5}), (1, {"acc": 0.9})]


@pytest.mark.parametrize(
    ("text", "is_named", "why"),
    [
        ("(", False, "no regular expression"),
        (r"(?P<name>a)", False, "needs the groups"),
        (r"a=(\d)", False, "needs the groups"),
        (r"a=(\d) b=(\d)", True, "no group"),
        (r"a=\d", True, "no group"),
        (r"(?P<name>a)(?P<value>b)", True, "its name already"),
        (r"(?P<name>a)(?P<value>b)(?P<time>c)", False, "a group time"),
    ],
)
def test_a_pattern_that_finds_no_metric_is_refused(text: str, is_named: bool, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compile_pattern(text, is_named=is_named)


LINES = st.lists(
    st.sampled_from([b"a", b"loss=1", b"", b"\xff\xfe", "é".encode(), b"x" * 40, b"y" * 90])
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@settings(deadline=None)
@given(st.data(), LINES, st.booleans())
def test_lines_and_their_places_are_the_same_however_a_file_grew(
    data: st.DataObject, lines: list[bytes], is_ended: bool
) -> None:
    content = b"".join(line + data.draw(ENDS) for line in lines) + (b"" if is_ended else b"tail")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    with pytest.MonkeyPatch.context() as patch, _file() as path:
        patch.setattr(tail, "_LONGEST", 50)
        whole, grown = Tail(path), Tail(path)
        found: list[tuple[int, str]] = []
        for cut in cuts:
            path.write_bytes(content[:cut])
            found += grown.read(is_last=False)
        path.write_bytes(content)
        found += grown.read(is_last=True)
        expected = whole.read(is_last=True)

    assert [place for place in found if place[1]] == [place for place in expected if place[1]]
    texts = [text for _, text in expected if text]
    assert texts == [
        line.decode("utf-8", "replace")
        for line in [*lines, b"" if is_ended else b"tail"]
        if 0 < len(line) <= 50
    ]


class _file:  # noqa: N801 - as `open`
    """A file for one example of a property."""

    def __enter__(self) -> Path:
        import tempfile

        self._folder = tempfile.TemporaryDirectory()
        return Path(self._folder.name) / "stdout.log"

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def test_a_file_that_begins_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    followed = Tail(path)
    assert followed.read(is_last=False) == []
    path.write_text("one\ntwo\nthr")
    assert followed.read(is_last=False) == [(3, "one"), (7, "two")]

    path.write_text("new\n")

    assert followed.read(is_last=False) == [(3, "new")]
    assert followed.times_anew == 1


def test_a_large_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "_CHUNK", 10)
    path = tmp_path / "log"
    path.write_text("aaaa\nbbbb\ncccc\ndd")
    followed, found = Tail(path), list[tuple[int, str]]()

    while True:
        found += followed.read(is_last=True)
        if followed.is_at_end:
            break

    assert [text for _, text in found] == ["aaaa", "bbbb", "cccc", "dd"]


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

    def log(self, values: dict[str, float], step: int) -> None:
        self._live()
        self.points.append((step, values))

    def report_all(self, reports: Mapping[int, Mapping[str, float]]) -> None:
        self._live()
        for level, values in reports.items():
            assert self.reports.get(level, values["acc"]) == values["acc"]
            self.reports[level] = values["acc"]
        self._live()


def a_reader(run: Any, folder: Path) -> LineReader:
    follower = Follower(rule_of({"pattern": NAMED}), step="step", objective="acc", say=_fail)
    return LineReader(
        run,
        Tail(folder / "stdout.log"),
        follower,
        objective="acc",
        progress=folder / "metrics.json",
        say=_fail,
    )


def _fail(subject: str, sentence: str) -> None:
    raise AssertionError(f"{subject}: {sentence}")


@settings(deadline=None)
@given(
    lives=st.lists(
        st.tuples(st.integers(1, 8), st.integers(0, 12), st.integers(1, 60)), max_size=6
    ),
    last_chunk=st.integers(1, 60),
)
@example(lives=[(8, 9, 60)], last_chunk=6)
def test_a_reader_that_is_killed_loses_points_at_most_and_doubles_none(
    lives: list[tuple[int, int, int]], last_chunk: int
) -> None:
    run, n_lines = FakeRun(), 0
    with _file() as path, pytest.MonkeyPatch.context() as patch:
        for n_more, steps, chunk in [*lives, (1, 10**9, last_chunk)]:
            patch.setattr(tail, "_CHUNK", chunk)  # in several goes, of another size each life
            with path.open("a") as file:
                file.writelines(f"acc={n_lines + n}\n" for n in range(1, n_more + 1))
            n_lines += n_more
            run.steps_left = steps
            reader = a_reader(run, path.parent)
            try:
                reader.pump(is_last=False)
                while reader.pump(is_last=True):
                    pass
            except Killed:
                continue

    assert run.reports == {level: float(level) for level in range(1, n_lines + 1)}
    steps = [step for step, _ in run.points]
    assert steps == sorted(set(steps))
    assert all(values == {"acc": float(step)} for step, values in run.points)


@pytest.mark.usefixtures("trial")
def test_levels_come_as_reports_and_metrics_as_points(gateway: FakeGateway, tmp_path: Path) -> None:
    run = sweepworks.init()
    (tmp_path / "stdout.log").write_text("step=1 loss=0.5 acc=0.1\nstep=2 loss=0.4 acc=0.2\nste")

    reader = a_reader(run, tmp_path)
    assert not reader.pump(is_last=False)
    run.finish()

    reports = [r for flush in gateway.flushes for r in flush.reports]
    assert [(r.level, dict(r.values)) for r in reports] == [(1, {"acc": 0.1}), (2, {"acc": 0.2})]
    assert gateway.points() == {"loss": [(1, 0.5), (2, 0.4)], "acc": [(1, 0.1), (2, 0.2)]}
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"logged": 47, "reported": 47}
