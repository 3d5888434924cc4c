"""What was reached is told once of each limit: by one of many, and again when that came to nothing."""

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from governance.budgets.policy import BUDGETS
from storage.budgets.reports import PostgresBudgetReports
from storage.budgets.store import BudgetStore
from storage.database import open_pool
from storage.policy_store import PolicyStore
from tests.integration.storage.spending_world import NOW, SpendingWorld
from tests.plugins.postgres import Database

TOTAL = "budgets: [{name: t, tenant: vision, period: total, max_cost_usd: %s}]"
HOURS = "budgets: [{name: t, tenant: vision, period: total, max_cost_usd: 10, max_gpu_hours: %s}]"


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    with open_pool(database.url) as pool:
        world = SpendingWorld(pool)
        world.apply(BUDGETS, TOTAL % 10)
        world.attempt(world.sweep(), began=5, ended=0.5)  # nine dollars
        yield world


def reports_of(world: SpendingWorld) -> PostgresBudgetReports:
    return PostgresBudgetReports(world.pool, world.budgets)


def told(world: SpendingWorld) -> list[tuple[float, Decimal | None]]:
    """Shares and limits in dollars, as one more report tells them."""
    reports = reports_of(world)
    with reports.telling(reports.at(NOW)) as new:
        return [(one.threshold, one.max_usd) for one in new]


def test_a_limit_that_was_raised_is_told_anew(world: SpendingWorld) -> None:
    assert told(world) == [(0.5, 10), (0.8, 10)]

    world.apply(BUDGETS, TOTAL % 16)

    assert told(world) == [(0.5, 16)]
    assert told(world) == []


def test_a_limit_that_was_cut_is_told_anew(world: SpendingWorld) -> None:
    assert told(world) == [(0.5, 10), (0.8, 10)]

    world.apply(BUDGETS, TOTAL % "9.00")

    assert told(world) == [(0.5, 9), (0.8, 9), (1.0, 9)]
    assert told(world) == []


def test_the_same_limit_is_never_told_twice(world: SpendingWorld) -> None:
    told(world)
    world.apply(BUDGETS, TOTAL % 100)
    told(world)

    world.apply(BUDGETS, TOTAL % "10.0")  # of another version, and written otherwise

    assert told(world) == []


def test_either_limit_makes_it_another_one(world: SpendingWorld) -> None:
    told(world)

    world.apply(BUDGETS, HOURS % 9)
    first = told(world)
    world.apply(BUDGETS, HOURS % 5)

    assert first == [(0.5, 10), (0.8, 10)]
    assert told(world) == [(0.5, 10), (0.8, 10)]


def test_a_limit_of_nothing_is_told_as_any_other(world: SpendingWorld) -> None:
    world.apply(BUDGETS, TOTAL % 0)

    assert told(world) == [(0.5, 0), (0.8, 0), (1.0, 0)]
    assert told(world) == []


def test_what_came_to_nothing_is_told_by_the_next_one(world: SpendingWorld) -> None:
    reports = reports_of(world)

    def tell() -> None:
        with reports.telling(reports.at(NOW)) as new:
            assert len(new) == 2
            raise RuntimeError("the Dagster run is gone")

    with pytest.raises(RuntimeError):
        tell()

    assert reports.untold(reports.at(NOW)) == ["t 1970-01-01 0.5 of $10", "t 1970-01-01 0.8 of $10"]
    assert told(world) == [(0.5, 10), (0.8, 10)]
    assert reports.untold(reports.at(NOW)) == []


def test_what_a_controller_has_noted_is_told_by_the_report_too(world: SpendingWorld) -> None:
    reports = reports_of(world)
    reports.note(reports.at(NOW))

    assert len(reports.untold(reports.at(NOW))) == 2
    assert told(world) == [(0.5, 10), (0.8, 10)]
    assert told(world) == []


def test_what_was_noted_of_a_sweep_that_has_ended_is_told_all_the_same(
    world: SpendingWorld,
) -> None:
    reports = reports_of(world)
    reports.note(reports.at(NOW))

    assert len(reports.untold([])) == 2
    with reports.telling([]) as new:
        assert [one.threshold for one in new] == [0.5, 0.8]


def test_of_many_who_tell_at_once_one_tells(world: SpendingWorld, database: Database) -> None:
    begin = threading.Barrier(4)

    def tell(_: int) -> int:
        with open_pool(database.url) as pool:
            reports = PostgresBudgetReports(pool, BudgetStore(pool, PolicyStore(pool)))
            positions = reports.at(NOW)
            begin.wait(timeout=30)
            with reports.telling(positions) as new:
                return len(new)

    with ThreadPoolExecutor(max_workers=4) as tellers:
        assert sorted(tellers.map(tell, range(4))) == [0, 0, 0, 2]


def test_people_of_a_sweep_are_told_of_another_limit(world: SpendingWorld) -> None:
    sweep = world.sweep("digits-bbbbbbbb")
    moments = iter([0.0, 0.0, 100.0, 100.0])
    watch = world.watch(monotonic=lambda: next(moments))
    watch.verdict(sweep)
    assert watch.told(sweep) == ["budget t: 80% is spent, $9.00 of $10.00"]

    world.apply(BUDGETS, TOTAL % 16)
    watch.verdict(sweep)

    assert watch.told(sweep) == ["budget t: 50% is spent, $9.00 of $16.00"]
