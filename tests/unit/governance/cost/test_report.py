"""Costs summed up for people."""

import datetime as dt
from decimal import Decimal

import pytest

from governance.cost.report import CostLine, GroupBy, by_day_and_key, summaries, total

DAY = dt.date(2026, 3, 10)


def line(key: str, usd: str, **fields: object) -> CostLine:
    values: dict[str, object] = {
        "key": key,
        "day": DAY,
        "resource": "gpu",
        "outcome": "completed",
        "is_waste": False,
        "quantity": 1.0,
        "amount_usd": Decimal(usd),
        "unpriced": 0,
        **fields,
    }
    return CostLine(**values)  # type: ignore[arg-type]


LINES = [
    line("a", "3"),
    line("a", "1", outcome="idle", is_waste=True, quantity=0.5),
    line("a", "4", outcome="failed", resource="cpu", is_estimate=True),
    line("b", "9", outcome="evicted", day=DAY + dt.timedelta(days=1)),
    line("c", "0", unpriced=2),
]


def test_each_key_is_summed_the_dearest_first() -> None:
    b, a, c = summaries(LINES, by=GroupBy.SWEEP)

    assert (a.amount_usd, a.waste_usd, a.lost_usd, a.estimate_usd) == (8, 1, 4, 4)
    assert (a.gpu_hours, a.idle_gpu_hours, a.core_hours) == (1.5, 0.5, 1)
    assert a.lost_share == pytest.approx(0.5)
    assert (b.key, b.lost_share, c.unpriced) == ("b", 1, 2)
    assert c.lost_share is None


def test_days_are_in_their_order() -> None:
    assert [one.key for one in summaries(LINES, by=GroupBy.DAY)] == ["2026-03-10", "2026-03-11"]


def test_all_together() -> None:
    found = total(LINES)

    assert (found.amount_usd, found.lost_usd, found.unpriced) == (17, 13, 2)
    assert total([]).amount_usd == 0


def test_a_stack_has_the_dearest_keys_and_the_others_together() -> None:
    days = [DAY, DAY + dt.timedelta(days=1)]

    assert by_day_and_key(LINES, days=days, most=1) == [("b", [0, 9]), ("others", [8, 0])]
    assert by_day_and_key(LINES, days=days, most=5) == [("b", [0, 9]), ("a", [8, 0])]
