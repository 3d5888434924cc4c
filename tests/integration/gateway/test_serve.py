"""The gateway as a process: it starts, ends when its input does, and says why it cannot start."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.gateway.conftest import KEY, TOKEN, bearer, free_port, wait_for
from tests.plugins.postgres import Database

Server = tuple[subprocess.Popen[bytes], str]


def start(port: int, environment: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.serve", "--port", str(port), *options],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(params=[1, 2], ids=["alone", "two workers"])
def server(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> Generator[Server, None, None]:
    port = free_port()
    environment = {
        "SWEEPWORKS_DATABASE_URL": database.url,
        "SWEEPWORKS_SIGNING_KEY": KEY.hex(),
        "SWEEPWORKS_ARTIFACTS": str(tmp_path / "artifacts"),
        "SWEEPWORKS_HOME": str(tmp_path),
        "SWEEPWORKS_TOKEN": TOKEN,
    }
    with start(port, environment, "--workers", str(request.param)) as process:
        url = f"http://127.0.0.1:{port}"

        def is_up() -> bool:
            try:
                return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        try:
            wait_for(is_up, seconds=60)
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

        code = process.wait(timeout=20)

    assert process.stderr is not None
    assert code == 0, process.stderr.read().decode()


@pytest.mark.parametrize("server", [2], indirect=True)
def test_workers_count_together_and_one_that_is_killed_is_replaced(server: Server) -> None:
    process, url = server

    def post() -> int:
        with httpx.Client(base_url=url, trust_env=False, headers=bearer(TOKEN)) as client:
            return client.post("/api/v1/ingest", content=b"nonsense").status_code

    def counted() -> float:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
        return float(
            text.rpartition('sweepworks_ingest_requests_total{status="401"} ')[2].split()[0]
        )

    assert {post() for _ in range(20)} == {401}
    assert counted() == 20

    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    workers[0].kill()
    wait_for(lambda: len(set(psutil.Process(process.pid).children()) - {workers[0]}) == 2)

    assert {post() for _ in range(20)} == {401}
    assert counted() == 40


def test_a_port_that_is_taken_is_one_sentence(server: Server, tmp_path: Path) -> None:
    _, url = server
    environment = {
        "SWEEPWORKS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "SWEEPWORKS_SIGNING_KEY": KEY.hex(),
        "SWEEPWORKS_ARTIFACTS": str(tmp_path / "artifacts"),
    }
    with start(int(url.rpartition(":")[2]), environment, "--workers", "2") as process:
        _, output = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "the gateway cannot start: [Errno" in output.decode()
    assert "Traceback" not in output.decode()


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
        ({"SWEEPWORKS_ARTIFACTS": "ftp://bucket"}, "s3://bucket/prefix"),
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
