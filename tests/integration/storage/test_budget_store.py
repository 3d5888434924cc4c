"""Where budgets stand, from the ledger and from attempts; and what that means for sweeps."""

import datetime as dt
from collections.abc import Generator
from decimal import Decimal

import pytest

from governance.budgets.policy import BUDGETS
from governance.budgets.spending import BudgetPosition
from governance.cost.price_file import PRICES
from governance.cost.prices import Resource
from storage.database import open_pool, transaction
from sweeps.endings import WITHIN_BUDGETS
from sweeps.ids import SweepId
from tests.factories import seconds
from tests.integration.storage.spending_world import HOUR, NOW, SpendingWorld
from tests.plugins.postgres import Database

TODAY = NOW.date()
YESTERDAY = TODAY - dt.timedelta(days=1)
MONTH = "budgets: [{name: m, tenant: vision, period: month, max_cost_usd: 100, max_gpu_hours: 40}]"


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    with open_pool(database.url) as pool:
        yield SpendingWorld(pool)


def where(world: SpendingWorld, name: str = "m") -> BudgetPosition:
    found = world.budgets.positions(tenant=None, now=NOW)
    return next(one for one in found if one.budget.name == name)


def test_closed_days_are_the_ledgers_and_others_the_attempts(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.entered(YESTERDAY, sweep, "30", gpu_hours=15)
    world.close_day(YESTERDAY)
    world.attempt(sweep, began=16, ended=10)  # four hours of it yesterday, which the ledger has
    world.attempt(sweep, began=3, ended=1, gpus=2)
    world.attempt(sweep, began=1, usd="10", gpu_hours=5)

    found = where(world)

    assert found.spent.usd == Decimal(30 + 2 * 2 + 2 * 4 + 2)
    assert found.spent.gpu_hours == pytest.approx(15 + 2 + 4 + 1)
    assert (found.reserved.usd, found.reserved.gpu_hours) == (Decimal(8), pytest.approx(4))


def test_a_day_that_was_computed_before_it_was_over_is_not_closed(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.entered(YESTERDAY, sweep, "30")
    world.close_day(YESTERDAY, at=NOW - 20 * HOUR)
    world.attempt(sweep, began=15, ended=14)

    assert where(world).spent.usd == Decimal(2)


def test_without_any_ledger_everything_is_computed_from_attempts(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.attempt(sweep, began=24 * 30, ended=24 * 8)  # since before the month began
    world.attempt(sweep, began=2, ended=1)

    assert where(world).spent.usd == Decimal(2 * ((24 * 2 + 12) + 1))


def test_what_a_live_attempt_burnt_on_closed_days_is_counted_once(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.attempt(sweep, began=20, usd="50", gpu_hours=25)
    world.entered(YESTERDAY, sweep, "16", gpu_hours=8)
    world.close_day(YESTERDAY)

    found = where(world)

    assert found.spent.usd == Decimal(16 + 24)
    assert found.reserved.usd == Decimal(10)


def test_prices_that_change_count_from_when_they_do(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    world.apply(
        PRICES,
        "gpu: [{usd_per_gpu_hour: 2, to: 2026-03-11T11:00:00Z},"
        " {usd_per_gpu_hour: 10, from: 2026-03-11T11:00:00Z}]",
    )
    sweep = world.sweep()
    world.attempt(sweep, began=2, ended=0.5)
    world.attempt(sweep, began=2)

    found = where(world)

    assert found.spent.usd == Decimal(2 + 5 + 2 + 10)
    assert found.hourly.usd == Decimal(10)


def test_a_price_that_changes_leaves_what_was_spent(world: SpendingWorld) -> None:
    world.apply(BUDGETS, "budgets: [{name: m, tenant: vision, period: total, max_cost_usd: 20}]")
    sweep_id = world.sweep()
    world.attempt(sweep_id, began=5, ended=2, gpus=1)
    before = where(world)

    world.apply(PRICES, "gpu: [{usd_per_gpu_hour: 10}]\ncpu: [{usd_per_core_hour: 0}]\n")

    after = where(world)
    assert before.spent.usd == after.spent.usd == Decimal(6)
    assert not after.is_spent
    # A trial that starts from now on costs what the new file says.
    book = world.policies.current(PRICES).value
    assert book.price(Resource.GPU, at=world.database_now()) == Decimal(10)


def test_a_price_with_a_from_corrects_what_was_spent(world: SpendingWorld) -> None:
    world.apply(BUDGETS, "budgets: [{name: m, tenant: vision, period: total, max_cost_usd: 20}]")
    world.attempt(world.sweep(), began=5, ended=2, gpus=1)

    world.apply(PRICES, "gpu: [{usd_per_gpu_hour: 10, from: 2026-01-01}]\n")

    assert where(world).spent.usd == Decimal(30)


def test_the_machine_that_it_ran_on_says_what_it_costs(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    world.attempt(world.sweep(), began=2, ended=1, model="NVIDIA H100 80GB HBM3")

    assert where(world).spent.usd == Decimal(8)


def test_budgets_count_those_whom_they_name(world: SpendingWorld) -> None:
    world.apply(
        BUDGETS,
        """
budgets:
  - {name: all, period: total, max_cost_usd: 100}
  - {name: user, user: me, period: total, max_cost_usd: 100}
  - {name: digits, tenant: vision, experiment: digits, period: total, max_cost_usd: 100}
  - {name: faces, tenant: vision, experiment: faces, period: total, max_cost_usd: 100}
  - {name: one, sweep: faces-aaaaaaaa, period: total, max_cost_usd: 100}
""",
    )
    digits, faces = world.sweep(), world.sweep("faces-aaaaaaaa", experiment="faces")
    other = world.sweep("words-aaaaaaaa", tenant="speech")
    for number, sweep in enumerate((digits, faces, other)):
        world.entered(YESTERDAY, sweep, str(10**number))
        world.attempt(sweep, began=2, ended=1.5)
    world.close_day(YESTERDAY)

    found = {
        one.budget.name: one.spent.usd for one in world.budgets.positions(tenant=None, now=NOW)
    }

    assert found == {
        "all": Decimal(114), "user": Decimal(114), "digits": Decimal(2), "faces": Decimal(11),
        "one": Decimal(11),
    }  # fmt: skip
    of_speech = world.budgets.positions(tenant="speech", now=NOW)
    assert [one.budget.name for one in of_speech] == ["all", "user"]


def test_a_budget_of_an_experiment_counts_what_evaluates_its_candidates(
    world: SpendingWorld,
) -> None:
    world.apply(
        BUDGETS,
        "budgets: [{name: m, tenant: vision, experiment: digits, period: month, max_cost_usd: 99}]",
    )
    search = world.sweep()
    evaluation = world.sweep("digits-evaluation-aaaaaaaa", experiment="digits-evaluation")
    other = world.sweep("words-aaaaaaaa", experiment="words")
    for number, sweep in enumerate((search, evaluation, other)):
        world.entered(YESTERDAY, sweep, str(10**number))
        world.attempt(sweep, began=2, ended=1)
        world.attempt(sweep, began=0.5, usd="3")
    world.close_day(YESTERDAY)

    found = where(world)

    assert (found.spent.usd, found.reserved.usd) == (Decimal(11 + 2 * 2 + 2), Decimal(4))
    assert [one.budget.name for one in world.budgets.of_sweep(evaluation, now=NOW)] == ["m"]


def test_a_sweep_has_its_own_budget_first(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep(max_cost_usd=Decimal(5))
    world.attempt(sweep, began=2, ended=1)

    found = world.budgets.of_sweep(sweep, now=NOW)

    assert [one.budget.name for one in found] == [sweep, "m"]
    assert found[0].left_usd == Decimal(3)
    assert world.budgets.of_sweep(SweepId("nobody-aaaaaaaa"), now=NOW) == []


def test_a_scheduler_gets_what_stops_and_open_sweeps_own_budgets(world: SpendingWorld) -> None:
    world.apply(
        BUDGETS,
        MONTH[:-1] + ", {name: w, tenant: vision, period: day, max_cost_usd: 1, at_limit: warn}]",
    )
    sweep = world.sweep(max_gpu_hours=5.0)
    world.attempt(sweep, began=1, usd="0.5", gpu_hours=3)
    with transaction(world.pool) as connection:
        states = {one.name: one for one in world.budgets.states(connection, now=NOW)}

    assert states.keys() == {"m", sweep}
    assert states["m"].left_usd == Decimal("98.5")  # it has burnt 1.5 beyond what was reserved
    assert states[sweep].left_gpu_hours == pytest.approx(5)
    assert states["m"].renews_at == dt.datetime(2026, 4, 1, tzinfo=dt.UTC)


def test_an_attempt_that_waits_reserves_nothing(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.attempt(sweep, usd="10", admitted=False)
    world.attempt(sweep, usd="7", gpu_hours=1.0)

    found = where(world)

    assert (found.live, found.reserved.usd, found.spent.usd) == (1, Decimal(7), Decimal(0))


def test_trials_are_predicted_from_those_before(world: SpendingWorld) -> None:
    sweep = world.sweep()
    for hours in (0.4, 0.5, 0.6):
        world.attempt(sweep, began=2, ended=2 - hours)
    world.attempt(sweep, began=2, ended=1.9, reason="script_failed")
    with transaction(world.pool) as connection:
        facts = world.budgets.facts(connection, sweep)
        assert facts is not None
        found = world.predictor.of(connection, facts)

    assert found.observed == 3
    assert found.gpu_hours == pytest.approx(0.5)
    assert found.usd == pytest.approx(Decimal(1))


def test_a_new_sweep_is_predicted_from_its_experiment(world: SpendingWorld) -> None:
    for _ in range(2):
        world.attempt(
            world.sweep("digits-bbbbbbbb") if _ == 0 else SweepId("digits-bbbbbbbb"),
            began=2,
            ended=1,
            model="h100",
        )
    sweep = world.sweep()
    with transaction(world.pool) as connection:
        facts = world.budgets.facts(connection, sweep)
        assert facts is not None
        found = world.predictor.of(connection, facts)

    assert (found.basis, found.gpu_hours, found.usd) == ("experiment", 1.0, Decimal(8))


def test_a_sweep_whose_budget_is_spent_is_told_to_end(world: SpendingWorld) -> None:
    sweep = world.sweep(max_cost_usd=Decimal(5))
    world.attempt(sweep, began=3, ended=2)
    watch = world.watch()

    assert watch.verdict(sweep) == WITHIN_BUDGETS

    world.attempt(sweep, began=4, ended=2.5)
    assert world.watch().verdict(sweep).ends == f"budget is spent: {sweep}: $5.00 of $5.00"


def test_who_waits_is_predicted_anew_when_more_is_known(world: SpendingWorld) -> None:
    sweep = world.sweep(max_cost_usd=Decimal(50))
    waiting = world.attempt(sweep, admitted=False)
    world.attempt(sweep, began=3, ended=2)

    world.watch().verdict(sweep)

    with transaction(world.pool) as connection:
        row = connection.execute(
            "SELECT predicted_usd, predicted_gpu_hours FROM admissions WHERE attempt_id = %s",
            (waiting,),
        ).fetchone()
    assert row == (Decimal(3), 1.5)


def test_a_budget_cut_below_what_is_spent_ends_sweeps_too(world: SpendingWorld) -> None:
    policy = "budgets: [{name: t, tenant: vision, period: total, max_cost_usd: %s}]"
    world.apply(BUDGETS, policy % 100)
    sweep = world.sweep()
    world.attempt(sweep, began=3, ended=0)
    assert world.watch().verdict(sweep) == WITHIN_BUDGETS

    world.apply(BUDGETS, policy % 4)

    assert world.watch().verdict(sweep).ends == "budget is spent: t: $6.00 of $4.00"


def test_a_sweep_that_no_budget_covers_goes_on(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)

    sweep = world.sweep(tenant="speech", deadline=seconds(100))

    assert world.watch().verdict(sweep) == WITHIN_BUDGETS


def test_what_was_reached_is_told_to_the_people_of_a_sweep_once(world: SpendingWorld) -> None:
    sweep = world.sweep(max_cost_usd=Decimal(5))
    world.attempt(sweep, began=3, ended=1)
    watch = world.watch()

    watch.verdict(sweep)

    assert watch.told(sweep) == [f"budget {sweep}: 80% is spent, $4.00 of $5.00"]
    assert watch.told(sweep) == []
