"""What a metric point takes on disk, compressed: `python -m benchmarks.bytes_per_point --json`.

Series of 1,000 points go into `metric_points` as the ingest writes them, their chunk is closed as the
schedule does it, and everything that it takes then is counted: rows, TOAST, indexes, free space.
Without `--dsn` that happens in the WebAssembly build of TimescaleDB (2.23); any server will do, by
the URL of a user who may create databases.

Values: a constant; a falling curve with noise of ten percent, at the precision of float32 and of
float64; even noise of both; noise that changes its sign, where all 64 bits of float64 are noise.
Times: every second or every ten with a jitter of five percent, as steps of a training have it, or
regular. What a chunk takes whatever is in it (0.1 MB) is shared by its points, so there have to be
some: a chunk of a day has a thousand times as many.
"""

import argparse
import contextlib
import datetime as dt
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.machine import show
from benchmarks.postgres import fresh_database
from storage.database import Pool, open_pool, transaction
from storage.edition import database_edition
from storage.migrations_runner import upgrade
from storage.points.metric_store import MetricStore, PointColumns, copy_columns
from storage.points.rollups import PostgresMetricTiers
from sweeps.clock import SystemClock
from tests.timescaledb_wasm.server import wasm_timescaledb

_POINTS = 1_000  # of a series
_TARGETS = {"constant": 1.0, "float32 curve": 4.5, "float64 noise": 9.0}
_US = 1_000_000
_DAY_US = 86_400 * _US

Floats = NDArray[np.float64]
Shape = tuple[int, int]


def _curve(rng: np.random.Generator, shape: Shape) -> Floats:
    return 0.1 + 2 * np.exp(-np.arange(shape[1]) / 300) + rng.normal(0, 0.1, shape)


def _as_float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


VALUES: dict[str, Callable[[np.random.Generator, Shape], Floats]] = {
    "constant": lambda _, shape: np.full(shape, 0.001),
    "float32 curve": lambda rng, shape: _as_float32(_curve(rng, shape)),
    "float32 noise": lambda rng, shape: _as_float32(rng.random(shape)),
    "float64 curve": _curve,
    "float64 noise": lambda rng, shape: rng.random(shape),
    "float64 noise of both signs": lambda rng, shape: rng.normal(0, 1, shape),
}
#: Seconds between points, and their deviation as a share of that.
TIMES = {
    "regular 1 s": (1.0, 0.0),
    "1 s": (1.0, 0.05),
    "10 s": (10.0, 0.05),
}


def points(values: str, times: str, *, series: int) -> PointColumns:
    """All series, one after the other, within one day that is over."""
    rng = np.random.default_rng(1)
    shape = (series, _POINTS)
    interval, jitter = TIMES[times]
    steps = rng.normal(interval, interval * jitter, shape) if jitter else np.full(shape, interval)
    midnight = int(dt.datetime.now(dt.UTC).timestamp()) // 86_400 * _DAY_US - 5 * _DAY_US
    begins = midnight + rng.integers(0, 3_600 * _US, (series, 1))
    return PointColumns(
        series_ids=np.repeat(np.sort(rng.integers(0, 2**63 - 1, series)), _POINTS),
        steps=np.tile(np.arange(_POINTS), series),
        times=(begins + np.cumsum(steps * _US, axis=1).astype(np.int64)).ravel(),
        values=VALUES[values](rng, shape).ravel(),
    )


def measure(pool: Pool, values: str, times: str, *, series: int) -> tuple[float, float]:
    """Bytes a point, as it came and compressed."""
    with transaction(pool) as connection:
        connection.execute("SELECT drop_chunks('metric_points', older_than => 9000000000000000)")
    columns = points(values, times, series=series)
    MetricStore(pool, clock=SystemClock()).ensure_partitions([columns.times])
    for part in np.array_split(
        np.arange(len(columns.times)), max(1, len(columns.times) // 200_000)
    ):
        with transaction(pool) as connection:
            copy_columns(
                connection,
                PointColumns(
                    series_ids=columns.series_ids[part],
                    steps=columns.steps[part],
                    times=columns.times[part],
                    values=columns.values[part],
                ),
            )
    tiers = PostgresMetricTiers(pool)
    before = sum(count.bytes for count in tiers.chunks().by_state)
    tiers.close_chunks()
    with pool.connection() as connection:
        connection.autocommit = True
        connection.execute("VACUUM metric_points")  # as autovacuum does: frees what was laid by
        connection.autocommit = False
    (chunk,) = tiers.chunks().by_state
    assert chunk.state == "compressed", chunk
    return before / len(columns.times), chunk.bytes / len(columns.times)


@contextlib.contextmanager
def database(dsn: str | None) -> Generator[str, None, None]:
    """URL of a database with our schema and nothing in it."""
    if dsn is None:
        with wasm_timescaledb() as url:
            upgrade(url)
            yield url
        return
    with fresh_database(dsn) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            # What they would close is what is measured.
            connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
        yield url


def figures(dsn: str | None, *, series: int) -> dict[str, Any]:
    """Every figure."""
    found: dict[str, Any] = {"series": series, "points_a_series": _POINTS}
    with database(dsn) as url, open_pool(url, max_size=1) as pool:
        edition = database_edition(pool)
        if not edition.has_compression:
            raise SystemExit(f"nothing is compressed there: {edition}")
        found["database"] = f"PostgreSQL {edition.server}, TimescaleDB {edition.timescaledb}"
        before = 0.0
        for values in VALUES:
            for times in TIMES:
                raw, compressed = measure(pool, values, times, series=series)
                found[f"{values}, {times}"] = round(compressed, 3)
                before = max(before, raw)
    found["uncompressed"] = round(before, 1)
    for values, target in _TARGETS.items():
        found[f"{values}, jittered every 1 s, is at most {target:g}"] = (
            found[f"{values}, 1 s"] <= target
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dsn", help="a server with TimescaleDB instead of the WebAssembly build")
    parser.add_argument("--series", type=int, default=2_000)
    arguments = parser.parse_args()
    show(figures(arguments.dsn, series=arguments.series), as_json=arguments.json)


if __name__ == "__main__":
    main()
