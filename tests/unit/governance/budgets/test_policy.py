"""The file of budgets: what it says, and everything that may be wrong with it."""

from decimal import Decimal

import pytest

from governance.budgets.budget import BudgetScope
from governance.budgets.policy import BUDGETS, Budget, Budgets, own_budget, parse_budgets
from governance.periods import Period
from sweeps.errors import InvalidSweepFile
from sweeps.ids import SweepId

FILE = """\
budgets:
  - name: vision-month
    tenant: vision
    period: month
    max_cost_usd: 500
  - name: ana
    user: ana
    period: week
    max_gpu_hours: 40.5
    warn_at: [1, 0.9]
    at_limit: warn
  - {name: digits, tenant: vision, experiment: digits-mlp, period: total, max_cost_usd: 0,
     finish_running: false}
"""


def test_a_file_says_who_may_spend_how_much() -> None:
    found = parse_budgets(FILE, source="budgets.yaml")

    assert found.budgets == (
        Budget(
            name="vision-month",
            scope=BudgetScope(tenant="vision"),
            period=Period.MONTH,
            max_usd=Decimal(500),
        ),
        Budget(
            name="ana",
            scope=BudgetScope(user="ana"),
            period=Period.WEEK,
            max_gpu_hours=40.5,
            warn_at=(0.9, 1.0),
            stops=False,
        ),
        Budget(
            name="digits",
            scope=BudgetScope(tenant="vision", experiment="digits-mlp"),
            period=Period.TOTAL,
            max_usd=Decimal(0),
            finish_running=False,
        ),
    )


@pytest.mark.parametrize("text", ["", "budgets: []", "# nothing\n"])
def test_without_budgets_nothing_is_bounded(text: str) -> None:
    assert parse_budgets(text, source="budgets.yaml") == Budgets()


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ("period: month", "budgets[0]", "it limits nothing"),
        ("period: month, max_cost_usd: -1", "budgets[0].max_cost_usd", "-1"),
        ("period: month, max_gpu_hours: many", "budgets[0].max_gpu_hours", "'many'"),
        ("period: month, max_cost_usd: 0.0004", "budgets[0].max_cost_usd", "less than 0.001"),
        ("period: month, max_cost_usd: 1e-300", "budgets[0].max_cost_usd", "less than 0.001"),
        ("period: year, max_cost_usd: 1", "budgets[0].period", "'year'"),
        ("max_cost_usd: 1", "budgets[0].period", "missing"),
        ("period: day, max_cost_usd: 1, warn_at: 0.5", "budgets[0].warn_at", "no list"),
        ("period: day, max_cost_usd: 1, warn_at: [80]", "budgets[0].warn_at[0]", "80"),
        ("period: day, max_cost_usd: 1, at_limit: kill", "budgets[0].at_limit", "'kill'"),
        ("period: day, max_cost_usd: 1, experiment: x", "budgets[0].experiment", "missing"),
        ("period: day, max_cost_usd: 1, tennant: x", "budgets[0].tennant", "unknown key"),
        (
            "period: day, max_cost_usd: 1, at_limit: warn, finish_running: false",
            "budgets[0].finish_running",
            "only warns",
        ),
        ("period: day, max_cost_usd: 1}, {name: b", "budgets[1]", "it limits nothing"),
    ],
)
def test_a_mistake_is_named(written: str, path: str, message: str) -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_budgets(f"budgets: [{{name: a, {written}}}]", source="budgets.yaml")

    found = {problem.path: problem.message for problem in caught.value.problems}
    assert message in found[path]


def test_all_mistakes_are_told_at_once() -> None:
    text = FILE.replace("month\n", "moon\n").replace("name: ana", "name: vision-month")

    with pytest.raises(InvalidSweepFile) as caught:
        parse_budgets(text.replace("40.5", "-1"), source="budgets.yaml")

    assert [(problem.path, problem.line) for problem in caught.value.problems] == [
        ("budgets[0].period", 4),
        ("budgets[1].max_gpu_hours", 9),
    ]


def test_two_budgets_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidSweepFile, match="'vision-month' appears twice"):
        parse_budgets(FILE.replace("name: ana", "name: vision-month"), source="budgets.yaml")


def test_the_file_that_ships_bounds_nothing_and_its_examples_are_good() -> None:
    from importlib.resources import files

    text = files(BUDGETS.package).joinpath(BUDGETS.file_name).read_text(encoding="utf-8")
    lines = text.splitlines()
    begin = lines.index("# budgets:")
    example = "\n".join(line.removeprefix("# ").removeprefix("#") for line in lines[begin:-1])

    assert parse_budgets(text, source="budgets.yaml") == Budgets()
    names = [budget.name for budget in parse_budgets(example, source="example").budgets]
    assert names == ["vision-month", "digits-project", "ana-week"]


def test_a_sweep_has_a_budget_of_its_own_when_its_file_says_so() -> None:
    sweep_id = SweepId("digits-aaaaaaaa")

    assert own_budget(sweep_id, max_usd=None, max_gpu_hours=None) is None
    assert own_budget(sweep_id, max_usd=Decimal(5), max_gpu_hours=None) == Budget(
        name=sweep_id,
        scope=BudgetScope(sweep_id=sweep_id),
        period=Period.TOTAL,
        max_usd=Decimal(5),
    )
