"""Files in parts: sent once, resumed where they were cut, and never another file."""

import contextlib
import hashlib
import random
import tempfile
import threading
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweepworks import parts, uploading
from sweepworks.artifacts import Changed, Description, Refused, describe
from sweepworks.connection import Connection, Unreachable
from sweepworks.uploading import upload

from tests.fake_gateway import FakeGateway

RUN = "demo-abcdefgh-00001"
CONTENT = random.Random(3).randbytes(9_500)  # ten parts


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 1000)
    monkeypatch.setattr(uploading, "_FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def send(gateway: FakeGateway, file: Path) -> Generator[Callable[..., None], None, None]:
    """Upload the file."""
    with contextlib.closing(Connection(gateway.url, "t")) as connection:

        def send(described: Description | None = None, **options: Any) -> None:
            described = described or describe(file, "model", "file")
            options.setdefault("beat", lambda: None)
            upload(connection, RUN, file, described, **options)

        yield send


def sent(gateway: FakeGateway) -> list[int]:
    """Numbers of the parts that came, in order of their names."""
    return sorted(number for arrived in gateway.parts.values() for number in arrived)


def test_a_large_file_comes_in_parts(gateway: FakeGateway, send: Callable[..., None]) -> None:
    send()

    assert list(gateway.blobs.values()) == [CONTENT]
    assert sent(gateway) == list(range(1, 11))
    assert [artifact["name"] for artifact in gateway.artifacts] == ["model"]


def test_what_is_there_is_not_sent_again(gateway: FakeGateway, send: Callable[..., None]) -> None:
    send()
    gateway.puts.clear()

    send()

    assert not gateway.puts.is_set()
    assert len(gateway.artifacts) == 2


def test_what_was_cut_goes_on_where_it_was(
    gateway: FakeGateway, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[str] = []
    put = gateway.put

    def counted(path: str, body: bytes) -> tuple[int, bytes]:
        came.append(path)
        return put(path, body) if len(came) <= 5 else (503, b'{"error": "away"}')

    monkeypatch.setattr(gateway, "put", counted)
    with pytest.raises(Unreachable):
        send()
    arrived = sent(gateway)
    monkeypatch.setattr(gateway, "put", put)
    gateway.puts.clear()

    send()

    assert len(arrived) == 5
    assert list(gateway.blobs.values()) == [CONTENT]


@pytest.mark.parametrize("status", [302, 401, 408, 429, 500, 503, 507])
def test_parts_of_which_one_is_lost_are_asked_for_again(
    gateway: FakeGateway, send: Callable[..., None], status: int
) -> None:
    gateway.put_answers = [status] * 3

    send(patience_seconds=10)

    assert list(gateway.blobs.values()) == [CONTENT]


def test_a_store_that_stays_away_is_given_up_after_a_while(
    gateway: FakeGateway, send: Callable[..., None]
) -> None:
    gateway.put_answers = [503] * 10_000

    with pytest.raises(Unreachable):
        send(patience_seconds=0.2)

    assert gateway.artifacts == []


def test_bytes_that_are_lost_before_the_commit_are_brought_again(
    gateway: FakeGateway, send: Callable[..., None]
) -> None:
    gateway.lost_blobs = 2

    send()

    assert list(gateway.blobs.values()) == [CONTENT]
    assert [artifact["name"] for artifact in gateway.artifacts] == ["model"]


def test_a_store_that_always_loses_them_is_not_tried_for_ever(
    gateway: FakeGateway, send: Callable[..., None]
) -> None:
    gateway.lost_blobs = 1000

    with pytest.raises(Unreachable, match="loses"):
        send(patience_seconds=100)

    assert gateway.artifacts == []


def test_a_store_that_puts_it_together_is_waited_for(
    gateway: FakeGateway, send: Callable[..., None]
) -> None:
    gateway.finishing = 30  # of pauses that are longer than the patience together

    send(patience_seconds=0.05)

    assert gateway.finishing == 0
    assert [artifact["name"] for artifact in gateway.artifacts] == ["model"]


def test_a_commit_without_an_answer_is_asked_for_again(
    gateway: FakeGateway, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "_ANSWER_SECONDS", 0.5)
    gateway.silent_commits, gateway.finishing = 1, 3

    send(patience_seconds=0.1)  # less than the silence

    assert [artifact["name"] for artifact in gateway.artifacts] == ["model"]


def test_commits_that_never_have_an_answer_are_given_up(
    gateway: FakeGateway, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "_ANSWER_SECONDS", 0.2)
    gateway.silent_commits = 1000

    with pytest.raises(Unreachable):
        send(patience_seconds=0.1)

    assert gateway.artifacts == []


def test_a_file_that_became_shorter_is_another_file(
    gateway: FakeGateway, send: Callable[..., None], file: Path
) -> None:
    described = describe(file, "model", "file")
    file.write_bytes(CONTENT[:5_000])

    with pytest.raises(Changed):
        send(described, patience_seconds=100)

    assert gateway.artifacts == []


@pytest.mark.parametrize("status", [413, 422])
def test_a_file_with_other_bytes_is_another_file(
    gateway: FakeGateway, send: Callable[..., None], status: int
) -> None:
    gateway.put_answers = [status]

    with pytest.raises(Changed):
        send(patience_seconds=100)

    assert gateway.artifacts == []


def test_what_is_refused_is_not_asked_again(
    gateway: FakeGateway, send: Callable[..., None]
) -> None:
    gateway.taken = {"model"}

    with pytest.raises(Refused):
        send(patience_seconds=100)

    assert sent(gateway) == []


def test_a_description_without_sums_gets_them(
    gateway: FakeGateway, send: Callable[..., None]
) -> None:
    sha256 = hashlib.sha256(CONTENT).hexdigest()

    send(Description("model", "file", sha256, len(CONTENT)))

    assert len(gateway.artifacts[0]["crc32"]) == 10


def test_signs_of_life_come_from_the_thread_that_asked_alone(send: Callable[..., None]) -> None:
    threads: set[int] = set()

    send(beat=lambda: threads.add(threading.get_ident()))

    assert threads == {threading.get_ident()}


def test_a_process_that_ends_sends_one_part_after_the_other(
    gateway: FakeGateway, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    start = threading.Thread.start
    monkeypatch.setattr(
        threading.Thread,
        "start",
        lambda thread: refuse(thread) if thread.name.endswith("(work)") else start(thread),
    )

    send()

    assert list(gateway.blobs.values()) == [CONTENT]


@given(st.binary(max_size=5_000))
def test_a_file_is_described_by_sums_of_its_parts(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        described = describe(path, "file", "file")

    starts = range(0, len(content), 1000)
    sums = tuple(zlib.crc32(content[at : at + 1000]) for at in starts)
    assert described.sha256 == hashlib.sha256(content).hexdigest()
    assert described.size == len(content)
    assert described.crc32 == (sums if len(sums) > 1 else ())


def test_what_is_written_behind_the_end_meanwhile_is_left_out(file: Path) -> None:
    written: list[None] = []

    def beat() -> None:
        if not written:
            written.append(None)
            with file.open("ab") as end:
                end.write(b"more")

    described = describe(file, "model", "file", beat=beat)

    assert (described.size, described.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
