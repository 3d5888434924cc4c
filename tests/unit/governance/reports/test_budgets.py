"""The part of a report about budgets."""

import datetime as dt
from decimal import Decimal

from governance.budgets.policy import Budget
from governance.budgets.report import BudgetWarning
from governance.periods import Period
from governance.reports.composing import compose
from governance.reports.model import Chart, Report, Scope
from tests.unit.governance.budgets.test_spending import a_budget, after, an_attempt, where
from tests.unit.governance.reports.test_sections import section, sentences, table
from tests.unit.governance.reports.world import NOW, WEEK, Told


def a_warning(budget: str, share: float = 0.8) -> BudgetWarning:
    return BudgetWarning(
        budget=budget,
        begins=dt.date(2026, 11, 1),
        threshold=share,
        tenant_id="vision",
        spent_usd=Decimal(400),
        spent_gpu_hours=0.0,
        max_usd=Decimal(500),
        max_gpu_hours=None,
        warned_at=WEEK.start + dt.timedelta(hours=30),
    )


def made(facts: Told) -> Report:
    return compose(facts, Scope(), WEEK, now=NOW)


def of(name: str, usd: str | None, hours: float | None = None) -> Budget:
    return a_budget(usd, hours, name=name)


def test_each_limit_has_a_row_and_the_fullest_comes_first() -> None:
    facts = Told(positions=[after("10", of("a", "100")), after("45", of("b", "50", 4.0))])

    report = made(facts)

    dollars = table(report, "budgets", "Budgets in dollars")
    assert [row[:6] for row in dollars.rows] == [
        ("b", "tenant vision", "month", Decimal(50), Decimal(45), 0.9),
        ("a", "tenant vision", "month", Decimal(100), Decimal(10), 0.1),
    ]
    (hours,) = table(report, "budgets", "Budgets in GPU-hours").rows
    assert hours[:6] == ("b", "tenant vision", "month", 4.0, 1.0, 0.25)
    assert report.figure("budgets", "budgets") == 2


def test_a_bar_shows_what_is_spent_and_what_is_reserved_of_the_limit() -> None:
    live = where(of("a", "20"), counting=[an_attempt(1)])  # 2 spent, 8 of 10 predicted left

    (chart,) = [b for b in section(made(Told(positions=[live])), "budgets").blocks if isinstance(b, Chart)]  # fmt: skip

    assert chart.points == (("a", (0.1, 0.4)),)
    assert (chart.series, chart.whole) == (("spent", "reserved"), 1.0)


def test_a_budget_of_nothing_is_spent_from_the_beginning() -> None:
    (row,) = table(made(Told(positions=[after("0", of("a", "0"))])), "budgets", "Budgets in dollars").rows  # fmt: skip

    assert row[5] == 1.0
    assert row[8] == "all is spent"


def test_when_it_runs_out_is_told() -> None:
    soon = where(of("soon", "20"), counting=[an_attempt(1), an_attempt(1)])
    idle = after("1", of("idle", "1000"))
    forever = after("0", a_budget("1000", name="ever", period=Period.TOTAL))

    rows = table(made(Told(positions=[soon, idle, forever])), "budgets", "Budgets in dollars").rows

    assert {row[0]: row[8] for row in rows} == {
        "soon": "2026-03-11 16:00",
        "idle": "not before it renews",
        "ever": "not foreseeable",
    }


def test_warnings_of_these_budgets_are_told_and_of_no_others() -> None:
    facts = Told(
        positions=[after("400", of("a", "500"))],
        warned=[a_warning("a"), a_warning("somebody-elses")],
    )

    report = made(facts)

    assert report.figure("budgets", "warnings") == 1
    assert table(report, "budgets", "Warnings").rows == (
        ("2026-11-17 06:00", "budget a: 80% is spent, $400.00 of $500.00"),
    )


def test_without_budgets_it_says_so() -> None:
    assert sentences(made(Told()), "budgets") == "No budget is set."
