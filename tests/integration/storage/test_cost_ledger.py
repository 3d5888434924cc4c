"""The ledger in the database: days replaced as a whole, however often and in whatever order."""

import datetime as dt
import threading
from collections.abc import Generator
from decimal import Decimal

import psycopg
import pytest
from psycopg import sql

from governance.cost.entries import CENT
from storage import queries
from storage.cost.ledger import CostLedger
from storage.database import Pool, open_pool
from storage.policy_store import PolicyStore
from sweeps.errors import SweepsError
from sweeps.specs import Resources
from tests.integration.storage.cost_world import DAY, HOUR, LATER, MIDNIGHT, CostWorld
from tests.plugins.postgres import Database

NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture
def unchecked(pool: Pool) -> CostWorld:
    """For what is wrong on purpose."""
    return CostWorld(pool)


@pytest.fixture
def costs(unchecked: CostWorld) -> Generator[CostWorld, None, None]:
    """Whose books are good in the end, whatever a test has done."""
    yield unchecked
    unchecked.check(*unchecked.days())


def test_a_day_has_an_entry_for_each_attempt_and_resource(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    attempt = costs.attempt(run, 1, 3)
    costs.end_run(run, "completed")

    costs.replace()

    cpu, gpu, memory = costs.entries()
    assert (gpu["attempt_id"], gpu["run_id"], gpu["sweep_id"]) == (attempt, run, "digits-aaaaaaaa")
    assert (gpu["tenant_id"], gpu["owner"], gpu["category"]) == ("default", "me", "compute")
    assert (gpu["kind"], gpu["quantity"], gpu["amount_usd"]) == ("a100", 2, 4)
    assert (gpu["outcome"], gpu["is_waste"], gpu["price_version"]) == ("completed", False, 1)
    assert (cpu["amount_usd"], memory["amount_usd"]) == (Decimal("0.08"), Decimal("0.01"))


def test_resources_are_those_of_all_pods_and_devices_those_it_had(costs: CostWorld) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 0, 1, gpus=8)

    costs.replace()

    assert {row["resource"]: row["quantity"] for row in costs.entries()} == {
        "gpu": 8,
        "cpu": 1,
        "memory": 1,
    }


def test_what_failed_was_evicted_or_cancelled_is_paid_for_as_well(costs: CostWorld) -> None:
    sweep = costs.sweep()
    ends = {"script_failed": "failed", "preempted": "failed", "cancelled": "cancelled"}
    for number, (reason, state) in enumerate(ends.items(), 1):
        run = costs.run(sweep, number)
        costs.attempt(run, 0, 1, reason=reason)
        costs.end_run(run, state)
    retried = costs.run(sweep, 4)
    costs.attempt(retried, 0, 1, reason="killed")
    costs.attempt(retried, 1, 2, number=2)
    costs.end_run(retried, "completed")

    costs.replace()

    outcomes = [row["outcome"] for row in costs.entries() if row["resource"] == "gpu"]
    assert outcomes == ["failed", "evicted", "cancelled", "evicted", "completed"]


def test_what_never_started_has_no_entry_and_is_not_missed(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 0, 1, reason="launch_failed")
    costs.execute("UPDATE attempts SET started_at = NULL")

    costs.replace()

    assert costs.entries() == []


def test_what_waits_or_was_never_launched_is_in_no_sum(costs: CostWorld) -> None:
    sweep = costs.sweep()
    costs.waiting(costs.run(sweep, 1), -30)
    costs.waiting(costs.run(sweep, 2), 3)
    given_up = costs.run(sweep, 3)
    costs.waiting(given_up, -30, ended=5)
    costs.attempt(given_up, 6, 7, number=2)

    costs.replace()

    balance = costs.ledger.balance(DAY)
    assert (balance.ledger_usd, balance.greatest_gap) == (Decimal("2.045"), 0)
    assert {row["attempt_id"] for row in costs.entries()} == {f"{given_up}-a2"}


def test_an_attempt_that_runs_over_midnight_is_good_on_each_of_its_days(costs: CostWorld) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), -3.7, 31.3, reason="evicted")

    days = [DAY - dt.timedelta(days=1), DAY, NEXT]
    for day in reversed(days):
        costs.replace(day)

    gpus = [row["quantity"] for row in costs.entries() if row["resource"] == "gpu"]
    assert gpus == pytest.approx([3.7, 24, 7.3])


def test_a_rerun_is_charged_for_what_it_was_admitted_with(costs: CostWorld) -> None:
    original = costs.run(costs.sweep(), 1)
    costs.attempt(original, -9, -8)
    again = costs.rerun("scratch-aaaaaaaaaaaa", of=original)
    costs.admit(costs.attempt(again, 1, 3, gpus=0, model=""), gpu=2, cores=0.5)
    waits = costs.rerun("scratch-bbbbbbbbbbbb", of=original)
    costs.admit(costs.waiting(waits, 0), gpu=2, cores=0.5)

    costs.replace()

    assert {row["resource"]: (row["run_id"], row["quantity"]) for row in costs.entries()} == {
        "gpu": (again, 4),
        "cpu": (again, 1),
    }


def test_a_place_in_a_cluster_is_paid_for_from_when_it_was_given(costs: CostWorld) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 2, 3)
    costs.execute("UPDATE attempts SET scheduled_at = started_at - interval '1 hour'")

    costs.replace()

    assert {row["quantity"] for row in costs.entries()} == {2}


def test_what_goes_on_is_charged_until_now_and_rightly_once_it_has_ended(costs: CostWorld) -> None:
    attempt = costs.attempt(costs.run(costs.sweep(), 1), 20, None)

    costs.replace(now=MIDNIGHT + 21 * HOUR)
    assert {(row["quantity"], row["outcome"]) for row in costs.entries()} == {(1, "running")}

    costs.end(attempt, 30)
    assert costs.ledger.behind(since=DAY, until=NEXT) == [DAY, NEXT]
    for day in (NEXT, DAY):
        costs.replace(day)
    assert [row["quantity"] for row in costs.entries() if row["resource"] == "gpu"] == [4, 6]
    assert costs.ledger.behind(since=DAY, until=NEXT) == []


def test_a_day_is_behind_when_an_attempt_turns_up_that_it_did_not_know(costs: CostWorld) -> None:
    sweep = costs.sweep()
    costs.attempt(costs.run(sweep, 1), 1, 2)
    costs.replace()
    assert costs.ledger.behind(since=DAY, until=DAY) == []

    costs.attempt(costs.run(sweep, 2), 3, 4)

    assert costs.ledger.behind(since=DAY, until=DAY) == [DAY]
    costs.replace()
    assert costs.ledger.behind(since=DAY, until=DAY) == []


def test_a_day_is_behind_when_a_start_is_told_late_of_what_goes_on(costs: CostWorld) -> None:
    sweep = costs.sweep()
    costs.attempt(costs.run(sweep, 1), 1, 2)
    costs.waiting(costs.run(sweep, 2), 1)
    for day in (DAY, NEXT):
        costs.replace(day)
    assert costs.ledger.behind(since=DAY, until=NEXT) == []

    attempt = costs.attempt(costs.run(sweep, 3), 23, None)

    assert costs.ledger.behind(since=DAY, until=NEXT) == [DAY, NEXT]
    costs.replace(DAY)
    assert costs.ledger.behind(since=DAY, until=NEXT) == [NEXT]
    costs.replace(NEXT)
    assert costs.ledger.behind(since=DAY, until=NEXT) == []
    held = [row for row in costs.entries() if row["attempt_id"] == attempt]
    assert {(row["day"], row["quantity"]) for row in held} == {(DAY, 1), (NEXT, 24)}


def test_what_goes_on_is_compared_with_the_books_by_its_runs_alone(costs: CostWorld) -> None:
    """However much the books have, each attempt that goes on is a look into an index."""
    sweep = costs.sweep()
    first = costs.run(sweep, 1)
    costs.attempt(first, 1, 2)
    costs.execute(
        """INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by, state)
           SELECT %s || n, tenant_id, experiment_id, sweep_id, n + 1, 1, 'me', 'running'
           FROM runs, generate_series(1, 3000) AS n""",
        "many-",
    )
    costs.execute(
        """INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,
                                 exit_reason)
           SELECT run_id || '-a1', run_id, 1, 'ended', %s, %s, %s, 'completed'
           FROM runs WHERE run_id LIKE %s""",
        MIDNIGHT, MIDNIGHT, MIDNIGHT + HOUR, "many-%",
    )  # fmt: skip
    costs.attempt(costs.run(sweep, 4000), 1, None)
    for day in (DAY, NEXT):
        costs.replace(day)
    with costs.pool.connection() as connection:
        connection.execute("ANALYZE attempts, runs, cost_entries, cost_days")
        query = "EXPLAIN (COSTS off) " + queries.load("costs")["days_behind"]
        rows = connection.execute(query, {"since": DAY, "until": NEXT}).fetchall()

    assert costs.ledger.behind(since=DAY, until=NEXT) == []
    plan = "\n".join(line for (line,) in rows)
    of_live = plan[plan.index("attempts_begun_idx") :]
    assert "cost_entries_run_id_idx" in of_live, plan
    assert "Seq Scan" not in of_live, plan


def test_a_day_does_not_lose_what_it_has_when_somebody_comes_late(costs: CostWorld) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 0, None)

    costs.replace(now=MIDNIGHT + 5 * HOUR)
    costs.replace(now=MIDNIGHT + 3 * HOUR)

    assert {row["quantity"] for row in costs.entries()} == {5}


def test_a_day_that_is_written_again_keeps_the_prices_that_it_had(costs: CostWorld) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 11, 13)
    costs.replace()
    before = costs.total()

    costs.price("gpu: [{usd_per_gpu_hour: 30}]")
    costs.replace()

    assert costs.total() == before
    assert {row["price_version"] for row in costs.entries()} == {2}
    costs.check(DAY)


def test_a_price_with_a_from_holds_when_a_day_is_written_again(costs: CostWorld) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 11, 13)
    costs.replace()

    costs.price("gpu: [{usd_per_gpu_hour: 3, from: 2026-03-10T12:00:00Z}]")
    costs.replace()

    gpus = [row for row in costs.entries() if row["resource"] == "gpu"]
    assert [(row["quantity"], row["amount_usd"]) for row in gpus] == [(1, 2), (1, 3)]
    costs.check(DAY)


def test_what_has_no_price_is_named(pool: Pool) -> None:
    costs = CostWorld(pool, prices="gpu: [{usd_per_gpu_hour: 2, to: 2026-03-10T12:00:00Z}]")
    costs.attempt(costs.run(costs.sweep(), 1), 11, 13)

    costs.replace()

    gpus = [row for row in costs.entries() if row["resource"] == "gpu"]
    assert [(row["quantity"], row["amount_usd"]) for row in gpus] == [(1, 2), (1, None)]
    things = costs.ledger.unpriced(DAY)
    assert {(one.resource, one.kind, one.quantity) for one in things} == {
        ("gpu", "a100", 1),
        ("cpu", "", 2),
        ("memory", "", 2),
    }


def test_measured_idleness_is_waste(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 1, 3)
    costs.idle_minutes(run, 1.0, range(60, 90))
    costs.idle_minutes(run, 97.0, range(90, 180))
    busy = costs.run("digits-aaaaaaaa", 2)
    costs.attempt(busy, 1, 3)

    costs.replace()

    idle = [row for row in costs.entries() if row["is_waste"]]
    assert [(row["run_id"], row["quantity"], row["amount_usd"]) for row in idle] == [(run, 0.5, 1)]
    assert sum(row["quantity"] for row in costs.entries() if row["resource"] == "gpu") == 4
    found = costs.ledger.totals(DAY)
    assert found is not None
    assert (found.idle_gpu_hours, found.waste_usd) == (0.5, 1)


def test_idle_time_that_crosses_midnight_counts_on_both_days(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, -1, 1)
    costs.idle_minutes(run, 0.0, range(-6, 6))

    costs.replace()
    costs.replace(DAY - dt.timedelta(days=1))

    assert [row["quantity"] for row in costs.entries() if row["is_waste"]] == pytest.approx(
        [0.1, 0.1]
    )


def test_bytes_are_paid_for_once_by_the_run_that_logged_them_first(costs: CostWorld) -> None:
    first, second = costs.sweep("digits-aaaaaaaa"), costs.sweep("digits-bbbbbbbb")
    costs.artifact(costs.run(first, 1), "shared", 2**30, 0)
    costs.artifact(costs.run(second, 1), "shared", 2**30, 1)
    costs.artifact(costs.run(second, 2), "own", 2**31, 12)
    costs.blob("a dataset's", 2**30, -100)

    costs.replace()

    rows = [(row["sweep_id"], row["quantity"], row["amount_usd"]) for row in costs.entries()]
    assert rows == [
        (None, 1, Decimal("0.001")),
        (first, 1, Decimal("0.001")),
        (second, 1, Decimal("0.001")),
    ]


def test_bytes_of_the_installation_cost_no_tenant_anything(costs: CostWorld) -> None:
    costs.execute(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes, created_at)"
        " SELECT installation_tenant(), sha256(name::bytea), 1073741824, %s - interval '1 day'"
        " FROM unnest(ARRAY['a report', 'an older one']) AS name",
        dt.datetime.combine(DAY, dt.time(), dt.UTC),
    )
    costs.delete_blob("an older one", at=6)

    costs.replace()

    assert costs.entries() == []
    costs.check(DAY)


def test_bytes_that_are_gone_were_paid_for_as_long_as_they_were_there(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.artifact(run, "old", 2**30, -30)
    costs.delete_artifact(run, at=6)
    costs.delete_blob("old", at=12)

    costs.replace(DAY)
    costs.replace(NEXT)

    (row,) = costs.entries()
    assert (row["day"], row["sweep_id"], row["quantity"]) == (DAY, "digits-aaaaaaaa", 0.5)


def test_bytes_are_handed_on_when_the_first_one_lets_go(costs: CostWorld) -> None:
    first, second = costs.sweep("digits-aaaaaaaa"), costs.sweep("digits-bbbbbbbb")
    run = costs.run(first, 1)
    costs.artifact(run, "shared", 2**30, 0)
    costs.artifact(costs.run(second, 1), "shared", 2**30, 1)
    costs.delete_artifact(run, at=6)

    costs.replace(DAY)
    costs.replace(NEXT)

    assert [(row["day"], row["sweep_id"]) for row in costs.entries()] == [
        (DAY, first),
        (NEXT, second),
    ]


def test_usage_says_the_same_in_sum(costs: CostWorld) -> None:
    sweep = costs.sweep()
    for number, model in enumerate(["a100", "t4"], 1):
        run = costs.run(sweep, number)
        costs.attempt(run, 0, number, model=model, reason="script_failed")
    costs.artifact(f"{sweep}-00001", "x", 2**30, 0)
    costs.replace()

    with costs.pool.connection() as connection:
        rows = connection.execute(
            """SELECT gpu_kind, gpu_hours, cpu_hours, storage_gib_days, attempts, failed_attempts
               FROM usage_daily ORDER BY gpu_kind"""
        ).fetchall()
    assert rows == [("", 0, 0, 1, 0, 0), ("a100", 1, 1, 0, 1, 1), ("t4", 2, 2, 0, 1, 1)]
    assert costs.ledger.usage_total(DAY) == costs.total()


def test_the_balance_is_good_whatever_the_prices_do(costs: CostWorld) -> None:
    sweep = costs.sweep()
    costs.price(
        "gpu: [{usd_per_gpu_hour: 2.13, to: 2026-03-10T12:30:00Z},"
        " {type: t4, usd_per_gpu_hour: 0.35}, {usd_per_gpu_hour: 3, from: 2026-03-10T12:30:00Z}]\n"
        "cpu: [{usd_per_core_hour: 0.0417}]\nstorage: [{usd_per_gib_month: 0.023}]"
    )
    for number in range(1, 9):
        run = costs.run(sweep, number)
        costs.attempt(run, -3 + number * 1.37, number * 3.11, model=["t4", "A100", ""][number % 3])
    costs.artifact(f"{sweep}-00001", "x", 123_456_789_012, 3)
    costs.replace()

    balance = costs.ledger.balance(DAY)

    assert balance.is_good
    assert balance.ledger_usd > 10


def test_the_balance_is_bad_when_an_entry_is_another_one(unchecked: CostWorld) -> None:
    unchecked.attempt(unchecked.run(unchecked.sweep(), 1), 0, 1)
    unchecked.replace()
    unchecked.check(DAY)

    unchecked.execute(
        "UPDATE cost_entries SET amount_usd = amount_usd + 0.01 WHERE resource = 'cpu'"
    )

    assert not unchecked.ledger.balance(DAY).is_good


def test_an_attempt_that_is_not_in_the_ledger_is_told_of(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.replace()
    attempt = costs.attempt(run, 0, 1)

    assert costs.ledger.attempts_without_entry(DAY).first == (attempt,)
    costs.replace()
    assert costs.ledger.attempts_without_entry(DAY).count == 0


def test_an_entry_of_nothing_is_told_of(unchecked: CostWorld) -> None:
    attempt = unchecked.attempt(unchecked.run(unchecked.sweep(), 1), 0, 1, gpus=1)
    unchecked.replace()
    unchecked.execute("UPDATE cost_entries SET attempt_id = 'x' WHERE resource = 'gpu'")
    of_nobody = unchecked.ledger.entries_without_attempt(DAY).first
    unchecked.execute("UPDATE attempts SET started_at = NULL")
    of_what_never_began = unchecked.ledger.entries_without_attempt(DAY).first

    assert of_nobody == (f"{attempt}/gpu",)
    assert of_what_never_began == (f"{attempt}/cpu", f"{attempt}/gpu", f"{attempt}/memory")


def test_of_two_at_once_one_waits_and_nothing_is_there_twice(costs: CostWorld) -> None:
    sweep = costs.sweep()
    for number in range(1, 40):
        costs.attempt(costs.run(sweep, number), 0, 1)
    failed: list[Exception] = []

    def replace() -> None:
        try:
            CostLedger(costs.pool, PolicyStore(costs.pool)).replace(DAY, now=LATER)
        except SweepsError as exc:
            failed.append(exc)

    threads = [threading.Thread(target=replace) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    costs.ledger.replace_usage(DAY)
    assert failed == []
    assert len(costs.entries()) == 39 * 3


@pytest.mark.parametrize("table", ["cost_entries", "cost_days", "usage_daily"])
def test_killed_anywhere_the_day_is_as_it_was_and_comes_right_later(
    costs: CostWorld, database: Database, table: str
) -> None:
    """The connection dies at its first write to each table, after whatever came before."""
    run = costs.run(costs.sweep(), 1)
    costs.attempt(run, 0, 1)
    costs.replace()
    before = costs.entries()
    costs.attempt(costs.run("digits-aaaaaaaa", 2), 0, 1)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SET search_path = sweepworks")
        connection.execute(
            """CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"""
        )
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER die AFTER INSERT OR UPDATE ON {} EXECUTE FUNCTION die()"
            ).format(sql.Identifier(table))
        )

    with open_pool(database.url) as pool:
        broken = CostWorld(pool)
        with pytest.raises(SweepsError):
            broken.replace()

    if table != "usage_daily":  # its own transaction, after that of the entries
        assert costs.entries() == before
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP TRIGGER die ON sweepworks.{}").format(sql.Identifier(table))
        )
    costs.replace()
    assert len(costs.entries()) == 6
    assert costs.ledger.balance(DAY).is_good
    assert costs.ledger.usage_total(DAY) == costs.total()


def test_more_than_a_batch_is_written(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.cost.holdings._BATCH", 2)
    costs = CostWorld(pool, resources=Resources(cpu=0.5))
    sweep = costs.sweep()
    for number in range(1, 6):
        costs.attempt(costs.run(sweep, number), 0, 1, gpus=0, model="")

    costs.replace()

    assert len(costs.entries()) == 5
    assert abs(costs.total() - Decimal("0.10")) < CENT
