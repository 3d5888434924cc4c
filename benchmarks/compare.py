"""How long a comparison of many runs takes: `python -m benchmarks.compare --json`.

Curves over HTTP through the gateway (a process of its own), cut to a plot of 800 pixels; PostgreSQL
and this client share the machine. Two comparisons:

- many: 100 runs with a curve of 10,000 points each, a point a second as live runs bring them. Every
  point is read. The floor is a plain count of the same rows, and beside it the least, greatest and
  sum of them by one sequential scan, both over one connection.
- long: 50 runs with a curve of 1,000,000 points each, ten a second, rolled up as Dagster does it.
  The floor is the sum of the counts of the same rollup's rows.

Each request is another one to the database: nothing in between keeps answers. A 304 for a sealed
run's curve is measured, too.
"""

import argparse
import datetime as dt
import http.client
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.ingest import gateway
from benchmarks.machine import show
from benchmarks.postgres import fresh_database, server
from retention.tiers import ROLLUPS
from storage.database import Pool, open_pool, transaction
from storage.points.metric_store import MetricStore, copy_points
from storage.points.points import USER, Curves, RunPoints
from storage.points.rollups import PostgresMetricTiers
from storage.queries import load
from storage.runs.catalog import RunCatalog
from storage.runs.summaries import RunSummaries
from storage.token_store import TokenStore
from sweeps.clock import SystemClock
from sweeps.ids import RunId, TenantId
from sweeps.runs import ScratchRun

_TENANT = TenantId("default")
_TOKEN = "swk_benchmark"
_KEY = "loss"
_AT_ONCE = 20_000  # points of each curve in a transaction of the load
_PATH = "/api/v1/query/series"


def make_runs(pool: Pool, name: str, n: int) -> list[RunId]:
    """As many runs, each with the row of its curve."""
    catalog = RunCatalog(pool)
    runs = [RunId(f"scratch-{name}{number:04d}") for number in range(n)]
    for run in runs:
        catalog.create_scratch_run(
            ScratchRun(run_id=run, experiment=name, owner="b", seed=1, params={}, tags={}),
            tenant_id=_TENANT,
        )
    with transaction(pool) as connection:
        connection.execute(
            load("metrics")["register_series"],
            {
                "series_ids": [int(Curves.of(run, [_KEY]).series_ids[0]) for run in runs],
                "run_ids": runs,
                "families": [USER] * n,
                "keys": [_KEY] * n,
            },
        )
    return runs


def fill(pool: Pool, runs: Sequence[RunId], *, points: int, every: dt.timedelta) -> None:
    """Curves that ended just now, in the order in which live runs would have brought them."""
    store = MetricStore(pool, clock=SystemClock())
    every_us = every // dt.timedelta(microseconds=1)
    first_us = time.time_ns() // 1000 - points * every_us - 1_000_000
    rng = np.random.default_rng(7)
    curves = [Curves.of(run, [_KEY]) for run in runs]
    at_once = min(points, _AT_ONCE if len(runs) * points > 10_000_000 else 100)
    for begin in range(0, points, at_once):
        steps = np.arange(begin, min(begin + at_once, points), dtype=np.int64)
        times = first_us + steps * every_us
        batch = [
            RunPoints(
                curves=curve,
                counts=np.array([len(steps)], dtype=np.int64),
                steps=steps,
                times=times,
                values=np.exp(-steps / points) + rng.normal(0, 0.05, len(steps)),
            )
            for curve in curves
        ]
        store.ensure_partitions([times])
        with transaction(pool) as connection:
            copy_points(connection, batch)
    with pool.connection() as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE metric_points")
        connection.autocommit = False


class Client:
    """One connection to the gateway."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, runs: Sequence[RunId], **more: object) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a comparison."""
        headers = {
            "Authorization": f"Bearer {_TOKEN}",
            "Content-Type": "application/json",
            "If-None-Match": str(more.pop("etag", "")),
        }
        query = {"runs": list(runs), "keys": [_KEY], "pixels": 800, **more}
        self._connection.request("POST", _PATH, json.dumps(query), headers)
        answer = self._connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def times_ms(action: Callable[[], object], repeats: int) -> dict[str, float]:
    """p50, p95 and the least."""
    took: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        took.append((time.perf_counter() - began) * 1e3)
    p50, p95 = np.percentile(took, [50, 95])
    return {"p50": float(p50), "p95": float(p95), "min": min(took)}


def check(body: bytes, *, runs: int, points: int) -> dict[str, Any]:
    """Every point is in the answer, in some bucket; in what form it came."""
    series = json.loads(body)["series"]
    counted = sum(sum(one["count"]) if "count" in one else len(one["x"]) for one in series)
    if (len(series), counted) != (runs, runs * points):
        raise RuntimeError(f"{len(series)} curves with {counted} points came")
    return {
        "resolution": sorted({one["resolution"] for one in series}),
        "buckets_per_curve": sum(len(one["x"]) for one in series) / len(series),
        "body_mb": len(body) / 1e6,
    }


def settle(pool: Pool) -> None:
    """Summaries of all runs, which the gateway's upkeep would spread over a minute or two."""
    while RunSummaries(pool, period=dt.timedelta(hours=1)).refresh(seconds=10):
        pass


def compare(
    pool: Pool, port: int, runs: Sequence[RunId], *, points: int, repeats: int
) -> dict[str, Any]:
    """Figures of one comparison."""
    settle(pool)
    client = Client(port)
    client.ask(runs)
    figures: dict[str, Any] = check(client.ask(runs)[2], runs=len(runs), points=points)
    for axis in ("step", "relative"):
        figures[f"{axis}_ms"] = times_ms(lambda axis=axis: client.ask(runs, axis=axis), repeats)
    low, high = points // 2, points // 2 + points // 20
    figures["zoomed_ms"] = times_ms(lambda: client.ask(runs, **{"from": low, "to": high}), repeats)
    with transaction(pool) as connection:
        connection.execute(
            "UPDATE runs SET state = 'completed', ended_at = now(), sealed_at = now()"
            " WHERE run_id = ANY(%s)",
            [list(runs)],
        )
    settle(pool)
    while (etag := client.ask(runs)[1].get("etag")) is None:
        time.sleep(0.5)  # the gateway's upkeep has one of them in hand
    if client.ask(runs, etag=etag)[0] != 304:
        raise RuntimeError("an answer about sealed runs is not known again")
    figures["not_modified_ms"] = times_ms(lambda: client.ask(runs, etag=etag), repeats)
    return figures


_FLOORS = {
    "count_ms": "SELECT count(*) FROM metric_points WHERE series_id = ANY(%s)",
    "scan_ms": "SELECT count(*), min(value), max(value), sum(value) FROM metric_points",
    "rollup_count_ms": "SELECT sum(count) FROM metric_points_1m WHERE series_id = ANY(%s)",
}


def floor(pool: Pool, name: str, runs: Sequence[RunId], repeats: int) -> dict[str, float]:
    """How long the database alone takes to look at the same rows, without using a second core."""
    ids = [int(Curves.of(run, [_KEY]).series_ids[0]) for run in runs]
    with pool.connection() as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        statement = _FLOORS[name]
        parameters = [ids] if "%s" in statement else None
        return times_ms(lambda: connection.execute(statement, parameters).fetchall(), repeats)  # pyright: ignore[reportArgumentType]  literals above


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every figure."""
    figures: dict[str, Any] = {}
    with server() as server_url, fresh_database(server_url) as url, open_pool(url) as pool:
        TokenStore(pool).ensure(_TOKEN, tenant_id=_TENANT, name="benchmark")
        runs = make_runs(pool, "many", 100)
        fill(pool, runs, points=10_000, every=dt.timedelta(seconds=1))
        with gateway(url) as (port, _):
            many = compare(pool, port, runs, points=10_000, repeats=arguments.repeats)
        many["floor_count_ms"] = floor(pool, "count_ms", runs, 5)
        many["floor_scan_ms"] = floor(pool, "scan_ms", runs, 5)
        many["times_the_scan"] = many["step_ms"]["p50"] / many["floor_scan_ms"]["p50"]
        figures["many"] = many
        runs = make_runs(pool, "long", 50)
        began = time.perf_counter()
        every = dt.timedelta(milliseconds=100)
        fill(pool, runs, points=arguments.long_points, every=every)
        figures["long_load_seconds"] = time.perf_counter() - began
        began = time.perf_counter()
        for tier in ROLLUPS:
            PostgresMetricTiers(pool).refresh(tier)
        figures["long_roll_up_seconds"] = time.perf_counter() - began
        with gateway(url) as (port, _):
            long = compare(
                pool, port, runs, points=arguments.long_points, repeats=arguments.repeats
            )
        long["floor_rollup_count_ms"] = floor(pool, "rollup_count_ms", runs, 5)
        long["times_the_floor"] = long["step_ms"]["p50"] / long["floor_rollup_count_ms"]["p50"]
        figures["long"] = long
    figures["many_p95_ms"], figures["long_p95_ms"] = (
        figures[name]["step_ms"]["p95"] for name in ("many", "long")
    )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--long-points", type=int, default=1_000_000, help="of each of 50 curves")
    arguments = parser.parse_args()
    show(measure(arguments), as_json=arguments.json)


if __name__ == "__main__":
    main()
