"""How much the ingest takes: `python -m benchmarks.ingest --json`.

Load generator, gateway (a process of its own) and PostgreSQL share the machine. Two loads:

- bulk: 8 clients, each with one flush of 10,000 points under way at any time, for some seconds.
  The floor is binary COPY of the same rows into the same indexed table, without gateway and HTTP.
- steady: requests of 100 points, one of each of 100 series, at a fixed rate, from as many simulated
  runs as report once in ten seconds. Latency counts from when a request was due, so that a gateway
  that stalls is not spared the requests that it held up. Every run has flushed once before, which
  registers its series; how long that takes is a figure of its own. `--preload` fills the table.

Afterwards the rows are counted: a point that was acknowledged and is not there is a lost one.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import functools
import os
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.request import urlopen

import numpy as np
import psutil
import uvloop
from sweepworks.wire import MEDIA_TYPE, Flush, encode_flush

from benchmarks.machine import show
from benchmarks.postgres import fresh_database, server
from governance.access import RunGrant, sign_run_token
from storage.database import Pool, open_pool, transaction
from storage.points.metric_store import MetricStore, copy_points
from storage.points.points import Curves, RunPoints
from storage.runs.catalog import RunCatalog
from storage.token_store import TokenStore
from sweeps.clock import SystemClock
from sweeps.ids import RunId, TenantId
from sweeps.runs import ScratchRun

_KEY = bytes(range(32))
_TENANT = TenantId("default")
_BULK_CLIENTS, _BULK_POINTS = 8, 10_000
_SERIES = 100  # of a simulated run
_FLUSH_EVERY_SECONDS = 10
_CONNECTIONS = 1_024
_COUNT = np.arange(1_000_000, dtype="<i8")
_VALUES = np.random.default_rng(1).random(1_000_000).astype("<f8")


@dataclass
class Client:
    """One writer of one run."""

    run_id: str
    token: str
    keys: list[str]
    sequence: int = 0
    _headers: dict[int, tuple[bytes, bytes]] = field(default_factory=dict[int, tuple[bytes, bytes]])

    def request(self, points_per_key: int) -> bytes:
        """Its next flush as a whole HTTP request.

        The generator shares the machine with what it measures, so it does as little as it can: the
        columns are cut out of arrays that were made once, and only the header is made anew.
        """
        self.sequence += 1
        n = points_per_key * len(self.keys)
        steps = np.arange(self.sequence * points_per_key, (self.sequence + 1) * points_per_key)
        place = self.sequence * 7_919 % (len(_VALUES) - n)
        before, after = self._header(points_per_key)
        header = b"%s%d%s" % (before, self.sequence, after)
        body_bytes = 8 + len(header) + 24 * n
        return b"".join(
            (
                b"%sContent-Length: %d\r\n\r\nSWF1" % (self._head, body_bytes),
                struct.pack("<I", len(header)),
                header,
                np.resize(steps, n).tobytes(),
                (_COUNT[:n] + time.time_ns() // 1000).tobytes(),
                _VALUES[place : place + n].tobytes(),
            )
        )

    @functools.cached_property
    def _head(self) -> bytes:
        return (
            f"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Authorization: Bearer {self.token}\r\n"
        ).encode()

    def _header(self, points_per_key: int) -> tuple[bytes, bytes]:
        """What the SDK writes before and behind the sequence."""
        if points_per_key not in self._headers:
            empty = Flush(writer="w", sequence=1, run=self.run_id)
            body = encode_flush(replace(empty, series=dict.fromkeys(self.keys, points_per_key)))
            before, mark, after = body[8:].partition(b'"sequence": ')
            self._headers[points_per_key] = before + mark, after.removeprefix(b"1")
        return self._headers[points_per_key]


class Connection(asyncio.Protocol):
    """One connection that waits for one answer at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bool] | None = None
        self._head = b""

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to the gateway."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102 - asyncio's
        self.transport = cast("asyncio.Transport", transport)

    async def exchange(self, request: bytes) -> bool:
        """Send a request; whether it was acknowledged."""
        self._head = b""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._head += data
        head, found, body = self._head.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) >= int(length or 0):
            self._answer.set_result(head.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the gateway hung up"))

    def close(self) -> None:
        """End it."""
        self.transport.close()


@dataclass
class Outcome:
    """What a load has seen."""

    acked_points: int = 0
    errors: int = 0
    latencies: list[float] = field(default_factory=list[float])

    def percentiles_ms(self) -> dict[str, float]:
        """p50, p99 and the greatest."""
        p50, p99 = np.percentile(self.latencies, [50, 99])
        return {
            "p50": float(p50) * 1e3,
            "p99": float(p99) * 1e3,
            "max": max(self.latencies) * 1e3,
        }


def make_clients(pool: Pool, n: int, keys: list[str]) -> list[Client]:
    """As many runs, each with its token."""
    TokenStore(pool).ensure("swk_benchmark", tenant_id=_TENANT, name="benchmark")
    catalog = RunCatalog(pool)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    clients: list[Client] = []
    for _ in range(n):
        run = RunId(f"scratch-{secrets.token_hex(6)}")
        scratch = ScratchRun(
            run_id=run, experiment="bench", owner="bench", seed=1, params={}, tags={}
        )
        catalog.create_scratch_run(scratch, tenant_id=_TENANT)
        grant = RunGrant(run_id=run, tenant_id=_TENANT, expires_at=until)
        clients.append(Client(run, sign_run_token(grant, key=_KEY), keys))
    return clients


@contextlib.contextmanager
def gateway(url: str, *, workers: int = 1) -> Generator[tuple[int, psutil.Process], None, None]:
    """Port and process of a gateway on that database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="swb-") as folder:
        environment = {
            **os.environ,
            "SWEEPWORKS_DATABASE_URL": url,
            "SWEEPWORKS_SIGNING_KEY": _KEY.hex(),
            "SWEEPWORKS_ARTIFACTS": folder,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.serve", "--port", str(port), "--workers", str(workers)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/healthz"):
                    break
                if time.monotonic() > deadline:
                    raise RuntimeError("the gateway does not start")
                time.sleep(0.05)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A gateway with its workers."""
    return [process, *process.children(recursive=True)]


def cpu_seconds(process: psutil.Process) -> float:
    """What a gateway has used so far, its workers included."""
    return sum(sum(one.cpu_times()[:2]) for one in family(process))


def resident_bytes(process: psutil.Process) -> int:
    """What a gateway holds in memory, its workers included."""
    return sum(one.memory_info().rss for one in family(process))


async def bulk(port: int, clients: list[Client], seconds: float) -> tuple[Outcome, float]:
    """Each client flushes as fast as it is acknowledged; the outcome, and how long it took."""
    outcome = Outcome()
    began = time.perf_counter()

    async def one(client: Client) -> None:
        to_gateway = await Connection.open(port)
        while time.perf_counter() - began < seconds:
            request = client.request(_BULK_POINTS // len(client.keys))
            sent = time.perf_counter()
            if await to_gateway.exchange(request):
                outcome.acked_points += _BULK_POINTS
            else:
                outcome.errors += 1
            outcome.latencies.append(time.perf_counter() - sent)
        to_gateway.close()

    await asyncio.gather(*(one(client) for client in clients))
    return outcome, time.perf_counter() - began


async def first_flushes(port: int, clients: list[Client]) -> Outcome:
    """Every client once, as fast as it goes: 16 at a time."""
    outcome = Outcome()
    waiting = iter(clients)

    async def connection() -> None:
        to_gateway = await Connection.open(port)
        for client in waiting:
            if await to_gateway.exchange(client.request(1)):
                outcome.acked_points += len(client.keys)
            else:
                outcome.errors += 1
        to_gateway.close()

    await asyncio.gather(*(connection() for _ in range(16)))
    return outcome


async def steady(port: int, clients: list[Client], *, rate: int, seconds: float) -> Outcome:
    """A request every `1 / rate` seconds, from one run after the other."""
    outcome = Outcome()
    due: asyncio.Queue[tuple[Client, float] | None] = asyncio.Queue()

    async def connection() -> None:
        to_gateway = await Connection.open(port)
        while (job := await due.get()) is not None:
            client, when = job
            if await to_gateway.exchange(client.request(1)):
                outcome.acked_points += len(client.keys)
            else:
                outcome.errors += 1
            outcome.latencies.append(time.perf_counter() - when)
        to_gateway.close()

    workers = [asyncio.create_task(connection()) for _ in range(_CONNECTIONS)]
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        when = began + number / rate
        if (wait := when - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait((clients[number % len(clients)], when))
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return outcome


def raw_copy(pool: Pool, seconds: float) -> float:
    """Points a second by binary COPY alone, a transaction for each 10,000, over one connection."""
    keys = [f"m{n}" for n in range(_SERIES)]
    points, began = 0, time.perf_counter()
    sequence = 0
    with pool.connection() as connection:
        while time.perf_counter() - began < seconds:
            sequence += 1
            now = time.time_ns() // 1000
            copy_points(connection, [_points("raw", keys, _BULK_POINTS // _SERIES, sequence, now)])
            connection.commit()
            points += _BULK_POINTS
    return points / (time.perf_counter() - began)


def _points(run: str, keys: list[str], each: int, sequence: int, now_us: int) -> RunPoints:
    n = each * len(keys)
    first = sequence * each
    return RunPoints(
        curves=Curves.of(run, keys),
        counts=np.full(len(keys), each, dtype=np.int64),
        steps=np.tile(np.arange(first, first + each, dtype=np.int64), len(keys)),
        times=np.arange(now_us, now_us + n, dtype=np.int64),
        values=np.random.default_rng(sequence).random(n),
    )


def preload(pool: Pool, millions: float) -> None:
    """Rows of 100,000 other series in the hot partition."""
    keys = [f"p{n}" for n in range(100_000)]
    hour = time.time_ns() // 3_600_000_000_000 * 3_600_000_000
    for sequence in range(int(millions * 10)):
        with pool.connection() as connection:
            copy_points(connection, [_points("old", keys, 1, sequence, hour + sequence)])
            connection.commit()


def count(pool: Pool) -> int:
    """Rows in the table."""
    with transaction(pool) as connection:
        row = connection.execute("SELECT count(*) FROM metric_points").fetchone()
    assert row is not None  # count always gives one
    return int(row[0])


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every figure."""
    keys = [f"m{n}" for n in range(_SERIES)]
    figures: dict[str, Any] = {}
    with server() as server_url:
        with fresh_database(server_url) as url, open_pool(url) as pool:
            MetricStore(pool, clock=SystemClock()).ensure_partitions_ahead()
            figures["raw_copy_points_per_second"] = raw_copy(pool, arguments.seconds)
        with fresh_database(server_url) as url, open_pool(url) as pool:
            clients = make_clients(pool, _BULK_CLIENTS, keys)
            with gateway(url) as (port, _):
                outcome, took = uvloop.run(bulk(port, clients, arguments.seconds))
            figures["bulk_points_per_second"] = outcome.acked_points / took
            figures["bulk_ack_ms"] = outcome.percentiles_ms()
            figures["bulk_errors"] = outcome.errors
            figures["bulk_lost_points"] = outcome.acked_points - count(pool)
        figures["bulk_share_of_raw"] = (
            figures["bulk_points_per_second"] / figures["raw_copy_points_per_second"]
        )
        with fresh_database(server_url) as url, open_pool(url, max_size=4) as pool:
            clients = make_clients(pool, arguments.rate * _FLUSH_EVERY_SECONDS, keys)
            MetricStore(pool, clock=SystemClock()).ensure_partitions_ahead()
            preload(pool, arguments.preload)
            before = count(pool)
            with gateway(url, workers=arguments.workers) as (port, process):
                began = time.perf_counter()
                first = uvloop.run(first_flushes(port, clients))
                took = time.perf_counter() - began
                figures["new_series_per_second"] = first.acked_points / took
                before += first.acked_points
                rss, cpu = resident_bytes(process), cpu_seconds(process)
                began = time.perf_counter()
                outcome = uvloop.run(
                    steady(port, clients, rate=arguments.rate, seconds=arguments.steady_seconds)
                )
                took = time.perf_counter() - began
                figures["steady_gateway_cores"] = (cpu_seconds(process) - cpu) / took
                figures["steady_acked_per_second"] = outcome.acked_points / len(keys) / took
                figures["steady_gateway_mb"] = [
                    rss / 1e6,
                    resident_bytes(process) / 1e6,
                ]
            figures["steady_requests_per_second"] = arguments.rate
            figures["steady_workers"] = arguments.workers
            figures["steady_seconds"] = arguments.steady_seconds
            figures["steady_rows_before"] = before
            figures["steady_ack_ms"] = outcome.percentiles_ms()
            figures["steady_errors"] = outcome.errors + first.errors
            figures["steady_lost_points"] = outcome.acked_points + before - count(pool)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the bulk load, and of COPY")
    parser.add_argument("--rate", type=int, default=1_000, help="requests a second, steady load")
    parser.add_argument("--steady-seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=1, help="of the gateway, steady load")
    parser.add_argument("--preload", type=float, default=0.0, help="million rows, steady load")
    arguments = parser.parse_args()
    show(measure(arguments), as_json=arguments.json)


if __name__ == "__main__":
    main()
