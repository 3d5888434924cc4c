"""The gateway as a process: it starts, ends when its input does, and says why it cannot start."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway.conftest import KEY, TOKEN, bearer, free_port, wait_for
from tests.plugins.postgres import Database

Server = tuple[subprocess.Popen[bytes], str]


def start(port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.serve", "--port", str(port)],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Generator[Server, None, None]:
    port = free_port()
    environment = {
        "SWEEPWORKS_DATABASE_URL": database.url,
        "SWEEPWORKS_SIGNING_KEY": KEY.hex(),
        "SWEEPWORKS_ARTIFACTS": str(tmp_path / "artifacts"),
        "SWEEPWORKS_HOME": str(tmp_path),
        "SWEEPWORKS_TOKEN": TOKEN,
    }
    with start(port, environment) as process:
        url = f"http://127.0.0.1:{port}"

        def is_up() -> bool:
            try:
                return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        try:
            wait_for(is_up)
            yield process, url
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["end of input", "SIGTERM", "SIGINT"])
def test_it_ends_in_order(server: Server, how: str) -> None:
    process, url = server
    with httpx.Client(base_url=url, trust_env=False, headers=bearer(TOKEN)) as client:
        assert client.post("/api/v1/runs", json={}).status_code == 201

        if how == "end of input":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, how))

        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SWEEPWORKS_DATABASE_URL": ""}, "set SWEEPWORKS_DATABASE_URL"),
        (
            {"SWEEPWORKS_DATABASE_URL": "postgresql//me:h1dden@127.0.0.1/db"},
            "the URL of the database cannot be read",
        ),
        ({"SWEEPWORKS_DATABASE_URL": "postgresql://me:x@h1dden@127.0.0.1/db"}, "%40 for @"),
        ({"SWEEPWORKS_SIGNING_KEY": "abc"}, "64 hexadecimal digits"),
        ({"SWEEPWORKS_SILENT_MINUTES": "soon"}, "SWEEPWORKS_SILENT_MINUTES is 'soon'"),
        ({"SWEEPWORKS_SILENT_MINUTES": "1e99"}, "2 or more"),
        ({"SWEEPWORKS_SILENT_MINUTES": "nan"}, "2 or more"),
        ({"SWEEPWORKS_ARTIFACTS": "s3://bucket"}, "in a folder"),
        ({"SWEEPWORKS_ARTIFACTS": "/proc/nowhere"}, "/proc/nowhere"),
    ],
)
def test_what_it_cannot_start_with_is_one_sentence(
    changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    environment = {
        "SWEEPWORKS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "SWEEPWORKS_SIGNING_KEY": KEY.hex(),
        "SWEEPWORKS_ARTIFACTS": str(tmp_path / "artifacts"),
        **changes,
    }
    with start(free_port(), environment) as process:
        _, output = process.communicate(timeout=30)

    lines = output.decode().strip().splitlines()
    assert process.returncode == 1
    assert words in lines[-1]
    assert "Traceback" not in output.decode()
    assert "h1dden" not in output.decode()
