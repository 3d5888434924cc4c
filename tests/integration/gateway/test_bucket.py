"""Artifacts between a script and a bucket: their bytes never pass the gateway."""

import contextlib
import random
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from sweepworks import parts, uploading
from sweepworks.artifacts import Changed, describe
from sweepworks.connection import Connection, Unreachable
from sweepworks.downloading import download
from sweepworks.uploading import upload

from storage.artifacts.location import BucketLocation
from tests.integration.gateway.conftest import Platform, listening
from tests.plugins.postgres import Database
from tests.plugins.s3 import PART_BYTES, S3Server

LARGE = random.Random(5).randbytes(19 * PART_BYTES // 2)  # ten parts


@pytest.fixture
def platform(
    database: Database, tmp_path: Path, bucket: BucketLocation, monkeypatch: pytest.MonkeyPatch
) -> Generator[Platform, None, None]:
    monkeypatch.setattr(parts, "LEAST_BYTES", PART_BYTES)
    monkeypatch.setattr(uploading, "_FIRST_PAUSE_SECONDS", 0.05)
    with listening(database, tmp_path, artifacts=bucket) as platform:
        yield platform


@pytest.fixture
def send(platform: Platform, tmp_path: Path) -> Callable[..., str]:
    """Store bytes as an artifact of a new run; returns the run."""

    def send(content: bytes, *, patience: float = 20) -> str:
        run, token = platform.scratch()
        file = tmp_path / "model"
        file.write_bytes(content)
        described = describe(file, "models/best model", "file")
        with contextlib.closing(Connection(platform.url, token)) as connection:
            upload(connection, run, file, described, beat=lambda: None, patience_seconds=patience)
        return run

    return send


def fetched(platform: Platform, run: str, target: Path) -> bytes:
    (found,) = platform.run(run)["artifacts"]
    described = describe(target.with_name("model"), found["name"], found["type"])
    token = platform.client.post(
        f"/api/v1/runs/{run}/token", headers={"Authorization": "Bearer swt_of-this-home"}
    ).json()["token"]
    with contextlib.closing(Connection(platform.url, token)) as connection:
        download(connection, run, described, target, beat=lambda: None)
    return target.read_bytes()


@pytest.mark.parametrize("content", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_what_goes_in_comes_out(
    platform: Platform, send: Callable[..., str], tmp_path: Path, content: bytes
) -> None:
    run = send(content)

    assert fetched(platform, run, tmp_path / "got") == content


def test_known_bytes_move_no_second_time(
    platform: Platform, send: Callable[..., str], s3_server: S3Server
) -> None:
    send(LARGE)
    s3_server.fault("PUT", status=500, code="InternalError", times=99)

    run = send(LARGE)

    assert [one["size_bytes"] for one in platform.run(run)["artifacts"]] == [len(LARGE)]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (404, "NoSuchBucket"),
        (500, "InternalError"),
        (503, "SlowDown"),
        (400, "RequestTimeout"),
    ],
)
def test_parts_that_are_refused_come_again(
    platform: Platform,
    send: Callable[..., str],
    s3_server: S3Server,
    tmp_path: Path,
    status: int,
    code: str,
) -> None:
    s3_server.fault("PUT", "partNumber", status=status, code=code, times=5)

    run = send(LARGE)

    assert fetched(platform, run, tmp_path / "got") == LARGE


def test_a_bucket_that_stays_away_keeps_what_it_has(
    platform: Platform, send: Callable[..., str], s3_server: S3Server, tmp_path: Path
) -> None:
    s3_server.fault("PUT", "partNumber=7", status=403, code="AccessDenied", times=999)
    with pytest.raises(Unreachable):
        send(LARGE, patience=0.3)
    s3_server.fault("PUT", "partNumber=1&", status=500, code="InternalError", times=999)

    run = send(LARGE, patience=1)  # which does not need the first part any more

    assert fetched(platform, run, tmp_path / "got") == LARGE


def test_a_bucket_that_is_gone_is_said_by_the_gateway(
    platform: Platform, send: Callable[..., str], s3_server: S3Server
) -> None:
    s3_server.fault("HEAD", status=404, code="NoSuchBucket", times=999)

    with pytest.raises(Unreachable, match="does not exist"):
        send(b"small")


def test_another_file_than_was_described_is_not_stored(platform: Platform, tmp_path: Path) -> None:
    for content in (b"small", LARGE):
        run, token = platform.scratch()
        file = tmp_path / "model"
        file.write_bytes(content)
        described = describe(file, "model", "file")
        file.write_bytes(bytes(len(content)))
        with (
            contextlib.closing(Connection(platform.url, token)) as connection,
            pytest.raises(Changed),
        ):
            upload(connection, run, file, described, beat=lambda: None, patience_seconds=5)
        assert platform.run(run)["artifacts"] == []
