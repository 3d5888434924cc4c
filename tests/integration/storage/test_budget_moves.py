"""Prices and limits that move in the middle, on one database: what is let in fits into what is left.

Time passes by moving everything back: rows, and when prices were applied.
"""

import datetime as dt
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from governance.budgets.policy import BUDGETS
from governance.budgets.predictions import Basis, Prediction
from governance.cost.price_file import PRICES
from storage.budgets.store import BudgetStore
from storage.database import Pool, open_pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.admissions import PostgresAdmissionDesk
from sweeps import ids
from sweeps.ids import AttemptId, SweepId
from sweeps.specs import Resources, SweepSpec, TrialSpec
from tests.factories import a_spec
from tests.integration.storage.spending_world import SpendingWorld
from tests.plugins.postgres import Database

TRIAL = TrialSpec(command=("python",), resources=Resources(gpu=1))
SPEC = a_spec(tenant="vision", trial=TRIAL, max_trials=1000, max_parallel=50)
HOURS = 2.0  # that a trial is predicted to take
CENT = 0.01
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Row:
    """An attempt that was admitted."""

    name: str
    began: dt.datetime | None
    ended: dt.datetime | None
    is_live: bool
    usd: float | None  #: predicted


class Installation:
    """Two sweeps of one tenant, a budget of it, and the price of a GPU."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.world = SpendingWorld(pool)
        self.sweeps = [self.world.sweep(f"moving-{letter * 8}") for letter in "ab"]
        self.waiting: dict[SweepId, list[AttemptId]] = {sweep: [] for sweep in self.sweeps}
        #: Since when a GPU costs what in an hour; None: it has no price.
        self.steps: list[tuple[dt.datetime, Decimal | None]] = [(LONG_AGO, Decimal(2))]
        self.limit = 0.0
        self.move_limit(30)
        self.open()

    def open(self) -> None:
        """Be another process, which has read nothing yet."""
        policies = self.world.policies = PolicyStore(self.pool)
        self.budgets = BudgetStore(self.pool, policies)
        self.desk = PostgresAdmissionDesk(
            self.pool, policies, predict=self.predict, budgets=self.budgets
        )

    def predict(
        self,
        sweep_id: SweepId,
        spec: SweepSpec,
        attempt_ids: Sequence[AttemptId],
    ) -> Mapping[AttemptId, Prediction]:
        """By the price of now; nobody can tell where there is none."""
        price = self.steps[-1][1]
        usd = None if price is None else price * Decimal(repr(HOURS))
        known = Prediction(
            basis=Basis.SWEEP,
            upper_seconds=3600 * HOURS,
            usd=usd,
            upper_usd=usd,
            gpu_hours=HOURS,
            upper_gpu_hours=HOURS,
        )
        return dict.fromkeys(attempt_ids, known)

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType, reportCallIssue]  literals below
            return cursor.fetchall() if cursor.description else []

    def write_down(self, sweep: SweepId, count: int) -> None:
        ((known,),) = self.execute("SELECT count(*) FROM runs WHERE sweep_id = %(id)s", id=sweep)
        for number in range(known + 1, known + 1 + count):
            run_id = ids.run_id(sweep, number)
            attempt_id = ids.attempt_id(run_id, 1)
            self.execute(
                "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed,"
                " created_by) SELECT %(run)s, tenant_id, experiment_id, sweep_id, %(number)s, 1, 'me'"
                " FROM sweeps WHERE sweep_id = %(sweep)s",
                run=run_id,
                number=number,
                sweep=sweep,
            )
            self.execute(
                "INSERT INTO attempts (attempt_id, run_id, number, created_at)"
                " VALUES (%(attempt)s, %(run)s, 1, now())",
                attempt=attempt_id,
                run=run_id,
            )
            self.waiting[sweep].append(attempt_id)

    def ask(self, sweep: SweepId) -> None:
        self.execute("UPDATE scheduling_state SET decided_at = '-infinity'")
        self.desk.ask(sweep, SPEC, self.waiting[sweep])

    def start(self) -> None:
        self.execute(
            "UPDATE attempts SET state = 'running', started_at = now() WHERE state = 'pending'"
            " AND attempt_id IN (SELECT attempt_id FROM admissions WHERE admitted_at IS NOT NULL)"
        )

    def end(self, attempt: str) -> None:
        self.execute(
            "UPDATE attempts SET state = 'ended', exit_reason = 'completed', ended_at = now()"
            " WHERE attempt_id = %(attempt)s",
            attempt=attempt,
        )
        for waiting in self.waiting.values():
            if attempt in waiting:
                waiting.remove(AttemptId(attempt))

    def wait(self, hours: float) -> None:
        by = dt.timedelta(hours=hours)
        self.execute(
            "UPDATE attempts SET started_at = started_at - %(by)s, ended_at = ended_at - %(by)s",
            by=by,
        )
        self.execute("ALTER TABLE policies DISABLE TRIGGER policies_immutable")
        self.execute("UPDATE policies SET applied_at = applied_at - %(by)s", by=by)
        self.execute("ALTER TABLE policies ENABLE TRIGGER policies_immutable")
        self.steps = [(since - by, price) for since, price in self.steps]
        self.open()

    def move_price(self, price: Decimal | None) -> None:
        """Apply another one, without a date; what had none so far has had it always."""
        if price is not None:
            self.steps = [(since, price if usd is None else usd) for since, usd in self.steps]
        self.steps.append((self.world.database_now(), price))
        entries = "" if price is None else f"{{usd_per_gpu_hour: {price}}}"
        self.world.apply(PRICES, f"gpu: [{entries}]\ncpu: [{{usd_per_core_hour: 0}}]")

    def move_limit(self, limit: float) -> None:
        self.limit = limit
        text = "budgets: [{name: t, tenant: vision, period: total, max_cost_usd: %s}]"
        self.world.apply(BUDGETS, text % limit)

    def rows(self) -> list[Row]:
        found = self.execute(
            "SELECT attempt_id, started_at, attempts.ended_at, state <> 'ended',"
            " predicted_usd::float8 FROM attempts JOIN admissions USING (attempt_id)"
            " WHERE admitted_at IS NOT NULL ORDER BY attempt_id"
        )
        return [Row(*row) for row in found]

    def burnt(self, row: Row, now: dt.datetime) -> float:
        """By hand, apart from all code of budgets and prices."""
        usd, ends = 0.0, [since for since, _ in self.steps[1:]]
        for (since, price), until in zip(self.steps, [*ends, now], strict=True):
            if row.began is not None and price is not None:
                held = min(row.ended or now, until) - max(row.began, since)
                usd += max(held.total_seconds(), 0.0) / 3600 * float(price)
        return usd

    def spent(self, now: dt.datetime) -> float:
        return sum(self.burnt(row, now) for row in self.rows())

    def free(self, now: dt.datetime) -> float:
        """What nobody has spent, and nobody has reserved."""
        live = [row for row in self.rows() if row.is_live]
        reserved = sum(max((row.usd or 0.0) - self.burnt(row, now), 0.0) for row in live)
        return self.limit - self.spent(now) - reserved


@pytest.fixture
def installation(database: Database) -> Generator[Installation, None, None]:
    with open_pool(database.url) as pool:
        yield Installation(pool)


def look(installation: Installation, sweep: SweepId) -> None:
    """One look of a controller at the desk: who is let in fits into what was left."""
    before = {row.name for row in installation.rows()}
    free = installation.free(installation.world.database_now())

    installation.ask(sweep)

    live = [row for row in installation.rows() if row.is_live]
    new = [row for row in live if row.name not in before]
    assert sum(row.usd or 0.0 for row in new) <= max(free, 0.0) + CENT
    assert free > -CENT or not new
    if any(row.usd is None for row in new):
        assert sum(row.usd is None for row in live) == 1


def check_books(installation: Installation) -> None:
    """Everything is charged once, by the prices of its time."""
    now = installation.world.database_now()
    (position,) = installation.budgets.positions(tenant=None, now=now)
    taken = float(position.spent.usd + position.reserved.usd)
    assert abs(float(position.spent.usd) - installation.spent(now)) < CENT
    assert abs(installation.limit - taken - installation.free(now)) < CENT


@pytest.mark.parametrize("seed", range(6))
def test_prices_and_limits_that_move_let_nobody_in_beyond_what_is_left(
    installation: Installation, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(45):
        sweep = chance.choice(installation.sweeps)
        running = [row.name for row in installation.rows() if row.is_live]
        match chance.choice(("write", "look", "look", "start", "wait", "end", "price", "limit")):
            case "write":
                installation.write_down(sweep, chance.randint(1, 4))
            case "look" if installation.waiting[sweep]:
                look(installation, sweep)
            case "start":
                installation.start()
            case "wait":
                installation.wait(chance.choice((0.2, 1.0, 2.5)))
            case "end" if running:
                installation.end(chance.choice(running))
            case "price":
                installation.move_price(
                    chance.choice((None, Decimal("0.5"), Decimal(2), Decimal(9)))
                )
            case "limit":
                installation.move_limit(chance.choice((0, 8, 30, 90)))
            case _:
                pass
        check_books(installation)


def test_after_a_price_was_raised_fewer_are_let_in(installation: Installation) -> None:
    sweep = installation.sweeps[0]
    installation.write_down(sweep, 3)  # 4 dollars each
    look(installation, sweep)
    installation.start()
    installation.wait(1.0)

    installation.move_price(Decimal(5))
    installation.write_down(sweep, 4)  # 10 dollars each
    look(installation, sweep)

    assert live(installation) == 4
    installation.wait(1.9)  # the first three have taken 11.5 by now: 4 were reserved
    look(installation, sweep)
    assert live(installation) == 4
    assert installation.free(installation.world.database_now()) < 0
    check_books(installation)


def test_while_a_price_is_missing_one_starts_at_a_time(installation: Installation) -> None:
    sweep = installation.sweeps[0]
    installation.move_price(None)
    installation.write_down(sweep, 3)
    look(installation, sweep)
    look(installation, sweep)
    assert live(installation) == 1
    installation.start()
    installation.wait(3.0)
    check_books(installation)

    installation.move_price(Decimal(2))
    installation.wait(1.0)

    spent = installation.spent(installation.world.database_now())
    assert spent == pytest.approx(8.0, abs=0.2)  # the first three hours have a price, too
    check_books(installation)


def test_a_limit_that_is_raised_lets_in_who_waits(installation: Installation) -> None:
    sweep = installation.sweeps[0]
    installation.move_limit(5)
    installation.write_down(sweep, 3)
    look(installation, sweep)
    assert live(installation) == 1

    installation.move_limit(9)
    look(installation, sweep)

    assert live(installation) == 2


def live(installation: Installation) -> int:
    return sum(row.is_live for row in installation.rows())
