"""Budgets as a report is told of them."""

import datetime as dt
from collections.abc import Generator, Sequence
from decimal import Decimal

import pytest

from governance.budgets.budget import Amount
from governance.budgets.policy import BUDGETS
from governance.budgets.spending import BudgetPosition
from governance.periods import Period
from governance.reports.model import Scope
from storage.budgets.reports import PostgresBudgetReports
from storage.database import open_pool
from storage.reports.facts import PostgresReportFacts
from tests.integration.storage.spending_world import HOUR, NOW, SpendingWorld
from tests.plugins.postgres import Database

WEEK = Period.WEEK.span(NOW.date()).previous  # is over, whatever day it is today
POLICY = """
budgets:
  - {name: all, period: month, max_cost_usd: 1000}
  - {name: vision, tenant: vision, period: month, max_cost_usd: 100, max_gpu_hours: 50}
  - {name: vision-digits, tenant: vision, experiment: digits, period: month, max_cost_usd: 50}
  - {name: speech, tenant: speech, period: month, max_cost_usd: 10}
"""


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        world = SpendingWorld(pool)
        world.apply(BUDGETS, POLICY)
        yield world


@pytest.fixture
def facts(world: SpendingWorld) -> PostgresReportFacts:
    return PostgresReportFacts(world.pool)


def by_name(positions: Sequence[BudgetPosition]) -> dict[str, BudgetPosition]:
    return {one.budget.name: one for one in positions}


def test_what_was_spent_up_to_the_end_of_the_period_counts(
    world: SpendingWorld, facts: PostgresReportFacts
) -> None:
    sweep = world.sweep()
    world.attempt(sweep, began=100, ended=98)  # on Saturday, 4 dollars
    world.attempt(sweep, began=20, ended=18)  # in the week after it

    found = by_name(facts.budgets(Scope(), WEEK))

    assert set(found) == {"all", "vision", "vision-digits", "speech"}
    assert found["vision"].spent == Amount(usd=Decimal(4), gpu_hours=2.0)
    assert found["all"].spent.usd == Decimal(4)
    assert found["speech"].spent.usd == 0


def test_what_began_later_is_not_spent_and_what_is_live_is_reserved(
    world: SpendingWorld, facts: PostgresReportFacts
) -> None:
    world.attempt(world.sweep(), began=2, usd=Decimal(7))

    vision = by_name(facts.budgets(Scope(), WEEK))["vision"]

    assert (vision.spent.usd, vision.reserved.usd) == (0, Decimal(7))


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (Scope(tenant="vision"), {"vision", "vision-digits", "digits-aaaaaaaa"}),
        (Scope(tenant="speech"), {"speech", "digits-bbbbbbbb"}),
        (Scope(tenant="robots"), set[str]()),
        (Scope(tenant="vision", experiment="digits"), {"vision-digits", "digits-aaaaaaaa"}),
        (Scope(tenant="vision", experiment="words"), set[str]()),
        (Scope(sweep_id="digits-aaaaaaaa"), {"digits-aaaaaaaa", "all", "vision", "vision-digits"}),
        (
            Scope(tenant="vision", sweep_id="digits-aaaaaaaa"),
            {"digits-aaaaaaaa", "vision", "vision-digits"},
        ),
        (Scope(tenant="speech", sweep_id="digits-aaaaaaaa"), set[str]()),
    ],
)
def test_a_tenant_is_told_of_no_budget_that_others_spend(
    world: SpendingWorld, facts: PostgresReportFacts, scope: Scope, names: set[str]
) -> None:
    world.sweep("digits-aaaaaaaa", max_cost_usd=Decimal(5))
    world.sweep("digits-bbbbbbbb", tenant="speech", max_cost_usd=Decimal(5))

    assert set(by_name(facts.budgets(scope, WEEK))) == names


def test_warnings_are_those_of_the_period(world: SpendingWorld, facts: PostgresReportFacts) -> None:
    sweep = world.sweep()
    world.attempt(sweep, began=100, ended=70)  # 60 dollars of 100, until Sunday
    reports = PostgresBudgetReports(world.pool, world.budgets)
    for at in (WEEK.end - HOUR, WEEK.end + HOUR):
        reports.note(reports.at(at))
    world.attempt(sweep, began=60, ended=40)  # 100 of 100, after it
    reports.note(reports.at(NOW))

    def told(scope: Scope) -> set[tuple[str, float]]:
        return {(one.budget, one.threshold) for one in facts.budget_warnings(scope, WEEK)}

    assert told(Scope(tenant="vision")) == {
        ("vision", 0.5),
        ("vision-digits", 0.5),
        ("vision-digits", 0.8),
        ("vision-digits", 1.0),
    }
    assert told(Scope(tenant="speech")) == set()
    after = dt.timedelta(days=7)
    assert ("vision", 1.0) in {
        (one.budget, one.threshold)
        for one in facts.budget_warnings(Scope(), Period.WEEK.span(WEEK.first + after))
    }
