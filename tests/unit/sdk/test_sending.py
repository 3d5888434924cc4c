"""Batches on their way: what is an answer of the gateway's, and what is not."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import psutil
import pytest
import sweepworks
from sweepworks.connection import Connection, Unreachable
from sweepworks.decisions import await_decision
from sweepworks.frames import read_batches
from sweepworks.spool import Spool, read_spool
from sweepworks.wire import decode_flush

from tests.fake_gateway import FakeGateway
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("trial")


@pytest.mark.parametrize("status", [404, 301, 400, 403, 501, 502, 200, 204])
def test_what_a_proxy_says_is_no_answer(gateway: FakeGateway, status: int) -> None:
    gateway.foreign = [(status, b"<html>default backend</html>")] * 2
    run = sweepworks.init()

    run.report(1, val=0.5)
    run.finish()

    assert gateway.foreign == []
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert gateway.flushes[-1].finish == "completed"


@pytest.mark.parametrize("status", [401, 408, 429])
def test_what_may_be_otherwise_the_next_time_costs_nothing(
    gateway: FakeGateway, status: int
) -> None:
    gateway.answers = [status, status]
    run = sweepworks.init()

    run.report(1, val=0.5)
    run.finish()

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]


def test_of_a_sealed_run_nothing_more_is_sent_and_everything_is_kept(
    gateway: FakeGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sweepworks.init()
    run.report(1, val=0.5)
    wait_until(lambda: len(gateway.flushes) == 1)
    gateway.answers = [409]
    run.report(2, val=0.5)
    wait_until(lambda: not gateway.answers)

    for level in (3, 4):
        run.log({"loss": 1.0}, step=level)
        run.report(level, val=0.5)
    began = time.monotonic()
    run.finish()

    assert time.monotonic() - began < 5, "there is nothing to wait for"
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    (kept,) = (tmp_path / "spool").glob("*.spool")
    flushes = [decode_flush(batch) for _, batch in read_spool(kept)]
    assert [r.level for flush in flushes for r in flush.reports] == [2, 3, 4]
    assert flushes[-1].finish == "completed"
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "sweepworks: nothing more of this run is stored: because",
        f"sweepworks: not everything is stored; the rest is kept in {kept}",
    ]


def test_what_is_refused_is_kept_although_the_spool_is_emptied(
    gateway: FakeGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers = [422]
    run = sweepworks.init()
    for step in range(100_000):  # beyond the megabyte at which a spool is emptied
        run.log({"loss": 1.0}, step=step)
    run.report(1, val=0.5)
    run.report(2, val=0.5)
    run.finish()

    (kept,) = (tmp_path / "spool").iterdir()
    assert kept.suffix == ".refused"
    (first,) = [decode_flush(batch) for _, batch in read_batches(kept)]
    stored = sum(flush.n_points for flush in gateway.flushes)
    assert first.n_points + stored == 100_000
    assert str(kept) in capsys.readouterr().err


class OneRequest(BaseHTTPRequestHandler):
    """A server that closes each connection without a word once it has answered."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True


def test_a_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneRequest)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    connection = Connection(f"http://127.0.0.1:{server.server_port}", "token")
    try:
        for _ in range(3):
            assert connection.request("POST", "/", b"body")[0] == 200
            time.sleep(0.05)  # its end arrives
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
        thread.join()


class Talker:
    """A server that sends what it is given, piece by piece, to one connection after the other."""

    def __init__(self, pieces: Iterable[bytes], *, pause_seconds: float = 0.0) -> None:
        self._pieces = list(pieces)
        self._pause_seconds = pause_seconds
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                for piece in self._pieces:
                    connection.sendall(piece)
                    time.sleep(self._pause_seconds)


DRIPS = [bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]


def test_a_decision_that_comes_in_drips_is_not_waited_for_longer() -> None:
    with Talker(DRIPS, pause_seconds=0.05) as talker:
        connection = Connection(talker.url, "t")
        began = time.monotonic()
        decision = await_decision(connection, "r", 1, seconds=0.2)
        took = time.monotonic() - began

    assert decision is None
    assert 0.15 < took < 0.6


def test_an_answer_in_drips_that_comes_in_time_is_one() -> None:
    with Talker(DRIPS, pause_seconds=0.005) as talker:
        connection = Connection(talker.url, "t", timeout_seconds=5.0)
        status, _, answer = connection.request("GET", "/x")
        connection.close()

    assert (status, answer) == (200, {})


def test_a_download_may_take_longer_than_a_piece_of_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    came: list[bytes] = []
    with Talker([head, *[b"x"] * 10], pause_seconds=0.06) as talker:
        connection = Connection(talker.url, "t", timeout_seconds=0.3)
        connection.download("/x", came.append)
        connection.close()

    assert b"".join(came) == b"x" * 10


@pytest.mark.parametrize("head", [b"", b"Content-Length: 62914560\r\n"])
def test_an_answer_without_end_is_not_read_to_its_end(head: bytes) -> None:
    def pieces() -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"
        for _ in range(60):
            yield b" " * 1024 * 1024

    with Talker(pieces()) as talker:
        connection = Connection(talker.url, "t")
        with pytest.raises(Unreachable, match="too long"):
            connection.request("GET", "/x")


def test_an_answer_that_breaks_off_is_none() -> None:
    with Talker([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"]) as talker:
        connection = Connection(talker.url, "t")
        with pytest.raises(Unreachable, match="IncompleteRead"):
            connection.request("GET", "/x")


@pytest.mark.parametrize("status", [200, 500])
def test_json_that_is_nested_without_end_is_no_answer(gateway: FakeGateway, status: int) -> None:
    gateway.foreign = [(status, b"[" * 100_000)] * 2
    run = sweepworks.init()

    run.report(1, val=0.5)
    run.finish()

    assert gateway.foreign == []
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]


def test_a_disk_that_cannot_be_written_does_not_end_the_sending(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Spool, "append", full)
    run = sweepworks.init()

    run.log({"loss": 1.0})
    run.report(1, val=0.5)
    run.finish()

    assert gateway.points() == {"loss": [(0, 1.0)]}
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert "No space left" in capsys.readouterr().err


def test_a_spool_folder_that_cannot_be_made_does_not_stop_the_script(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SWEEPWORKS_SPOOL_DIR", str(tmp_path / "file" / "spool"))
    run = sweepworks.init()

    run.report(1, val=0.5)
    run.finish()

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_forked_child_lets_go_of_the_spool(tmp_path: Path) -> None:
    run = sweepworks.init()
    (file,) = (tmp_path / "spool").glob("*.spool")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reader, 1)  # lives on
        os._exit(0)

    try:
        wait_until(lambda: file not in open_files(pid), seconds=5)
        assert file in open_files(os.getpid())
    finally:
        os.write(writer, b"x")
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
        run.finish()


def open_files(pid: int) -> set[Path]:
    return {Path(file.path) for file in psutil.Process(pid).open_files()}


@pytest.mark.usefixtures("scratch")
def test_after_its_end_a_scratch_run_is_followed_by_another(gateway: FakeGateway) -> None:
    first = sweepworks.init(params={"lr": 1.0})
    first.finish()

    second = sweepworks.init(params={"lr": 2.0})
    second.finish()

    assert second is not first
    assert [asked["params"] for asked in gateway.scratch_runs] == [{"lr": 1.0}, {"lr": 2.0}]


def test_after_its_end_a_trial_says_that_nothing_more_is_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = sweepworks.init()
    first.finish()

    assert sweepworks.init() is first
    assert "is finished" in capsys.readouterr().err
