"""Files that wait, change, or cannot be taken."""

import contextlib
import json
import os
import shutil
from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import sweepworks
from sweepworks import part_requests, resend, uploads
from sweepworks.artifacts import Description
from sweepworks.connection import Connection
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads

from tests.fake_gateway import FakeGateway
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("trial")
AWAY = "http://127.0.0.1:1"


@pytest.fixture
def away(trial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", AWAY)
    monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "0.1")


@pytest.fixture
def spool(tmp_path: Path) -> Generator[Spool, None, None]:
    made = Spool.create(tmp_path / "spool", "demo-abcdefgh-00001-" + "a" * 16)
    yield made
    made.close()


def left_in(folder: Path) -> Path:
    (file,) = folder.glob("*.spool")
    return file


def send(path: Path, run: str, gateway: FakeGateway, said: list[str]) -> bool:
    with contextlib.closing(Connection(gateway.url, "t")) as connection:
        return resend.resend(path, run, connection, say=lambda _, why: said.append(why)).is_done


@pytest.mark.usefixtures("away")
def test_a_file_that_changes_while_it_is_copied_is_stored_as_the_copy_is(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sweepworks.init()
    file = tmp_path / "model.bin"
    file.write_bytes(b"first")
    copyfile = shutil.copyfile

    def meanwhile(source: Path, target: Path) -> Any:
        source.write_bytes(b"another, longer one")
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", meanwhile)
    run.log_artifact(file)
    run.finish()

    said: list[str] = []
    sent = send(left_in(tmp_path / "spool"), run.id, gateway, said)

    assert sent
    assert said == []
    assert list(gateway.blobs.values()) == [b"another, longer one"]
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.usefixtures("away")
def test_a_copy_that_was_cut_short_is_said_and_holds_nothing_up(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    run = sweepworks.init()
    for name in ("cut", "good"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
        run.log_artifact(tmp_path / name)
    run.report(1, val=0.5)
    run.finish()
    spool = tmp_path / "spool"
    cut = min(p for p in spool.iterdir() if p.suffix == "")
    cut.write_bytes(b"cut")

    said: list[str] = []
    sent = send(left_in(spool), run.id, gateway, said)

    assert sent
    assert [artifact["name"] for artifact in gateway.artifacts] == ["good"]
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    (why,) = said
    assert "'cut'" in why
    assert "shorter" in why


@pytest.mark.usefixtures("away")
def test_a_file_that_the_gateway_cannot_take_now_keeps_no_report_back(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    run = sweepworks.init()
    for name in ("full", "good"):
        (tmp_path / name).write_bytes(name.encode())
        run.log_artifact(tmp_path / name)
    run.report(1, val=0.5)
    run.finish()
    gateway.unavailable = {"full"}
    path = left_in(tmp_path / "spool")

    sent = send(path, run.id, gateway, [])

    assert not sent
    assert [artifact["name"] for artifact in gateway.artifacts] == ["good"]
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert {flush.finish for flush in gateway.flushes} == {None}, "else nothing more is taken"
    gateway.unavailable = set()
    assert send(path, run.id, gateway, [])
    assert [artifact["name"] for artifact in gateway.artifacts] == ["good", "full"]
    assert gateway.flushes[-1].finish == "completed"
    assert list(path.parent.iterdir()) == []


@pytest.mark.usefixtures("away")
def test_copies_count_in_the_limit_of_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWEEPWORKS_SPOOL_MEGABYTES", "0.01")
    run = sweepworks.init()
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * 6000)
        run.log_artifact(tmp_path / name)
    run.finish()

    assert [p.stat().st_size for p in (tmp_path / "spool").iterdir() if p.suffix == ""] == [6000]
    assert "'b' is not stored: the gateway is away, and 6000 bytes" in capsys.readouterr().err


@pytest.mark.usefixtures("away")
def test_half_a_copy_goes_with_its_writer(gateway: FakeGateway, tmp_path: Path) -> None:
    run = sweepworks.init()
    run.report(1, val=0.5)
    run.finish()
    path = left_in(tmp_path / "spool")
    path.with_name(f"{path.stem}-123-0").write_bytes(b"hal")

    assert send(path, run.id, gateway, [])
    assert list(path.parent.iterdir()) == []
    assert gateway.artifacts == []


A_PART: dict[str, Any] = {
    "number": 1,
    "offset": 0,
    "size": 7,
    "method": "PUT",
    "url": "/x",
    "headers": {},
}
NONSENSE: list[tuple[int, bytes]] = [
    (302, b""),
    (200, b""),
    (204, b""),
    (200, b"{}"),
    (200, b"[]"),
    (200, b"<html>sign in</html>"),
    (200, b"[" * 100_000),
    (404, b"<html>default backend</html>"),
    (403, b""),
    (502, b"<html>bad gateway</html>"),
    (200, b'{"upload": true}'),
    (200, b'{"upload": {}}'),
    (200, b'{"upload": {"x": 1}}'),
    (200, b'{"upload": {"method": "PUT", "url": "/x", "headers": {}}}'),
    (200, b'{"upload": {"parts": null}}'),
    (200, b'{"upload": {"parts": [1]}}'),
    (200, b'{"upload": {"parts": [{}]}}'),
    *(
        (200, json.dumps({"upload": {"parts": [{**A_PART, **changes}]}}).encode())
        for changes in (
            {"url": None},
            {"url": "nowhere"},
            {"url": "http://["},
            {"url": "http://a:b/"},
            {"method": "P\n"},
            {"headers": {"a": "b\r\nc"}},
            {"headers": {"a": 1}},
            {"headers": ["a"]},
            {"number": 0},
            {"number": 2},
            {"number": "1"},
            {"number": None},
            {"offset": 1},
            {"size": 8},
            {"size": None},
        )
    ),
]


@pytest.mark.parametrize(("status", "body"), NONSENSE)
def test_what_is_no_answer_stores_nothing(
    gateway: FakeGateway, spool: Spool, tmp_path: Path, status: int, body: bytes
) -> None:
    (tmp_path / "model").write_text("weights")
    gateway.foreign = [(status, body)]
    files = uploads_to(gateway.url, spool)

    is_answered = files.store(tmp_path / "model", "model", "file")

    assert not is_answered
    assert not files.is_idle
    files.retry(beat=lambda: None)
    assert files.is_idle
    assert [artifact["name"] for artifact in gateway.artifacts] == ["model"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (302, b""),
        (204, b""),
        (201, b""),
        (201, b"{}"),
        (200, b'{"artifact": null}'),
        (201, b'{"artifact": null}'),
        (201, b'{"artifact": {"sha256": "another"}}'),
        (404, b"<html>default backend</html>"),
    ],
)
def test_what_is_no_answer_to_a_commit_leaves_the_copy(
    gateway: FakeGateway,
    spool: Spool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
) -> None:
    (tmp_path / "model").write_text("weights")
    real, foreign = gateway.answer_to, [(status, body)] * 2
    monkeypatch.setattr(
        gateway,
        "answer_to",
        lambda path, sent: (
            foreign.pop() if path.endswith("/commit") and foreign else real(path, sent)
        ),
    )
    files = uploads_to(gateway.url, spool)

    assert not files.store(tmp_path / "model", "model", "file")
    files.retry(beat=lambda: None)
    assert not files.is_idle
    files.retry(beat=lambda: None)

    assert files.is_idle
    assert [artifact["name"] for artifact in gateway.artifacts] == ["model"]


def test_a_store_that_answers_otherwise_than_the_gateway_has_not_taken_it(
    gateway: FakeGateway, spool: Spool, tmp_path: Path
) -> None:
    (tmp_path / "model").write_text("weights")
    gateway.put_answers = [302, 200]
    files = uploads_to(gateway.url, spool)

    assert not files.store(tmp_path / "model", "model", "file")
    files.retry(beat=lambda: None)
    assert not files.is_idle
    assert gateway.artifacts == []
    files.retry(beat=lambda: None)

    assert list(gateway.blobs.values()) == [b"weights"]


def test_an_upload_to_nowhere_costs_no_report(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_RUNGS", "1")
    (tmp_path / "ckpt").write_text("weights")
    run = sweepworks.init()
    gateway.foreign = [(200, b'{"upload": {"x": 1}}')]

    run.report(1, val=0.5, checkpoint=tmp_path / "ckpt")
    run.finish()

    assert gateway.arrivals == ["checkpoints/0000000001/ckpt", "report 1"]


@pytest.fixture
def hanging_store(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[sweepworks.Run, None, None]:
    """A run whose checkpoint of level 1 waits, since the store takes no bytes."""
    monkeypatch.setattr(part_requests, "_STORE_SECONDS", 0.2)
    monkeypatch.setenv("SWEEPWORKS_RUNGS", "1")
    monkeypatch.setenv("SWEEPWORKS_DECISION_TIMEOUT", "0.2")
    (tmp_path / "ckpt").write_text("weights")
    gateway.take.clear()
    run = sweepworks.init()
    run.report(1, val=0.5, checkpoint=tmp_path / "ckpt")
    yield run
    gateway.take.set()
    run.finish()


def test_a_report_waits_for_its_checkpoint_while_the_store_hangs(
    gateway: FakeGateway, hanging_store: sweepworks.Run
) -> None:
    for _ in range(2):
        gateway.puts.clear()
        assert gateway.puts.wait(5.0), "it is tried again and again"

    assert gateway.arrivals == []
    gateway.take.set()
    hanging_store.finish()
    assert gateway.arrivals == ["checkpoints/0000000001/ckpt", "report 1"]


def test_a_store_that_hangs_holds_nothing_back_for_ever(
    gateway: FakeGateway, hanging_store: sweepworks.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging_store.log({"loss": 1.0})
    monkeypatch.setattr(uploads, "_HOLD_SECONDS", 0.5)

    wait_until(lambda: gateway.points() == {"loss": [(0, 1.0)]})

    assert gateway.arrivals == ["report 1"]
    gateway.take.set()
    hanging_store.finish()
    assert gateway.arrivals == ["report 1", "checkpoints/0000000001/ckpt"]


def test_with_the_gateway_away_a_report_waits_for_its_checkpoint_however_long(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_HOLD_SECONDS", 0.0)
    (tmp_path / "model").write_text("weights")
    waiting = uploads_to(AWAY, spool)
    waiting.store(tmp_path / "model", "model", "file")

    waiting.retry(beat=lambda: None)

    assert not waiting.is_answered


@pytest.fixture
def wide_umask() -> Generator[None, None, None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("away", "wide_umask")
def test_what_waits_is_its_owners_to_read(tmp_path: Path) -> None:
    run = sweepworks.init()
    (tmp_path / "secret").write_text("x")
    run.log_artifact(tmp_path / "secret")
    run.finish()

    modes = {p.suffix: p.stat().st_mode & 0o777 for p in (tmp_path / "spool").iterdir()}

    assert modes == {"": 0o600, ".json": 0o600, ".spool": 0o600}


def test_a_file_is_kept_while_another_thread_takes_from_those_that_wait(
    spool: Spool, tmp_path: Path
) -> None:
    files = uploads_to(None, spool)
    waiting: deque[Any] = files._waiting
    (tmp_path / "model").write_text("x")

    class TakenMeanwhile:
        """One that waits; at the moment it is looked at, the other thread has its turn."""

        @property
        def described(self) -> Description:
            waiting.append(waiting.popleft())
            return Description("other", "file", "0" * 64, 1)

    waiting.extend([TakenMeanwhile(), TakenMeanwhile()])

    files.store(tmp_path / "model", "model", "file")

    assert [upload.described.name for upload in list(waiting)].count("model") == 1


def uploads_to(url: str | None, spool: Spool) -> Uploads:
    return Uploads(
        "demo-abcdefgh-00001",
        connection=None if url is None else Connection(url, "t"),
        spool=spool,
        is_away=lambda: False,
        patience_seconds=1.0,
        limit_bytes=10**9,
        beat=lambda: None,
        say=lambda _, __: None,
    )
