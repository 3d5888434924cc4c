"""How long one day of the ledger takes when it has a million attempts, and whether it is right.

The attempts are spread over some days, with failed ones, ones that cross midnight, and four kinds
of GPUs at prices of their own, one of which changes at noon of the day that is measured. With
`--one-day` that day has all of them, thirty times as many as usual: its time is told and has no goal. An
independent sum in SQL over the raw attempts has to be the same to the cent. The floor is one scan of
the attempts, which any way to compute a day has to make, or has an index for.
"""

import argparse
import datetime as dt
import math
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import psycopg
from psycopg import sql

from benchmarks.machine import show
from benchmarks.postgres import fresh_database, server
from governance.cost.entries import CENT
from governance.cost.price_file import PRICES
from storage.cost.ledger import CostLedger
from storage.database import CONNECTION_OPTIONS, Pool, open_pool
from storage.policy_store import PolicyStore
from storage.sweeps.catalog import SweepCatalog
from sweeps.ids import SweepId
from sweeps.policies import PolicyChange
from sweeps.specs import Resources, TrialSpec
from tests.factories import a_spec

_GOAL_SECONDS = 10.0
_SWEEPS = 1_000
_FIRST = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
_BOOK = """
gpu:
  - {type: a100, usd_per_gpu_hour: 2.93, to: NOON}
  - {type: a100, usd_per_gpu_hour: 3.17, from: NOON}
  - {type: a100, capacity: spot, usd_per_gpu_hour: 1.19}
  - {type: t4, usd_per_gpu_hour: 0.35}
cpu: [{usd_per_core_hour: 0.0417}]
memory: [{usd_per_gib_hour: 0.0053}]
"""
# Written apart from the ledger: prices by hand, one stretch of time after the other.
_INDEPENDENT = """
    SELECT sum(
        extract(epoch FROM least(coalesce(ended_at, s.till), s.till) - greatest(started_at, s.since))
        / 3600 * (gpu_count * CASE WHEN gpu_model = 'Tesla T4' THEN 0.35
                                   WHEN capacity = 'spot' THEN 1.19 ELSE s.a100 END
                  + 4 * 0.0417 + 16 * 0.0053))
    FROM sweepworks.attempts
    JOIN (VALUES (%(midnight)s::timestamptz, %(noon)s::timestamptz, 2.93),
                 (%(noon)s, %(midnight)s::timestamptz + interval '1 day', 3.17))
        AS s (since, till, a100)
      ON started_at < s.till AND (ended_at > s.since OR ended_at IS NULL)
"""
_FLOOR = """
    SELECT count(*), sum(extract(epoch FROM ended_at - started_at)), count(DISTINCT gpu_model)
    FROM sweepworks.attempts
"""


def rows(attempts: int, days: int) -> Iterator[tuple[str, int, dt.datetime, dt.datetime, int]]:
    """Run, number within its sweep, times, and a number that decides the rest."""
    random.seed(7)
    seconds = days * 86_400
    per_sweep = -(-attempts // _SWEEPS)
    for index in range(attempts):
        sweep, number = divmod(index, per_sweep)
        begun = _FIRST + dt.timedelta(microseconds=random.randrange(seconds * 1_000_000))
        took = dt.timedelta(microseconds=random.randrange(60_000_000, 5_400_000_000))
        run = f"bench-{sweep:08d}-{number + 1:05d}"
        yield run, number + 1, begun, begun + took, random.randrange(100)


def fill(connection: psycopg.Connection[tuple[object, ...]], attempts: int, days: int) -> None:
    """Runs and attempts by COPY; nothing else is looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = sweepworks")
        with cursor.copy(
            "COPY runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by, state,"
            " started_at, ended_at) FROM STDIN"
        ) as copy:
            for run, number, begun, ended, kind in rows(attempts, days):
                state = "failed" if kind < 8 else "stopped" if kind < 40 else "completed"
                copy.write_row((run, "default", 1, run[:-6], number, 1, "me", state, begun, ended))
        with cursor.copy(
            "COPY attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,"
            " exit_reason, gpu_model, gpu_count, capacity) FROM STDIN"
        ) as copy:
            for run, _, begun, ended, kind in rows(attempts, days):
                reason = "script_failed" if kind < 8 else "stopped" if kind < 40 else "completed"
                model = "Tesla T4" if kind % 3 == 0 else "NVIDIA A100-SXM4-80GB"
                capacity = "spot" if kind % 5 == 0 and kind % 3 else "on_demand"
                copy.write_row(
                    (f"{run}-a1", run, 1, "ended", begun, begun, ended, reason, model,
                     1 + kind % 2, capacity)
                )  # fmt: skip
    connection.commit()


def measure(
    connection: psycopg.Connection[tuple[object, ...]],
    ledger: CostLedger,
    midnight: dt.datetime,
    *,
    now: dt.datetime,
    repeats: int,
    goal_seconds: float,
) -> dict[str, object]:
    """One day written again and again, beside a scan of the attempts and a sum of its own."""
    day, noon = midnight.date(), midnight + dt.timedelta(hours=12)
    floors: list[float] = []
    took: list[float] = []
    usage: list[float] = []
    for _ in range(repeats):
        floors.append(timed(lambda: connection.execute(_FLOOR)))
        took.append(timed(lambda: ledger.replace(day, now=now)))
        usage.append(timed(lambda: ledger.replace_usage(day)))
    began = time.perf_counter()
    row = connection.execute(_INDEPENDENT, {"midnight": midnight, "noon": noon}).fetchone()
    independent = time.perf_counter() - began
    began = time.perf_counter()
    balance = ledger.balance(day)
    checked = time.perf_counter() - began
    found = ledger.totals(day)
    assert row is not None
    assert found is not None
    owed = Decimal(str(row[0]))
    is_right = abs(owed - found.amount_usd) < CENT and balance.is_good
    return {
        "entries": found.entries,
        "attempts_of_the_day": found.attempts,
        "day_seconds": statistics.median(took),
        "day_worst_seconds": max(took),
        "usage_seconds": statistics.median(usage),
        "floor_scan_seconds": statistics.median(floors),
        "independent_sum_seconds": independent,
        "check_seconds": checked,
        "entries_per_second": round(found.entries / statistics.median(took)),
        "ledger_usd": f"{found.amount_usd:.6f}",
        "independent_usd": f"{owed:.6f}",
        "difference_usd": f"{abs(owed - found.amount_usd):.9f}",
        "is_right_to_the_cent": is_right,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "is_good": is_right and max(took) <= goal_seconds,
    }


def timed(work: Callable[[], object]) -> float:
    """How many seconds something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def submit_sweeps(pool: Pool) -> None:
    """Sweeps whose trials ask for four cores, 16 GiB and a GPU."""
    asked = Resources(cpu=4, memory_bytes=2**34, gpu=1)
    spec = a_spec(trial=TrialSpec(command=("python", "train.py"), resources=asked))
    catalog = SweepCatalog(pool)
    for number in range(_SWEEPS):
        name = SweepId(f"bench-{number:08d}")
        catalog.submit(name, spec, source_dir="/there", created_by="me")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30, help="over which they are spread")
    parser.add_argument("--one-day", action="store_true", help="all of them on the day measured")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    days = 1 if arguments.one_day else arguments.days
    midnight = _FIRST + dt.timedelta(days=days // 2)
    figures: dict[str, object] = {"attempts": arguments.attempts, "days": days}
    with (
        server() as address,
        fresh_database(address) as url,
        open_pool(url, max_size=2) as pool,
        psycopg.connect(url, options=CONNECTION_OPTIONS) as connection,
    ):
        submit_sweeps(pool)
        figures["filled_seconds"] = timed(lambda: fill(connection, arguments.attempts, days))
        connection.autocommit = True
        for table in ("attempts", "runs"):  # as autovacuum does
            connection.execute(
                sql.SQL("VACUUM (ANALYZE) sweepworks.{}").format(sql.Identifier(table))
            )
        policies = PolicyStore(pool)
        text = _BOOK.replace("NOON", f"{midnight + dt.timedelta(hours=12):%Y-%m-%dT%H:%M:%SZ}")
        change = PolicyChange(
            kind=PRICES, source="prices.yaml", before=policies.current(PRICES), text=text
        )
        policies.apply([change], by="benchmark", comment="")
        figures |= measure(
            connection,
            CostLedger(pool, policies),
            midnight,
            now=_FIRST + dt.timedelta(days=days + 2),
            repeats=arguments.repeats,
            goal_seconds=math.inf if arguments.one_day else _GOAL_SECONDS,
        )
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
