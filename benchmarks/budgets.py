"""How long a pass of the scheduler takes on the store, and what budgets add to it.

An installation of 100 tenants: 300 budgets, 100,000 attempts that have ended in a month, 2,000 live
ones, 10,000 that wait, and the real ledger up to yesterday. `states` is what budgets say within a
pass; `first` is the same by a process that has seen nothing, once no sum of closed days is kept. A
pass is the admission desk's own, by each statement. The floors: an empty transaction, and one plain
sum each over the rows of attempts, admissions and usage that budgets have to look at. What is spent
has to be what SQL that shares nothing with the code of budgets says, to the cent.
"""

import argparse
import datetime as dt
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks.machine import show
from benchmarks.postgres import fresh_database, server
from benchmarks.spending import Installation, Size
from governance.budgets.budget import BudgetState
from governance.cost.entries import CENT
from governance.periods import day_of, midnight
from governance.scheduling import Schedule
from storage import queries
from storage.budgets.store import BudgetStore
from storage.database import CONNECTION_OPTIONS, Pool, open_pool, transaction
from storage.policy_store import PolicyStore
from storage.queue import admissions
from storage.queue.admissions import PostgresAdmissionDesk

_GOAL_SECONDS = 0.02
_PRICES = "CASE WHEN gpu_model = 'Tesla T4' THEN 0.35 ELSE 2.93 END"
# Written apart from budgets and the ledger: four cores and 16 GiB each.
_INDEPENDENT = f"""
    SELECT sum(extract(epoch FROM coalesce(ended_at, %(now)s) - started_at) / 3600
               * (gpu_count * {_PRICES} + 4 * 0.0417 + 16 * 0.0053))
    FROM sweepworks.attempts
    WHERE started_at IS NOT NULL
"""
_FLOOR = """
    SELECT (SELECT sum(coalesce(ended_at, %(now)s) - started_at) FROM sweepworks.attempts
            WHERE ended_at >= %(since)s OR (state <> 'ended' AND started_at IS NOT NULL)),
           (SELECT sum(predicted_usd) FROM sweepworks.admissions
            WHERE admitted_at IS NOT NULL AND ended_at IS NULL),
           (SELECT sum(amount_usd) FROM sweepworks.usage_daily)
"""


class Parts:
    """Seconds by what was done, one list for each pass."""

    def __init__(self) -> None:
        self.passes: list[defaultdict[str, float]] = []

    def begin(self) -> None:
        """Another pass."""
        self.passes.append(defaultdict(float))

    def note(self, name: str, seconds: float) -> None:
        """Within the present pass."""
        if self.passes:
            self.passes[-1][name] += seconds

    def medians(self) -> dict[str, float]:
        """Of the passes, by name."""
        names = {name for one in self.passes for name in one}
        return {name: statistics.median(one[name] for one in self.passes) for name in sorted(names)}


class TimedBudgets:
    """A `storage.queue.admissions.BudgetSource`; notes how long it takes."""

    def __init__(self, store: BudgetStore, parts: Parts) -> None:
        self._store = store
        self._parts = parts

    def states(
        self, connection: psycopg.Connection[tuple[Any, ...]], *, now: dt.datetime
    ) -> Sequence[BudgetState]:
        """As the store."""
        began = time.perf_counter()
        found = self._store.states(connection, now=now)
        self._parts.note("budgets", time.perf_counter() - began)
        return found

    def keep_sums(self) -> None:
        """As the store; it is part of the whole pass only."""
        self._store.keep_sums()


def timed_connections(parts: Parts) -> type[psycopg.Connection[tuple[Any, ...]]]:
    """Connections that note how long each statement of the desk takes, by its name."""
    names = {statement: name for name, statement in queries.load("admissions").items()}

    class TimedConnection(psycopg.Connection[tuple[Any, ...]]):
        """One of them."""

        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            """As psycopg's."""
            began = time.perf_counter()
            cursor = super().execute(query, *arguments, **options)
            if query in names:
                parts.note(f"sql_{names[query]}", time.perf_counter() - began)
            return cursor

    return TimedConnection


def measure_states(
    url: str, installation: Installation, repeats: int
) -> tuple[dict[str, object], bool]:
    """Within a transaction, as a pass asks; beside the floors, and a sum by other means."""
    with open_pool(url, max_size=2) as pool:
        store = BudgetStore(pool, installation.policies)
        with transaction(pool) as connection:
            first = timed(lambda: store.states(connection, now=now_of(connection)))
            again = BudgetStore(pool, PolicyStore(pool))
            fresh = timed(lambda: again.states(connection, now=now_of(connection)))
            took: list[float] = []
            cpu: list[float] = []
            floors: list[float] = []
            for _ in range(repeats):
                floors.append(timed(lambda: connection.execute(_FLOOR, floor_of(installation))))
                began = time.process_time()
                took.append(timed(lambda: store.states(connection, now=now_of(connection))))
                cpu.append(time.process_time() - began)
            budgets = len(store.states(connection, now=now_of(connection)))
        empty = [timed(lambda: nothing(pool)) for _ in range(repeats)]
        now = dt.datetime.now(dt.UTC)
        found = next(one for one in store.all_positions(now=now) if one.budget.name == "all-total")
        with transaction(pool) as connection:
            row = connection.execute(_INDEPENDENT, {"now": now}).fetchone()
    assert row is not None
    difference = abs(found.spent.usd - Decimal(str(row[0])))
    return {
        "budgets": budgets,
        "states_seconds": statistics.median(took),
        "states_best_seconds": min(took),
        "states_worst_seconds": max(took),
        "states_python_cpu_seconds": statistics.median(cpu),
        "states_fresh_process_seconds": fresh,
        "states_first_seconds": first,
        "floor_sums_seconds": statistics.median(floors),
        "floor_empty_transaction_seconds": statistics.median(empty),
        "spent_usd": f"{found.spent.usd:.6f}",
        "independent_usd": f"{row[0]:.6f}",
        "difference_usd": f"{difference:.9f}",
    }, difference < CENT


def measure_passes(url: str, installation: Installation, repeats: int) -> dict[str, object]:
    """Whole passes of the desk: the first admits who fits, the others tell everybody else."""
    parts, taken = Parts(), list[float]()
    pool: Pool = ConnectionPool(
        url,
        max_size=4,
        connection_class=timed_connections(parts),
        kwargs={"options": CONNECTION_OPTIONS},
        open=True,
    )
    decide = admissions.schedule

    def timed_schedule(*arguments: Any) -> Schedule:
        began = time.perf_counter()
        found = decide(*arguments)
        parts.note("schedule", time.perf_counter() - began)
        return found

    setattr(admissions, "schedule", timed_schedule)  # noqa: B010 - no part of its type
    with pool:
        policies = PolicyStore(pool)
        budgets = TimedBudgets(BudgetStore(pool, policies), parts)
        desk = PostgresAdmissionDesk(pool, policies, budgets=budgets)
        first = timed(desk.run_pass)
        for _ in range(repeats):
            installation.decide_soon()
            parts.begin()
            taken.append(timed(desk.run_pass))
    setattr(admissions, "schedule", decide)  # noqa: B010 - as above
    found = parts.medians()
    rest = statistics.median(taken) - sum(found.values())
    return {
        "pass_seconds": statistics.median(taken),
        "pass_worst_seconds": max(taken),
        "pass_first_seconds": first,
        **{f"pass_{name}_seconds": seconds for name, seconds in found.items()},
        "pass_rest_seconds": rest,
    }


def floor_of(installation: Installation) -> dict[str, object]:
    """Since when rows are of the present day."""
    return {"now": installation.now, "since": midnight(day_of(installation.now))}


def now_of(connection: psycopg.Connection[tuple[Any, ...]]) -> dt.datetime:
    """By the clock that a pass goes by."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


def nothing(pool: Pool) -> None:
    """A transaction with one statement that reads no table."""
    with transaction(pool) as connection:
        connection.execute("SELECT 1")


def timed(work: Callable[[], object]) -> float:
    """How many seconds something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tenants", type=int, default=100, help="each has two budgets")
    parser.add_argument("--finished", type=int, default=100_000, help="attempts of the last month")
    parser.add_argument("--running", type=int, default=2_000)
    parser.add_argument("--queued", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    size = Size(
        tenants=arguments.tenants,
        finished=arguments.finished,
        running=arguments.running,
        queued=arguments.queued,
        days=30,
    )
    with (
        server() as address,
        fresh_database(address) as url,
        open_pool(url, max_size=2) as pool,
        psycopg.connect(url, options=CONNECTION_OPTIONS, autocommit=True) as connection,
    ):
        installation = Installation(pool, size)
        filled = timed(lambda: installation.fill(connection))
        states, is_right = measure_states(url, installation, arguments.repeats)
        passes = measure_passes(url, installation, max(3, arguments.repeats // 3))
    figures: dict[str, object] = {
        "tenants": size.tenants,
        "finished": size.finished,
        "running": size.running,
        "queued": size.queued,
        "filled_seconds": filled,
        **states,
        **passes,
        "is_right_to_the_cent": is_right,
        "is_good": is_right and float(str(states["states_seconds"])) <= _GOAL_SECONDS,
    }
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
