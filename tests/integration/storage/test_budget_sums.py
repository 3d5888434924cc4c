"""Sums over closed days are kept, and never used after the ledger has changed; every look agrees."""

import datetime as dt
import random
from collections.abc import Generator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from governance.budgets.budget import BudgetScope
from governance.budgets.policy import BUDGETS
from governance.budgets.spending import BudgetPosition
from governance.cost.price_file import PRICES
from storage.budgets.store import BudgetStore
from storage.database import open_pool, transaction
from sweeps.ids import SweepId
from tests.integration.storage.spending_world import HOUR, NOW, SpendingWorld
from tests.plugins.postgres import Database

TODAY = NOW.date()
DAY = dt.timedelta(days=1)
MONTH = "budgets: [{name: m, tenant: vision, period: month, max_cost_usd: 100}]"


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    with open_pool(database.url) as pool:
        yield SpendingWorld(pool)


def spent(world: SpendingWorld, name: str = "m") -> Decimal:
    found = world.budgets.positions(tenant=None, now=NOW)
    return next(one for one in found if one.budget.name == name).spent.usd


def kept(world: SpendingWorld) -> int:
    with transaction(world.pool) as connection:
        row = connection.execute("SELECT count(*) FROM budget_sums").fetchone()
    assert row is not None
    return row[0]


def rewrite(world: SpendingWorld, day: dt.date, usd: str) -> None:
    """As the ledger sums a day anew: all of it in one transaction."""
    with transaction(world.pool) as connection:
        connection.execute("UPDATE usage_daily SET amount_usd = %s WHERE day = %s", (usd, day))
        connection.execute("UPDATE cost_days SET usage_until = usage_until WHERE day = %s", (day,))


def test_what_was_summed_once_is_not_summed_again(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    world.entered(TODAY - DAY, world.sweep(), "30")
    world.close_day(TODAY - DAY)
    assert spent(world) == Decimal(30)

    with transaction(world.pool) as connection:
        connection.execute("UPDATE budget_sums SET amount_usd = 12")

    assert spent(world) == Decimal(12)
    assert BudgetStore(world.pool, world.policies).positions(tenant=None, now=NOW)[
        0
    ].spent.usd == Decimal(12)


def test_a_day_that_was_summed_anew_counts_at_once(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    world.entered(TODAY - DAY, world.sweep(), "30")
    world.close_day(TODAY - DAY)
    assert spent(world) == Decimal(30)

    rewrite(world, TODAY - DAY, "20")

    assert spent(world) == Decimal(20)


def test_another_day_that_was_closed_counts_at_once(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.entered(TODAY - DAY, sweep, "30")
    world.entered(TODAY - 2 * DAY, sweep, "5")
    world.close_day(TODAY - DAY)
    assert spent(world) == Decimal(30)

    world.close_day(TODAY - 2 * DAY)

    assert spent(world) == Decimal(35)


def test_a_day_that_is_open_again_is_computed_from_attempts(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    sweep = world.sweep()
    world.attempt(sweep, began=16, ended=15)  # yesterday
    world.entered(TODAY - DAY, sweep, "30")
    world.close_day(TODAY - DAY)
    assert spent(world) == Decimal(30)

    world.close_day(TODAY - DAY, at=NOW - 14 * HOUR)

    assert spent(world) == Decimal(2)


def test_a_scheduler_finds_what_others_have_kept(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    world.entered(TODAY - DAY, world.sweep(), "30")
    world.close_day(TODAY - DAY)

    with transaction(world.pool) as connection:
        (first,) = world.budgets.states(connection, now=NOW)
        connection.rollback()  # of a pass that comes to nothing
    assert kept(world) == 0
    world.budgets.keep_sums()
    known = kept(world)
    spent(world)

    assert first.left_usd == Decimal(70)
    assert known == 1
    assert kept(world) == 2  # and what was spent lately, for people


def test_sums_that_nobody_can_ask_for_any_more_go(world: SpendingWorld) -> None:
    world.apply(BUDGETS, MONTH)
    world.entered(TODAY - DAY, world.sweep(), "30")
    world.close_day(TODAY - DAY)
    spent(world)
    with transaction(world.pool) as connection:
        connection.execute("UPDATE budget_sums SET summed_at = now() - interval '3 days'")
        connection.execute("INSERT INTO budget_sums VALUES ('another', 'one', 1, 1)")

    rewrite(world, TODAY - DAY, "20")
    spent(world)

    assert kept(world) == 3


@dataclass(frozen=True)
class Held:
    """An attempt of one GPU, in hours before now."""

    sweep: SweepId
    began: float
    ended: float | None
    usd: Decimal | None  #: predicted
    is_dear: bool
    is_admitted: bool  #: not of the time before there was a queue


POLICY = """
budgets:
  - {name: all, period: total, max_cost_usd: 1000000}
  - {name: day, period: day, max_gpu_hours: 1000}
  - {name: vision, tenant: vision, period: month, max_cost_usd: 100000}
  - {name: digits, tenant: vision, experiment: digits, period: week, max_cost_usd: 90000}
  - {name: speech, tenant: speech, period: total, max_cost_usd: 100000, max_gpu_hours: 90000}
  - {name: one, sweep: digits-aaaaaaaa, period: quarter, max_cost_usd: 1000}
"""
#: Since when a GPU costs what: an H100 four times as much.
STEPS = ((-1e9, 1), (-50.0, 3), (-7.5, 2))


@pytest.mark.parametrize("seed", range(4))
def test_however_it_is_looked_at_it_is_what_a_sum_by_hand_says(
    world: SpendingWorld, seed: int
) -> None:
    chance = random.Random(seed)
    world.apply(BUDGETS, POLICY)
    world.apply(PRICES, prices())
    sweeps = [
        world.sweep(max_cost_usd=Decimal(500)),
        world.sweep("digits-evaluation-aaaaaaaa", experiment="digits-evaluation"),
        world.sweep("faces-aaaaaaaa", experiment="faces"),
        world.sweep("words-aaaaaaaa", tenant="speech"),
    ]
    held = [an_attempt(chance, sweeps) for _ in range(60)]
    for one in held:
        write(world, one)
    closed = {TODAY - back * DAY for back in range(1, 9) if chance.random() < 0.6}
    for day in closed:
        for sweep in sweeps:
            usd, hours = cost(held, sweep, day=day)
            world.entered(day, sweep, str(usd), gpu_hours=hours)
        world.close_day(day)

    with transaction(world.pool) as connection:
        states = world.budgets.states(connection, now=NOW)
    everywhere = world.budgets.all_positions(now=NOW)
    looks = [
        *everywhere,
        *world.budgets.positions(tenant="vision", now=NOW),
        *(one for sweep in sweeps for one in world.budgets.of_sweep(sweep, now=NOW)),
    ]

    for one in looks:
        check(one, held, sweeps)
    assert [one.name for one in states] == [one.budget.name for one in everywhere]
    for state, position in zip(states, everywhere, strict=True):
        if state.left_usd is not None and position.left_usd is not None:
            burnt_of_reserved = reserved(position, held) - position.reserved.usd
            assert abs(state.left_usd - position.left_usd - burnt_of_reserved) < CENT


CENT = Decimal("0.0001")
OF_SWEEPS = {
    "digits-aaaaaaaa": ("vision", "digits"),
    "digits-evaluation-aaaaaaaa": ("vision", "digits-evaluation"),
    "faces-aaaaaaaa": ("vision", "faces"),
    "words-aaaaaaaa": ("speech", "digits"),
}


def an_attempt(chance: random.Random, sweeps: list[SweepId]) -> Held:
    began = chance.choice((0.5, 3, 9, 20, 60, 200)) * (0.5 + chance.random())
    is_admitted = chance.random() < 0.7
    return Held(
        sweep=chance.choice(sweeps),
        began=began,
        ended=None if chance.random() < 0.3 else began * chance.random(),
        usd=chance.choice((None, Decimal(1), Decimal(40), Decimal(900))) if is_admitted else None,
        is_dear=chance.random() < 0.3,
        is_admitted=is_admitted,
    )


def write(world: SpendingWorld, one: Held) -> None:
    attempt = world.attempt(
        one.sweep,
        began=one.began,
        ended=one.ended,
        usd=one.usd,
        gpu_hours=1.0,
        model="h100" if one.is_dear else "",
    )
    if not one.is_admitted:
        with transaction(world.pool) as connection:
            connection.execute("DELETE FROM admissions WHERE attempt_id = %s", (attempt,))


def prices() -> str:
    lines: list[str] = []
    for number, (since, usd) in enumerate(STEPS):
        edges = f", from: {at(since) if number else '2000-01-01'}"
        if number + 1 < len(STEPS):
            edges += f", to: {at(STEPS[number + 1][0])}"
        lines.append(f"  - {{usd_per_gpu_hour: {usd}{edges}}}")
        lines.append(f"  - {{type: h100, usd_per_gpu_hour: {4 * usd}{edges}}}")
    return "\n".join(["gpu:", *lines, "cpu: [{usd_per_core_hour: 0}]"])


def at(hours: float) -> str:
    return (NOW + hours * HOUR).isoformat()


def cost(
    held: list[Held], sweep: SweepId, *, day: dt.date | None = None, since: dt.date | None = None
) -> tuple[Decimal, float]:
    """Dollars and GPU-hours of a sweep on a day, or since one: by hand."""
    first = day or since or dt.date(2025, 1, 1)
    low = (dt.datetime.combine(first, dt.time(), dt.UTC) - NOW) / HOUR
    high = min(low + 24, 0.0) if day else 0.0
    usd, hours = Decimal(0), 0.0
    for one in held:
        if one.sweep == sweep:
            more_usd, more_hours = burnt(one, low, high)
            usd += more_usd
            hours += more_hours
    return usd, hours


def burnt(one: Held, low: float, high: float) -> tuple[Decimal, float]:
    usd, hours = 0.0, 0.0
    for (since, price), (until, _) in zip(STEPS, (*STEPS[1:], (0.0, 0)), strict=True):
        begins, ends = max(-one.began, since, low), min(-(one.ended or 0.0), until, high)
        if ends > begins:
            hours += ends - begins
            usd += (ends - begins) * price * (4 if one.is_dear else 1)
    return Decimal(repr(usd)), hours


def covered(position: BudgetPosition, held: list[Held]) -> list[Held]:
    scope: BudgetScope = position.budget.scope
    return [
        one
        for one in held
        if scope.covers(
            tenant=OF_SWEEPS[one.sweep][0],
            experiment=OF_SWEEPS[one.sweep][1],
            sweep_id=one.sweep,
            owner="me",
        )
    ]


def reserved(position: BudgetPosition, held: list[Held]) -> Decimal:
    """What was reserved for live attempts when they were admitted."""
    live = [one for one in covered(position, held) if one.ended is None]
    return sum((one.usd or Decimal(0) for one in live), Decimal(0))


def check(position: BudgetPosition, held: list[Held], sweeps: list[SweepId]) -> None:
    mine = covered(position, held)
    sums = [cost(mine, sweep, since=position.begins) for sweep in sweeps]
    assert abs(position.spent.usd - sum((usd for usd, _ in sums), Decimal(0))) < CENT
    assert abs(position.spent.gpu_hours - sum(hours for _, hours in sums)) < 1e-6
    live = [one for one in mine if one.ended is None]
    rest = [max((one.usd or 0) - burnt(one, -1e9, 0.0)[0], Decimal(0)) for one in live]
    assert position.live == len(live)
    assert abs(position.reserved.usd - sum(rest, Decimal(0))) < CENT
