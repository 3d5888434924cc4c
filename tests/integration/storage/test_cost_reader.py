"""Costs as people ask for them: the ledger, and what comes after it, each once."""

import datetime as dt
import secrets
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.cost.entries import CENT
from governance.cost.report import GroupBy, summaries, total
from storage.cost.holdings import CostFilter
from storage.cost.reader import CostReader
from storage.database import Pool, transaction
from sweeps.ids import SweepId
from tests.integration.storage.cost_world import DAY, HOUR, LATER, MIDNIGHT, CostWorld

WEEK: dict[str, Any] = {"since": DAY - dt.timedelta(days=3), "until": DAY + dt.timedelta(days=3)}


@pytest.fixture
def costs(pool: Pool) -> CostWorld:
    return CostWorld(pool)


@pytest.fixture
def reader(costs: CostWorld) -> CostReader:
    return CostReader(costs.pool, costs.policies)


def test_without_a_ledger_everything_is_computed_and_said_to_be(
    costs: CostWorld, reader: CostReader
) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), -1, 2)

    sheet = reader.sheet(GroupBy.TENANT, **WEEK, now=LATER)

    (one,) = summaries(sheet.lines, by=GroupBy.TENANT)
    assert (one.key, one.gpu_hours, one.core_hours) == ("default", 3, 3)
    assert one.amount_usd == one.estimate_usd == Decimal("6.135")
    assert not sheet.has_example_prices


def test_of_a_ledger_only_what_comes_after_it_is_computed(
    costs: CostWorld, reader: CostReader
) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), -1, None)
    costs.replace(DAY - dt.timedelta(days=1))
    costs.replace(now=MIDNIGHT + 2 * HOUR)

    sheet = reader.sheet(GroupBy.RUN, **WEEK, now=MIDNIGHT + 2.5 * HOUR)

    found = total(sheet.lines)
    assert found.gpu_hours == 3.5
    assert found.estimate_usd == Decimal("1.0225")
    assert found.amount_usd == Decimal("7.1575")


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (GroupBy.TENANT, {"default"}),
        (GroupBy.EXPERIMENT, {"digits", "letters", ""}),
        (GroupBy.SWEEP, {"digits-aaaaaaaa", "letters-bbbbbbbb", ""}),
        (GroupBy.USER, {"me", ""}),
        (GroupBy.GPU, {"a100", "t4", ""}),
        (GroupBy.MODEL, {""}),
        (GroupBy.RUN, {"digits-aaaaaaaa-00001", "letters-bbbbbbbb-00001", ""}),
        (GroupBy.DAY, {DAY.isoformat()}),
    ],
)
def test_keys_are_the_same_from_the_ledger_and_computed(
    costs: CostWorld, reader: CostReader, by: GroupBy, keys: set[str]
) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 0, 2)
    costs.attempt(
        costs.run(costs.sweep("letters-bbbbbbbb", experiment="letters"), 1), 0, 1, model="Tesla T4"
    )
    costs.blob("nobody's", 2**30, 0)
    one_day: dict[str, Any] = {"since": DAY, "until": DAY}
    computed = reader.sheet(by, **one_day, now=LATER)
    costs.replace()

    read = reader.sheet(by, **one_day, now=LATER)

    assert {one.key for one in summaries(read.lines, by=by)} == keys
    assert {(x.key, x.day, x.resource, x.amount_usd) for x in read.lines} == {
        (x.key, x.day, x.resource, x.amount_usd) for x in computed.lines
    }


def test_it_is_asked_for_one_tenant_sweep_or_run(costs: CostWorld, reader: CostReader) -> None:
    first, second = costs.sweep(), costs.sweep("letters-bbbbbbbb", tenant="letters")
    costs.attempt(costs.run(first, 1), 0, 1)
    costs.attempt(costs.run(first, 2), 0, 1)
    costs.attempt(costs.run(second, 1), 23, 25)
    costs.replace()

    def hours(**of: str) -> float:
        sheet = reader.all_of(GroupBy.RUN, of=CostFilter(**of), now=LATER)
        return total(sheet.lines).gpu_hours

    assert hours(sweep_id=first) == 2
    assert hours(run_id=f"{first}-00002") == 1
    assert hours(tenant_id="letters") == hours(sweep_id=second) == 2
    assert hours(run_id="nobody") == 0


def test_prices_that_ship_are_said_to_be_examples(pool: Pool) -> None:
    costs = CostWorld(pool, prices="")
    costs.attempt(costs.run(costs.sweep(), 1), 0, 1)

    sheet = CostReader(pool, costs.policies).sheet(GroupBy.RUN, **WEEK, now=LATER)

    assert sheet.has_example_prices
    assert total(sheet.lines).amount_usd > 0


def test_a_model_costs_what_the_sweep_cost_that_it_came_out_of(
    costs: CostWorld, reader: CostReader
) -> None:
    sweep = costs.sweep()
    run = costs.run(sweep, 1)
    costs.attempt(run, 0, 1)
    costs.artifact(run, "weights", 2**20, 1)
    with transaction(costs.pool) as connection:  # past the rules of a promotion
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO models (tenant_id, name, created_by) VALUES ('default', 'm', 'ana')"
        )
        connection.execute(
            """INSERT INTO model_versions (model_id, number, evaluation_id, run_id, artifact, sha256,
                                           size_bytes, image, inference, rollout, data, metrics,
                                           created_by)
               SELECT model_id, 1, 'e', %s, 'model.pt', sha256, 1, '', '{}', '{}', '[]', '{}', 'ana'
               FROM models, blobs""",
            (run,),
        )

    def keys() -> set[str]:
        sheet = reader.sheet(GroupBy.MODEL, since=DAY, until=DAY, now=LATER)
        return {line.key for line in sheet.lines}

    assert keys() == {"m"}
    costs.replace()
    assert keys() == {"m"}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 70)),
        st.tuples(st.just("end"), st.integers(0, 70)),
        st.tuples(st.just("replace"), st.integers(-1, 2), st.integers(0, 72)),
        st.tuples(st.just("price"), st.integers(1, 9)),
    ),
    max_size=14,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_nothing_is_charged_twice_whatever_happens_in_which_order(
    costs: CostWorld, reader: CostReader, steps: list[tuple[str, int, int]]
) -> None:
    """Attempts begin and end, noted in any order; days are replaced in any order and again; prices
    are corrected. In the end the ledger is price times time, and so is what people see before.
    """
    sweep = SweepId(f"digits-{secrets.token_hex(4)}")  # examples share a database
    costs.execute("TRUNCATE attempts, admissions, cost_entries, cost_days, usage_daily")
    costs.price("gpu: [{usd_per_gpu_hour: 2, from: 2026-01-01}]")
    run = costs.run(costs.sweep(sweep), 1)
    began: dict[int, float] = {}
    ended: dict[int, float] = {}
    usd, number = 2, 0
    for what, *values in steps:
        if what == "begin":
            number += 1
            began[number] = values[0]
            costs.attempt(run, values[0], None, number=number)
        elif what == "end" and number and number not in ended:
            ended[number] = began[number] + values[0] / 7
            costs.end(f"{run}-a{number}", ended[number])
        elif what == "replace":
            day = DAY + dt.timedelta(days=values[0])
            costs.replace(day, now=MIDNIGHT + values[1] * HOUR)
        elif what == "price":
            usd = values[0]
            costs.price(f"gpu: [{{usd_per_gpu_hour: {usd}, from: 2026-01-01}}]")
    now = MIDNIGHT + 72 * HOUR
    hours = sum(max(0.0, min(ended.get(n, 72.0), 72.0) - start) for n, start in began.items())

    for day in range(-1, 3):
        costs.replace(DAY + dt.timedelta(days=day), now=now)

    seen = total(reader.sheet(GroupBy.DAY, **WEEK, now=now).lines)
    assert seen.gpu_hours == pytest.approx(hours)
    assert abs(seen.amount_usd - costs.total()) < CENT
    gpus = [row for row in costs.entries() if row["resource"] == "gpu"]
    assert sum(row["quantity"] for row in gpus) == pytest.approx(hours)
    assert abs(sum(row["amount_usd"] for row in gpus) - Decimal(usd) * Decimal(hours)) < CENT
    for day in range(-1, 3):
        assert costs.ledger.balance(DAY + dt.timedelta(days=day)).is_good


def test_bytes_of_the_ledger_and_of_the_hours_after_it_are_added_up(
    costs: CostWorld, reader: CostReader
) -> None:
    costs.artifact(costs.run(costs.sweep(), 1), "x", 2**30, 0)
    costs.replace(now=MIDNIGHT + 6 * HOUR)

    sheet = reader.sheet(GroupBy.SWEEP, since=DAY, until=DAY, now=MIDNIGHT + 12 * HOUR)

    (one,) = summaries(sheet.lines, by=GroupBy.SWEEP)
    assert one.gib_days == pytest.approx(0.5)
    assert type(one.gib_days) is float
    assert abs(one.storage_usd - Decimal("0.0005")) < Decimal("1e-9")


def test_an_exabyte_is_counted_to_the_last_microsecond(costs: CostWorld) -> None:
    size = 2**60 - 1
    costs.sweep()
    costs.blob("all there is", size, 0)

    costs.replace()

    (row,) = costs.entries()
    owed = Fraction(size * 86_400_000_000) * Fraction(31, 1000) / (2**30 * 86_400_000_000 * 31)
    assert abs(Fraction(row["amount_usd"]) - owed) <= Fraction(1, 10**10)
