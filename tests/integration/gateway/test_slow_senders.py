"""Senders that announce much and bring little."""

import contextlib
import hashlib
import socket
import time
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sweepworks.wire import MAX_BYTES, encode_flush

from tests.integration.gateway.conftest import (
    TOKEN,
    Platform,
    a_flush,
    bearer,
    listening,
    some_points,
    wait_for,
)
from tests.plugins.postgres import Database

SECONDS = 0.6


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Generator[Platform, None, None]:
    with listening(database, tmp_path, body_seconds=SECONDS) as platform:
        yield platform


def request(
    platform: Platform, method: str, path: str, token: str, *, announced: int, brought: bytes
) -> socket.socket:
    """A connection that says how much will come, brings less, and waits."""
    parts = urlsplit(platform.url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
    )
    connection.sendall(head.encode() + brought)
    return connection


def answer_on(connection: socket.socket) -> str:
    """Everything until the server closes the connection."""
    said = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            said += part
    return said.decode()


def backlog(platform: Platform) -> int:
    text = platform.client.get("/metrics").text
    return int(float(text.partition("\nsweepworks_ingest_backlog_bytes ")[2].split()[0]))


def test_what_was_only_announced_takes_nobodys_place(platform: Platform) -> None:
    run, token = platform.scratch()
    stalled = [
        request(platform, "POST", "/api/v1/ingest", token, announced=MAX_BYTES, brought=b"SWF1")
        for _ in range(9)
    ]
    held = wait_for(lambda: backlog(platform) == 9 * 4)

    answer = platform.flush(a_flush(run, points=some_points(100)))

    assert held
    assert answer.status_code == 200, answer.text
    for connection in stalled:
        connection.close()
    wait_for(lambda: backlog(platform) == 0)


def test_who_stalls_is_told_and_hung_up_on(platform: Platform) -> None:
    _run, token = platform.scratch()
    began = time.monotonic()

    said = answer_on(
        request(platform, "POST", "/api/v1/ingest", token, announced=5000, brought=bytes(2000))
    )

    assert SECONDS <= time.monotonic() - began < SECONDS + 5
    head, _, body = said.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 408 ")
    assert "retry-after: 1" in head.lower()
    assert body.startswith('{"error": "the body does not come')
    assert backlog(platform) == 0
    assert 'requests_total{status="408"} 1' in platform.client.get("/metrics").text


def test_what_is_too_large_is_refused_before_it_comes(platform: Platform) -> None:
    _run, token = platform.scratch()
    connection = request(
        platform, "POST", "/api/v1/ingest", token, announced=MAX_BYTES + 1, brought=b""
    )

    began = time.monotonic()
    with connection:
        said = connection.recv(65536)

    assert said.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < SECONDS


def test_a_slow_body_that_comes_is_stored(platform: Platform) -> None:
    run, token = platform.scratch()
    body = encode_flush(a_flush(run, points=some_points(100_000)))  # 2.4 MB

    def slowly():
        for at in range(0, len(body), 500_000):
            yield body[at : at + 500_000]
            time.sleep(SECONDS / 3)

    headers = {**bearer(token), "Content-Type": "application/x-sweepworks-flush"}
    answer = platform.client.post("/api/v1/ingest", content=slowly(), headers=headers)

    assert answer.status_code == 200, answer.text


def test_a_blob_that_stalls_is_given_up_and_leaves_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    run, token = platform.scratch()
    content = bytes(3_000_000)
    described = {
        "name": "m",
        "type": "file",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    begun = platform.client.post(
        f"/api/v1/runs/{run}/artifacts", json=described, headers=bearer(token)
    )
    url = begun.json()["upload"]["parts"][0]["url"]

    said = answer_on(
        request(platform, "PUT", url, token, announced=len(content), brought=content[:1_500_000])
    )

    assert said.startswith("HTTP/1.1 408 ")
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


def test_other_bodies_are_not_waited_for_either(platform: Platform) -> None:
    said = answer_on(
        request(platform, "POST", "/api/v1/runs", TOKEN, announced=1000, brought=b'{"params":')
    )

    assert said.startswith("HTTP/1.1 408 ")
