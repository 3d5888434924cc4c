"""Two controllers, crashes, cuts and price changes on one database: no budget is exceeded."""

import random
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

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
#: An hour of one GPU, at the 2 dollars that it costs.
EXACT = Prediction(
    basis=Basis.SWEEP,
    observed=9,
    seconds=3600,
    upper_seconds=3600,
    usd=Decimal(2),
    upper_usd=Decimal(2),
    gpu_hours=1.0,
    upper_gpu_hours=1.0,
)
TOTAL = "budgets: [{name: t, tenant: vision, period: total, max_cost_usd: %s}]"


def exactly(
    sweep_id: SweepId, spec: SweepSpec, attempt_ids: Sequence[AttemptId]
) -> Mapping[AttemptId, Prediction]:
    return dict.fromkeys(attempt_ids, EXACT)


class Rivals:
    """Controllers of two sweeps of one tenant, each with connections of its own."""

    def __init__(self, database: Database, pool: Pool) -> None:
        self.url = database.url
        self.world = SpendingWorld(pool)
        self.pool = pool
        self.sweeps = [self.world.sweep(f"rival-{letter * 8}") for letter in "ab"]
        self.waiting: dict[SweepId, list[AttemptId]] = {sweep: [] for sweep in self.sweeps}

    def desk(self, pool: Pool) -> PostgresAdmissionDesk:
        policies = PolicyStore(pool)
        return PostgresAdmissionDesk(
            pool, policies, predict=exactly, budgets=BudgetStore(pool, policies)
        )

    def write_down(self, sweep: SweepId, count: int) -> None:
        with transaction(self.pool) as connection:
            known = connection.execute(
                "SELECT count(*) FROM runs WHERE sweep_id = %s", (sweep,)
            ).fetchone()
            assert known is not None
            for number in range(known[0] + 1, known[0] + 1 + count):
                run_id = ids.run_id(sweep, number)
                attempt_id = ids.attempt_id(run_id, 1)
                connection.execute(
                    "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed,"
                    " created_by) SELECT %s, tenant_id, experiment_id, sweep_id, %s, 1, 'me'"
                    " FROM sweeps WHERE sweep_id = %s",
                    (run_id, number, sweep),
                )
                connection.execute(
                    "INSERT INTO attempts (attempt_id, run_id, number, created_at)"
                    " VALUES (%s, %s, 1, now())",
                    (attempt_id, run_id),
                )
                self.waiting[sweep].append(attempt_id)

    def admitted(self) -> list[AttemptId]:
        """Those that were let in and have not ended."""
        with transaction(self.pool) as connection:
            rows = connection.execute(
                "SELECT attempt_id FROM admissions JOIN attempts USING (attempt_id)"
                " WHERE admitted_at IS NOT NULL AND state <> 'ended' ORDER BY attempt_id"
            )
            return [AttemptId(row[0]) for row in rows]

    def end(self, attempt_id: AttemptId, *, hours: float = 1.0) -> None:
        """It has taken so long, up to now."""
        with transaction(self.pool) as connection:
            connection.execute(
                "UPDATE attempts SET state = 'ended', exit_reason = 'completed', ended_at = now(),"
                " started_at = now() - make_interval(secs => %s) WHERE attempt_id = %s",
                (3600 * hours, attempt_id),
            )
        for waiting in self.waiting.values():
            if attempt_id in waiting:
                waiting.remove(attempt_id)

    def spent(self) -> Decimal:
        """By the attempts alone, without any of the code that budgets use."""
        with transaction(self.pool) as connection:
            row = connection.execute(
                "SELECT coalesce(sum(extract(epoch FROM ended_at - started_at)) / 1800, 0)"
                " FROM attempts WHERE state = 'ended' AND started_at IS NOT NULL"
            ).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def rivals(database: Database) -> Generator[Rivals, None, None]:
    with open_pool(database.url) as pool:
        yield Rivals(database, pool)


def test_two_controllers_at_once_let_in_no_more_than_a_budget_pays_for(rivals: Rivals) -> None:
    rivals.world.apply(BUDGETS, TOTAL % 11)
    for sweep in rivals.sweeps:
        rivals.write_down(sweep, 6)
    begin = threading.Barrier(2)

    def control(sweep: SweepId) -> None:
        with open_pool(rivals.url) as pool:
            desk = rivals.desk(pool)
            begin.wait(timeout=30)
            for _ in range(6):
                desk.ask(sweep, SPEC, rivals.waiting[sweep])

    with ThreadPoolExecutor(max_workers=2) as controllers:
        list(controllers.map(control, rivals.sweeps))

    assert len(rivals.admitted()) == 5


def test_a_controller_that_dies_leaves_no_reservation(rivals: Rivals) -> None:
    rivals.world.apply(BUDGETS, TOTAL % 4)
    first, second = rivals.sweeps
    rivals.write_down(first, 2)
    rivals.write_down(second, 2)
    with open_pool(rivals.url) as pool:  # it is killed after it was let in
        rivals.desk(pool).ask(first, SPEC, rivals.waiting[first])
    assert len(rivals.admitted()) == 2
    desk = rivals.desk(rivals.pool)
    answers = desk.ask(second, SPEC, rivals.waiting[second])
    assert not any(answer.is_admitted for answer in answers.values())
    assert {answer.reason for answer in answers.values()} == {
        "budget t has $0.00 left, it needs $2.00; it does not renew"
    }

    for attempt_id in rivals.admitted():  # its successor finds them gone, before they began
        rivals.end(attempt_id, hours=0.0)
    answers = desk.ask(second, SPEC, rivals.waiting[second])

    assert sum(answer.is_admitted for answer in answers.values()) == 2


def test_a_budget_cut_below_what_is_spent_lets_nobody_in(rivals: Rivals) -> None:
    rivals.world.apply(BUDGETS, TOTAL % 100)
    sweep = rivals.sweeps[0]
    rivals.write_down(sweep, 3)
    desk = rivals.desk(rivals.pool)
    desk.ask(sweep, SPEC, rivals.waiting[sweep][:1])
    rivals.end(rivals.admitted()[0])

    rivals.world.apply(BUDGETS, TOTAL % 1)
    answers = desk.ask(sweep, SPEC, rivals.waiting[sweep])

    assert not any(answer.is_admitted for answer in answers.values())


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_between_no_budget_is_exceeded(rivals: Rivals, seed: int) -> None:
    chance = random.Random(seed)
    rivals.world.apply(BUDGETS, TOTAL % 15)
    desks = {sweep: rivals.desk(rivals.pool) for sweep in rivals.sweeps}
    for _ in range(40):
        sweep = chance.choice(rivals.sweeps)
        match chance.choice(("ask", "ask", "write", "end", "crash", "prices")):
            case "write":
                rivals.write_down(sweep, chance.randint(1, 3))
            case "ask" if rivals.waiting[sweep]:
                desks[sweep].ask(sweep, SPEC, rivals.waiting[sweep])
            case "end" if live := rivals.admitted():
                rivals.end(chance.choice(live), hours=chance.choice((0.2, 1.0)))
            case "crash":
                desks[sweep] = rivals.desk(rivals.pool)
            case "prices":  # of what nobody uses: the versions of policies move on
                more = f"gpu: [{{usd_per_gpu_hour: 2}}, {{type: t4, usd_per_gpu_hour: {chance.random():.4f}}}]"
                rivals.world.apply(PRICES, more + "\ncpu: [{usd_per_core_hour: 0}]")
            case _:
                pass
        assert rivals.spent() + 2 * len(rivals.admitted()) <= 15
    for attempt_id in rivals.admitted():
        rivals.end(attempt_id)
    budgets = rivals.world.budgets.positions(tenant=None, now=rivals.world.database_now())

    assert rivals.spent() <= 15
    assert abs(budgets[0].spent.usd - rivals.spent()) < Decimal("0.001")  # charged once each
    assert (budgets[0].live, budgets[0].reserved.usd) == (0, Decimal(0))
