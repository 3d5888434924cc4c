"""Each blob's bytes are priced by the class that they are in, from the moment at which they went there."""

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Generator
from decimal import Decimal

import pytest

from storage.database import open_pool, transaction
from storage.migrations_runner import upgrade
from tests.integration.storage.cost_world import DAY, CostWorld
from tests.plugins.postgres import Database

# March has 31 days: a GiB costs a thousandth of a dollar a day, and a fifth of it when it is cold.
PRICES = """
storage:
  - {usd_per_gib_month: 0.031}
  - {class: standard_ia, usd_per_gib_month: 0.0062}
  - {class: glacier_ir, usd_per_gib_month: 0.0031}
"""
USD = {
    "standard": Decimal("0.001"),
    "standard_ia": Decimal("0.0002"),
    "glacier_ir": Decimal("0.0001"),
}
GIB = 2**30


@pytest.fixture
def costs(database: Database) -> Generator[CostWorld, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield CostWorld(pool, prices=PRICES)


def stored(costs: CostWorld) -> list[tuple[str, float, Decimal]]:
    return [(row["kind"], row["quantity"], row["amount_usd"]) for row in costs.entries()]


def test_a_day_is_cut_where_bytes_go_cold(costs: CostWorld) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.artifact(run, "old", GIB, -30)
    costs.cool("old", "standard_ia", at=6)

    costs.replace()

    assert stored(costs) == [
        ("standard", 0.25, Decimal("0.00025")),
        ("standard_ia", 0.75, Decimal("0.00015")),
    ]
    assert {row["sweep_id"] for row in costs.entries()} == {"digits-aaaaaaaa"}
    assert costs.ledger.balance(DAY).is_good


def test_cold_bytes_that_are_gone_were_paid_for_in_both_classes(costs: CostWorld) -> None:
    costs.sweep()
    costs.blob("gone", GIB, -30)
    costs.cool("gone", "glacier_ir", at=6)
    costs.delete_blob("gone", at=18)

    costs.replace()

    assert stored(costs) == [
        ("glacier_ir", 0.5, Decimal("0.00005")),
        ("standard", 0.25, Decimal("0.00025")),
    ]
    assert costs.ledger.balance(DAY).is_good


def test_bytes_that_come_back_are_cold_in_between(costs: CostWorld) -> None:
    costs.sweep()
    costs.blob("x", GIB, -30)
    costs.cool("x", "glacier_ir", at=-10)
    costs.cool("x", "standard", at=6)
    costs.cool("x", "standard_ia", at=12)

    costs.replace()

    assert stored(costs) == [
        ("glacier_ir", 0.25, Decimal("0.000025")),
        ("standard", 0.25, Decimal("0.00025")),
        ("standard_ia", 0.5, Decimal("0.0001")),
    ]
    assert costs.ledger.balance(DAY).is_good


def test_a_class_without_a_price_of_its_own_costs_what_others_do(costs: CostWorld) -> None:
    costs.sweep()
    costs.blob("x", GIB, -30)
    costs.cool("x", "onezone_ia", at=-10)

    costs.replace()

    assert stored(costs) == [("onezone_ia", 1.0, Decimal("0.001"))]


def test_what_went_cold_before_classes_had_stays_costs_what_it_did(
    empty_databases: tuple[Database, Database],
) -> None:
    url = empty_databases[0].url
    upgrade(url, revision="0057")
    with open_pool(url, max_size=1) as pool, transaction(pool) as connection:
        connection.execute("INSERT INTO tenants (tenant_id) VALUES ('default')")
        for table, gone_at in (("blobs", ""), ("gone_blobs", ", gone_at")):
            connection.execute(
                f"INSERT INTO {table} (tenant_id, sha256, size_bytes, created_at, storage_class,"  # pyright: ignore[reportArgumentType]  literals above
                f" class_since{gone_at}) SELECT 'default', sha256('{table}'), {GIB},"
                f" %(day)s - interval '1 day', 'standard_ia', %(day)s + interval '6 hours'"
                f" {', %(day)s + interval ' + repr('12 hours') if gone_at else ''}",
                {"day": dt.datetime.combine(DAY, dt.time(), dt.UTC)},
            )
    upgrade(url)

    with open_pool(url, max_size=2) as pool:
        costs = CostWorld(pool, prices=PRICES)
        costs.replace()
        found = stored(costs)
        is_good = costs.ledger.balance(DAY).is_good

    assert found == [
        ("standard", 0.5, Decimal("0.0005")), ("standard_ia", 1.0, Decimal("0.0002")),
    ]  # fmt: skip
    assert is_good


@pytest.mark.parametrize("seed", range(6))
def test_whatever_goes_cold_and_goes_in_any_order_the_ledger_is_time_times_price(
    costs: CostWorld, seed: int
) -> None:
    chance = random.Random(seed)
    run = costs.run(costs.sweep(), 1)
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    owed: dict[tuple[dt.date, str], Decimal] = defaultdict(Decimal)
    for number in range(25):
        since = chance.uniform(-30, 70)
        cold_at = chance.choice([None, since, chance.uniform(since, 80)])
        back_at = None if cold_at is None else chance.choice([None, chance.uniform(cold_at, 85)])
        turned = max(at for at in (since, cold_at, back_at) if at is not None)
        gone_at = chance.choice([None, chance.uniform(turned, 90)])
        storage_class = chance.choice(["standard_ia", "glacier_ir"])
        size = chance.randrange(1, 4 * GIB)
        if chance.random() < 0.5:
            costs.artifact(run, f"blob {number}", size, since, name=f"file {number}")
            if gone_at is not None:
                costs.delete_artifact(run, at=gone_at, name=f"file {number}")
        else:
            costs.blob(f"blob {number}", size, since)
        if cold_at is not None:
            costs.cool(f"blob {number}", storage_class, at=cold_at)
        if back_at is not None:
            costs.cool(f"blob {number}", "standard", at=back_at)
        if gone_at is not None:
            costs.delete_blob(f"blob {number}", at=gone_at)
        ends = 1e9 if gone_at is None else gone_at
        warms = ends if back_at is None else back_at
        turns = ends if cold_at is None else cold_at
        stays = [
            ("standard", since, turns),
            (storage_class, turns, warms),
            ("standard", warms, ends),
        ]
        for place, day in enumerate(days):
            low, high = 24 * place, 24 * place + 24
            for name, begin, end in stays:
                hours = max(0.0, min(end, high) - max(begin, low))
                owed[day, name] += Decimal(hours * size / 24 / GIB) * USD[name]

    for day in reversed(days):
        costs.replace(day)

    found: dict[tuple[dt.date, str], Decimal] = defaultdict(Decimal)
    for row in costs.entries():
        found[row["day"], row["kind"]] += row["amount_usd"]
    assert set(found) == {key for key, usd in owed.items() if usd}
    assert all(abs(found[key] - usd) < Decimal("1e-8") for key, usd in owed.items())
    assert all(costs.ledger.balance(day).is_good for day in days)
