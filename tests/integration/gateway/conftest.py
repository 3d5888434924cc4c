"""A gateway that listens, on a fresh database, and scripts that talk to it."""

import contextlib
import dataclasses
import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import psycopg
import pytest
from sweepworks.wire import MEDIA_TYPE, Flush, encode_flush

from gateway.assembly import GatewayConfiguration, open_gateway
from gateway.serve import server_for
from governance.access import RunGrant, sign_run_token
from storage.database import Pool, open_pool
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.trials import PostgresTrialStore
from storage.token_store import TokenStore
from sweeps import ids
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.states import RunState
from sweeps.trials import Changes
from tests.factories import SCORE, SWEEP, a_spec, a_suggestion, a_trial
from tests.plugins.postgres import Database

KEY = bytes(range(32))
TENANT = TenantId("default")
TOKEN = "swt_of-this-home"
NOW_US = int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000

OPEN_BROWSERS: list[httpx.Client] = []  #: of the test that runs

Points = Mapping[str, Sequence[tuple[int, int, float]]]


def a_flush(run: str, sequence: int = 1, points: Points | None = None, **changes: Any) -> Flush:
    """A flush with `points` as lists of (step, microseconds, value) by key."""
    points = points or {}
    rows = [row for series in points.values() for row in series]
    return Flush(
        **{
            "writer": "writer-1",
            "sequence": sequence,
            "run": run,
            "series": {key: len(series) for key, series in points.items()},
            "steps": np.array([row[0] for row in rows], dtype="<i8").tobytes(),
            "times": np.array([row[1] for row in rows], dtype="<i8").tobytes(),
            "values": np.array([row[2] for row in rows], dtype="<f8").tobytes(),
            **changes,
        }
    )


def some_points(n: int, *, first: int = 0, key: str = "loss") -> dict[str, list[Any]]:
    """`n` points whose values tell them apart."""
    return {key: [(step, NOW_US + step, step * 1.5) for step in range(first, first + n)]}


def run_token(run: str, *, tenant: str = TENANT, seconds: float = 600, key: bytes = KEY) -> str:
    expires_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    grant = RunGrant(run_id=RunId(run), tenant_id=TenantId(tenant), expires_at=expires_at)
    return sign_run_token(grant, key=key)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def wait_for(condition: Callable[[], Any], *, seconds: float = 15.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture(autouse=True)
def no_provenance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts send what they log, and say nothing of their folder."""
    monkeypatch.setenv("SWEEPWORKS_PROVENANCE", "off")


@pytest.fixture(autouse=True)
def closed_browsers() -> Generator[None, None, None]:
    """No browser outlives its test."""
    yield
    while OPEN_BROWSERS:
        OPEN_BROWSERS.pop().close()


@dataclass(frozen=True, slots=True)
class Platform:
    """The gateway from outside, and its database from inside."""

    client: httpx.Client
    pool: Pool
    url: str
    database: Database
    artifacts: Path  #: the folder of its store

    def scratch(self, **body: Any) -> tuple[str, str]:
        """A new scratch run and its token."""
        answer = self.client.post("/api/v1/runs", json=body, headers=bearer(TOKEN))
        assert answer.status_code == 201, answer.text
        return answer.json()["run"], answer.json()["token"]

    def flush(self, flush: Flush, *, token: str | None = None) -> httpx.Response:
        return self.post(encode_flush(flush), token=token or run_token(flush.run))

    def post(self, body: bytes, *, token: str, media_type: str = MEDIA_TYPE) -> httpx.Response:
        headers = {**bearer(token), "Content-Type": media_type}
        return self.client.post("/api/v1/ingest", content=body, headers=headers)

    def get(self, path: str, *, token: str = TOKEN) -> httpx.Response:
        return self.client.get(path, headers=bearer(token))

    def run(self, run: str) -> dict[str, Any]:
        answer = self.get(f"/api/v1/runs/{run}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def points(self, run: str, key: str = "loss") -> list[list[Any]]:
        answer = self.get(f"/api/v1/runs/{run}/series/{key}")
        assert answer.status_code == 200, answer.text
        return answer.json()["points"]

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.pool.connection() as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]  literals of tests
            return cursor.fetchall() if cursor.description else []

    def token_of(self, tenant: str) -> str:
        return TokenStore(self.pool).create(tenant_id=TenantId(tenant), name="somebody")

    def trials(self, n: int = 1, *, tenant: str = "default", sweep: SweepId = SWEEP) -> list[str]:
        """A sweep that maximises `score`, with running trials."""
        spec = a_spec(objective=SCORE, tenant=tenant)
        SweepCatalog(self.pool).submit(sweep, spec, source_dir="/there", created_by="me")
        store = PostgresTrialStore(self.pool)
        lease = store.take_over(sweep, controller="test")
        trials = [a_trial(i + 1, sweep_id=sweep) for i in range(n)]
        running = [
            dataclasses.replace(t, state=RunState.RUNNING, started_at=dt.datetime.now(dt.UTC))
            for t in trials
        ]
        now = dt.datetime.now(dt.UTC)
        suggestions = tuple(a_suggestion(i + 1) for i in range(n))
        store.apply(
            sweep, lease, Changes(at=now, suggestions=suggestions, new_trials=tuple(trials))
        )
        store.apply(sweep, lease, Changes(at=now, trials=tuple(running)))
        return [ids.run_id(sweep, i + 1) for i in range(n)]

    def seal(self, run: str) -> None:
        self.rows(
            "UPDATE runs SET state = 'completed', ended_at = coalesce(ended_at, now())"
            " WHERE run_id = %s AND ended_at IS NULL",
            run,
        )
        self.rows("UPDATE runs SET sealed_at = now() WHERE run_id = %s", run)

    @contextlib.contextmanager
    def database_away(self) -> Generator[None, None, None]:
        """Nobody can connect, and whoever was connected is not any more."""
        parts = urlsplit(self.database.url)
        name = parts.path.removeprefix("/")
        maintenance = parts._replace(path="/postgres").geturl()
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # pyright: ignore[reportArgumentType, reportCallIssue]  a name of ours
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            try:
                yield
            finally:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # pyright: ignore[reportArgumentType, reportCallIssue]  a name of ours


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def listening(database: Database, folder: Path, **changes: Any) -> Generator[Platform, None, None]:
    """A gateway in a thread of this process."""
    configuration = GatewayConfiguration(
        **{
            "database_url": database.url,
            "signing_key": KEY,
            "artifacts": folder / "artifacts",
            "token": TOKEN,
            "upkeep_seconds": 0.1,
            **changes,
        }
    )
    with open_gateway(configuration) as gateway, open_pool(database.url, max_size=2) as pool:
        port = free_port()
        server = server_for(gateway, host="127.0.0.1", port=port)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_for(lambda: server.started)
            url = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
                yield Platform(client, pool, url, database, folder / "artifacts")
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Generator[Platform, None, None]:
    with listening(database, tmp_path) as platform:
        yield platform
