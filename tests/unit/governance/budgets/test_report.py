"""Budgets as people and programs read them."""

from governance.budgets.bars import bars
from governance.budgets.report import document, markdown, outlook, rows
from governance.periods import Period
from tests.unit.governance.budgets.test_spending import NOW, a_budget, after, an_attempt, where


def test_a_budget_in_both_units_has_a_row_for_each() -> None:
    position = after("85", a_budget("100", 10.0))

    assert rows([position]) == [
        ("vision", "tenant vision", "month", "$100.00", "$85.00", "$0.00", "$15.00", "85%"),
        (
            "vision", "tenant vision", "month", "10 GPU-hours", "1 GPU-hours", "0 GPU-hours",
            "9 GPU-hours", "10%",
        ),
    ]  # fmt: skip


def test_an_outlook_says_when_it_runs_out_and_when_it_renews() -> None:
    position = where(a_budget("20"), counting=[an_attempt(1), an_attempt(1, predicted=None)])

    assert outlook(position) == (
        "$4.00 an hour now, $0.5714 a day lately, runs out at 2026-03-11 16:00 UTC if it goes on so, "
        "renews at 2026-04-01 00:00 UTC, 1 live trials that nobody could predict"
    )


def test_a_spent_budget_says_so() -> None:
    assert "all of it is spent" in outlook(after("20", a_budget("20", period=Period.TOTAL)))


def test_a_document_has_exact_amounts() -> None:
    found = document(where(a_budget("20"), counting=[an_attempt(1)]))

    assert found["usd"] == {
        "limit": "20.000000", "spent": "2.000000", "reserved": "8.000000", "left": "18.000000",
        "per_hour_now": "2.000000", "per_day": "0.285714",
    }  # fmt: skip
    assert (found["gpu_hours"], found["live_trials"], found["share"]) == (None, 1, 0.1)
    assert found["runs_out_at"] > NOW


def test_a_table_for_a_report() -> None:
    assert markdown([]) == "There is no budget."
    text = markdown([after("85", a_budget("100"))])
    assert "| vision | tenant vision | month | $100.00 | $85.00 |" in text


def test_of_what_is_overspent_nothing_is_left() -> None:
    overspent = after("101.5", a_budget("100"))

    ((*_, spent, _reserved, left, _used),) = rows([overspent])
    (bar,) = bars(overspent)

    assert (spent, left) == ("$101.50", "$0.00")
    assert bar.words.endswith("$0.00 left")
