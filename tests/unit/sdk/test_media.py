"""Images, sounds, tables and figures: what becomes of each, and that they never hold a script up."""

import io
import json
import os
import struct
import threading
import time
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sweepworks
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from sweepworks.media import outbox, tables
from sweepworks.media.images import image_content
from sweepworks.run import Run

from tests.fake_gateway import FakeGateway

AWAY = "http://127.0.0.1:1"
PNG = image_content(np.zeros((1, 1), dtype=np.uint8)).encode()


def decode_png(content: bytes) -> np.ndarray[Any, Any]:
    """The pixels, of what the encoder makes: one IDAT, filter 0."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, dict[bytes, bytes]()
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest, chunks[b"IEND"]) == (8, [0, 0, 0], b"")
    channels = {0: 1, 2: 3, 6: 4}[color]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.sampled_from([size, (*size, 1), (*size, 3), (*size, 4)])
)


@settings(deadline=None)
@given(st_numpy.arrays(np.uint8, SHAPES))
def test_the_pixels_of_an_array_are_those_of_its_image(array: np.ndarray[Any, Any]) -> None:
    pixels = decode_png(image_content(array).encode())

    assert np.array_equal(pixels, array.reshape(pixels.shape))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0, 7.0, -1.0, np.nan]]), [0, 128, 255, 255, 0, 0]),
        (np.array([[True, False]]), [255, 0]),
        (np.array([[-3, 100, 1000]]), [0, 100, 255]),
        (np.array([[0, 9], [1, 8]], dtype=np.uint8).T, [0, 1, 9, 8]),
    ],
)
def test_values_of_other_kinds_are_scaled_or_cut(
    array: np.ndarray[Any, Any], expected: list[int]
) -> None:
    assert decode_png(image_content(array).encode()).ravel().tolist() == expected


def test_an_array_that_changes_later_is_stored_as_it_was() -> None:
    array = np.zeros((2, 2))
    content = image_content(array)

    array += 1

    assert not decode_png(content.encode()).any()


class Pillow:
    mode = "RGB"

    def save(self, file: io.BytesIO, format: str) -> None:  # noqa: A002 - its name there
        assert format == "PNG"
        file.write(PNG)


class Tensor:
    """As torch has it."""

    def detach(self) -> "Tensor":
        return self

    def cpu(self) -> "Tensor":
        return self

    def numpy(self) -> Any:
        return np.ones((2, 2), dtype=np.float32)


class Matplotlib:
    def savefig(self, file: io.BytesIO, format: str) -> None:  # noqa: A002 - its name there
        file.write(PNG + format.encode())


class Plotly:
    def to_json(self) -> str:
        return '{"data": []}'


@pytest.fixture
def run(trial: None) -> Run:
    return sweepworks.init()


def stored(gateway: FakeGateway) -> dict[str, tuple[str, bytes]]:
    """Type and bytes of every artifact, by name."""
    return {a["name"]: (a["type"], gateway.blobs[a["sha256"]]) for a in gateway.artifacts}


def test_every_kind_of_media_becomes_an_artifact_of_its_step(
    run: Run, gateway: FakeGateway, tmp_path: Path
) -> None:
    (tmp_path / "cat.jpeg").write_bytes(b"\xff\xd8\xff\xe0 cat")
    (tmp_path / "dog.mp3").write_bytes(b"woof")

    run.log_image("samples", Pillow(), step=3)
    run.log_image("samples", tmp_path / "cat.jpeg", step=4)
    run.log_image("eval/grid", b"RIFF....WEBPVP8")
    run.log_image("eval/grid", Tensor())
    run.log_audio("voice", tmp_path / "dog.mp3", step=1)
    run.log_figure("loss curve", Matplotlib(), step=12)
    run.log_figure("loss curve", Plotly(), step=13)
    run.finish()

    found = stored(gateway)
    assert found == {
        "media/samples/0000000003.png": ("image", PNG),
        "media/samples/0000000004.jpg": ("image", b"\xff\xd8\xff\xe0 cat"),
        "media/eval/grid/0000000000.webp": ("image", b"RIFF....WEBPVP8"),
        "media/eval/grid/0000000001.png": ("image", found["media/eval/grid/0000000001.png"][1]),
        "media/voice/0000000001.mp3": ("audio", b"woof"),
        "media/loss curve/0000000012.png": ("figure", PNG + b"png"),
        "media/loss curve/0000000013.json": ("figure", b'{"data": []}'),
    }
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize(
    ("samples", "channels", "expected"),
    [
        (np.array([0.0, 1.0, -1.0, 2.0, np.nan]), 1, [0, 32767, -32767, 32767, 0]),
        (np.array([[0.5, -0.5], [0, 1]], dtype=np.float32), 2, [16384, -16384, 0, 32767]),
        (np.array([5, -5], dtype=np.int16), 1, [5, -5]),
    ],
)
def test_samples_become_a_sound(
    run: Run,
    gateway: FakeGateway,
    samples: np.ndarray[Any, Any],
    channels: int,
    expected: list[int],
) -> None:
    run.log_audio("tone", samples, sample_rate=8000)
    run.finish()

    ((name, (kind, content)),) = stored(gateway).items()
    assert (name, kind) == ("media/tone/0000000000.wav", "audio")
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (
            channels,
            2,
            8000,
        )
        assert np.frombuffer(file.readframes(99), "<i2").tolist() == expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"table": [{"a": 1, "b": "x"}, {"c": None, "a": np.float32(0.5)}]},
         {"columns": ["a", "b", "c"], "rows": [[1, "x", None], [0.5, None, None]]}),
        ({"table": pd.DataFrame({"a": [1, 2], "b": [0.5, float("nan")]})},
         {"columns": ["a", "b"], "rows": [[1, 0.5], [2, "nan"]]}),
        ({"columns": ["x"], "rows": [(1,), [True]]}, {"columns": ["x"], "rows": [[1], [True]]}),
    ],
)  # fmt: skip
def test_tables_are_columns_and_rows(
    run: Run, gateway: FakeGateway, table: dict[str, Any], expected: dict[str, Any]
) -> None:
    run.log_table("errors", **table, step=7)
    run.finish()

    kind, content = stored(gateway)["media/errors/0000000007.json"]
    assert (kind, json.loads(content)) == ("table", expected)


def test_a_table_that_is_too_long_is_cut_and_says_so(
    run: Run,
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 3)

    run.log_table("t", [{"a": n} for n in range(5)])
    run.finish()

    (_, content) = stored(gateway)["media/t/0000000000.json"]
    assert json.loads(content)["rows"] == [[0], [1], [2]]
    assert "2 rows of the table t are left out" in capfd.readouterr().err


NONSENSE: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "no file": ("log_image", ("/nowhere.png",), "No such file"),
    "other bytes": ("log_image", (b"GIF",), "neither PNG, JPEG, GIF nor WebP"),
    "channels first": ("log_image", (np.zeros((3, 8, 8)),), "(3, 8, 8) is no image"),
    "nothing": ("log_image", (np.zeros((0, 8)),), "is no image"),
    "words": ("log_image", (np.array([["a"]]),), "is no image"),
    "a number": ("log_image", (3,), "int is no array"),
    "no rate": ("log_audio", (np.zeros(3),), "needs a sample_rate"),
    "whole samples": ("log_audio", (np.zeros(3, dtype=np.int64), 8000), "floats from -1 to 1"),
    "a cube of sound": ("log_audio", (np.zeros((3, 3, 3)), 8000), "is no sound"),
    "another file": ("log_audio", ("x.txt",), "does not end with"),
    "a table of words": ("log_table", ("words",), "a table is a list of dicts"),
    "rows of words": ("log_table", (["words"],), "a row of a table is a dict"),
    "no columns": ("log_table", ([],), "1 to 1000 columns, not 0"),
    "no figure": ("log_figure", (object(),), "no figure of matplotlib or plotly"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_what_is_no_media_is_said_and_costs_nothing(
    run: Run, gateway: FakeGateway, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    method, arguments, words = NONSENSE[what]

    getattr(run, method)("x", *arguments)
    run.log({"loss": 1.0})
    run.finish()

    assert gateway.artifacts == []
    assert gateway.points() == {"loss": [(0, 1.0)]}
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "step"), [("../x", 0), ("", 0), ("a//b", 0), ("x" * 250, 0), ("ü", 0), ("x", -1)]
)
def test_a_name_or_a_step_that_cannot_be_is_an_error(run: Run, name: str, step: int) -> None:
    with pytest.raises(ValueError, match=r"name of an artifact|negative"):
        run.log_image(name, PNG, step=step)
    run.finish()


def test_the_first_image_of_a_step_stands(
    run: Run, gateway: FakeGateway, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway.taken = {"media/again/0000000001.png"}  # by an earlier attempt

    run.log_image("again", PNG, step=1)
    assert capfd.readouterr().err == ""
    run.log_image("x", PNG, step=1)
    run.log_image("x", Pillow(), step=1)
    run.finish()

    assert list(stored(gateway)) == ["media/x/0000000001.png"]
    assert "x was logged at step 1 before" in capfd.readouterr().err


def test_a_gateway_that_takes_nothing_does_not_slow_the_loop_and_what_is_left_out_is_counted(
    run: Run,
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(outbox, "_MOST_BYTES", 10 * len(PNG))
    gateway.take.clear()
    run.log_image("first", PNG)
    assert gateway.puts.wait(10)

    began = time.perf_counter()
    for _ in range(500):
        run.log_image("many", PNG)
    took = time.perf_counter() - began
    gateway.take.set()
    run.finish()

    assert took < 2
    said = capfd.readouterr().err
    assert said.count("some are left out") == 1
    n_stored = len(stored(gateway))
    assert 1 < n_stored <= 11
    assert f"{501 - n_stored} images, sounds, tables or figures were left out" in said


def test_media_wait_in_the_spool_while_the_gateway_is_away(
    trial: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", AWAY)
    monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "1")
    run = sweepworks.init()

    for _ in range(3):
        run.log_image("x", PNG)
    run.finish()

    notes = [json.loads(path.read_text()) for path in (tmp_path / "spool").glob("*.json")]
    names = sorted(note["described"]["name"] for note in notes)
    assert names == [f"media/x/{n:010d}.png" for n in range(3)]
    assert list((tmp_path / "spool").glob("*-media-*")) == []


def test_a_forked_child_stores_nothing(run: Run, gateway: FakeGateway) -> None:
    run.log_image("parent", PNG)

    pid = os.fork()
    if pid == 0:
        run.log_image("child", PNG)
        os._exit(7 if threading.active_count() == 1 else 8)
    _, status = os.waitpid(pid, 0)
    run.finish()

    assert os.waitstatus_to_exitcode(status) == 7
    assert list(stored(gateway)) == ["media/parent/0000000000.png"]
