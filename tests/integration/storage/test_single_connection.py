"""Who holds a connection asks for no other one: with a pool of one, that would wait for ever."""

import datetime as dt
from collections.abc import Callable, Generator, Sequence
from decimal import Decimal

import pytest

from governance.budgets.policy import BUDGETS
from storage.budgets.gate import PostgresBudgetGate
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.store import BudgetStore
from storage.database import open_pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.admissions import PostgresAdmissionDesk
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import Resources, TrialSpec
from tests.factories import a_spec
from tests.integration.storage.spending_world import NOW, SpendingWorld
from tests.plugins.postgres import Database

TODAY, DAY = NOW.date(), dt.timedelta(days=1)
POLICY = """
budgets:
  - {name: all, period: total, max_cost_usd: 1000000}
  - {name: month, tenant: vision, period: month, max_cost_usd: 100}
  - {name: one, sweep: digits-aaaaaaaa, period: quarter, max_cost_usd: 1000}
"""
SWEEP = SweepId("digits-aaaaaaaa")


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    """A pool of one, whose store knows neither policies, sweeps nor sums yet."""
    with open_pool(database.url, max_size=1) as pool:
        pool.timeout = 1.0
        world = SpendingWorld(pool)
        world.apply(BUDGETS, POLICY)
        sweep = world.sweep(max_cost_usd=Decimal(500))
        world.attempt(sweep, began=3, usd="5", gpu_hours=1.0)
        world.attempt(sweep, admitted=False)
        world.entered(TODAY - DAY, sweep, "30")
        world.close_day(TODAY - DAY)
        yield world


@pytest.fixture
def fresh(world: SpendingWorld) -> BudgetStore:
    return BudgetStore(world.pool, PolicyStore(world.pool))


#: Ways to look, and how many budgets they find.
LOOKS: dict[str, tuple[Callable[[BudgetStore], Sequence[object]], int]] = {
    "all_positions": (lambda store: store.all_positions(now=NOW), 4),
    "positions": (lambda store: store.positions(tenant=None, now=NOW), 3),
    "positions of a tenant": (lambda store: store.positions(tenant="vision", now=NOW), 3),
    "of_sweep": (lambda store: store.of_sweep(SWEEP, now=NOW), 4),
}


@pytest.mark.parametrize(("look", "count"), LOOKS.values(), ids=LOOKS)
def test_budgets_are_looked_at(
    world: SpendingWorld,
    fresh: BudgetStore,
    look: Callable[[BudgetStore], Sequence[object]],
    count: int,
) -> None:
    assert len(look(fresh)) == count
    assert kept(world) > 0


def test_a_gate_looks(world: SpendingWorld, fresh: BudgetStore) -> None:
    predictor = PostgresPredictor(world.pool, book=fresh.book, clock=world.clock)
    gate = PostgresBudgetGate(fresh, predictor, clock=world.clock)
    spec = a_spec(tenant="vision", trial=TrialSpec(command=("python",), resources=Resources(gpu=1)))
    rerun = RerunDemand(
        repeats=RunId("digits-aaaaaaaa-00001"),
        tenant_id=TenantId("vision"),
        experiment="digits",
        owner="me",
        resources=Resources(gpu=1),
    )

    assert gate.check(SweepId("digits-bbbbbbbb"), spec).trials == spec.limits.max_trials
    gate.check_rerun(rerun)
    assert gate.ends_rerun(rerun) == ""


def test_a_watch_looks(world: SpendingWorld) -> None:
    assert not world.watch().verdict(SWEEP).stops


def test_a_scheduler_decides(world: SpendingWorld, fresh: BudgetStore) -> None:
    desk = PostgresAdmissionDesk(world.pool, PolicyStore(world.pool), budgets=fresh)

    assert desk.run_pass() is not None
    assert kept(world) > 0


def kept(world: SpendingWorld) -> int:
    with transaction(world.pool) as connection:
        (count,) = connection.execute("SELECT count(*) FROM budget_sums").fetchone() or (0,)
    return count
