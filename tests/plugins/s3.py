"""A server that speaks like S3, and a bucket of its own for every test that asks.

With SWEEPWORKS_TEST_S3=http://HOST:PORT it is that server, with a key `somebody` whose secret is
`a-secret`, behind what makes the ordered faults.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.artifacts.location import BucketLocation
from storage.artifacts.s3_client import s3_client
from tests.strict_s3 import SECRET

UPSTREAM = os.environ.get("SWEEPWORKS_TEST_S3")
PART_BYTES = 5 * 1024 * 1024 if UPSTREAM else 1000  # the least it takes, but for the last one


@dataclass(frozen=True, slots=True)
class S3Server:
    """Address of the server, and what is to go wrong there."""

    url: str

    def fault(
        self, *words: str, status: int, code: str, times: int = 1, after: bool = False
    ) -> None:
        """Refuse the next requests whose method, path and query have all the words.

        Args:
            after: When they have had their effect.
        """
        when = "after" if after else "before"
        order = {"words": words, "status": status, "code": code, "times": times, "when": when}
        self._order([order])

    def hide_sums(self) -> None:
        """Leave the sums out of the next list of parts."""
        self._order([{"words": ["GET", "uploadId="], "times": 1, "when": "never"}])

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        self._order([])

    def _order(self, faults: list[dict[str, Any]]) -> None:
        httpx.post(f"{self.url}/-/faults", json=faults, trust_env=False).raise_for_status()


@pytest.fixture(scope="session")
def _s3_process() -> Generator[S3Server, None, None]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.strict_s3", *(["--upstream", UPSTREAM] if UPSTREAM else [])],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the server did not start"
        yield S3Server(f"http://127.0.0.1:{port}")
        process.terminate()


@pytest.fixture
def s3_server(_s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with credentials for it in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    _s3_process.mend()
    return _s3_process


@pytest.fixture
def bucket(s3_server: S3Server) -> BucketLocation:
    """A place in a bucket that is new."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    location = BucketLocation(bucket=name, prefix="runs", endpoint=s3_server.url)
    s3_client(location).create_bucket(Bucket=name)
    return location
