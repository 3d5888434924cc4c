"""What a sweep will cost, and whether it can ever be paid for."""

from decimal import Decimal
from typing import Any

import pytest

from governance.budgets.budget import BudgetScope
from governance.budgets.forecasts import forecast, refusal, rerun_refusal
from governance.budgets.policy import Budget, own_budget
from governance.budgets.predictions import Basis, Prediction
from governance.budgets.report import reached
from governance.budgets.spending import BudgetPosition
from governance.periods import Period
from sweeps.ids import SweepId
from tests.unit.governance.budgets.test_spending import a_budget, after

KNOWN = Prediction(
    basis=Basis.SWEEP,
    observed=5,
    seconds=1800,
    upper_seconds=3600,
    usd=Decimal(1),
    upper_usd=Decimal(2),
    gpu_hours=0.5,
    upper_gpu_hours=1.0,
)
UNKNOWN = Prediction(basis=Basis.NOTHING)


def test_a_range_is_told_and_where_it_comes_from() -> None:
    found = forecast(KNOWN, trials=10, positions=[])

    assert (found.usd, found.gpu_hours) == ((Decimal(10), Decimal(20)), (5.0, 10.0))
    assert found.sentences == [
        (
            "10 trials will take $10.00 to $20.00 and 5 GPU-hours to 10 GPU-hours, "
            "from 5 earlier trials of the sweep"
        )
    ]


def test_a_timeout_says_only_what_is_the_most() -> None:
    by_timeout = Prediction(
        basis=Basis.TIMEOUT, usd=Decimal(2), upper_usd=Decimal(2), gpu_hours=0, upper_gpu_hours=0
    )

    assert forecast(by_timeout, trials=3, positions=[]).sentences == [
        "3 trials will take $0.00 to $6.00, from trial_timeout, the longest that a trial may take"
    ]


def test_what_nobody_can_tell_is_said_so() -> None:
    assert forecast(UNKNOWN, trials=3, positions=[]).sentences == [
        (
            "what it will cost cannot be told: no earlier trial of the experiment has ended, and there "
            "is no trial_timeout"
        )
    ]


def test_a_budget_that_pays_for_fewer_trials_is_named() -> None:
    positions = [after("40", a_budget("100")), after("95", a_budget("100", name="tight"))]

    found = forecast(KNOWN, trials=10, positions=positions)

    assert found.affordable == 5
    assert found.sentences[1] == "budget tight pays for about 5 of 10 trials"


@pytest.mark.parametrize(
    ("position", "words"),
    [
        (after("0", a_budget("1.5")), "budget vision is $1.50 a month, and one trial needs $2.00"),
        (after("0", a_budget(None, 0.5)), "is 0.5 GPU-hours a month, and one trial needs 1 GPU"),
        (after("0", a_budget("0")), "budget vision is $0.00 a month"),
        (after("99", a_budget("100", period=Period.TOTAL)), "vision has $1.00 of $100.00 left"),
        (after("101", a_budget("100", period=Period.TOTAL)), "vision: $101.00 of $100.00"),
    ],
)
def test_what_can_never_start_is_refused(position: BudgetPosition, words: str) -> None:
    assert words in (refusal(KNOWN, positions=[position], unpriced="") or "")


@pytest.mark.parametrize(
    "position",
    [
        after("100", a_budget("100")),  # the next month has room
        after("97", a_budget("100", period=Period.TOTAL)),
        after("200", a_budget("100", period=Period.TOTAL, stops=False)),
    ],
)
def test_what_can_start_now_or_later_is_not(position: BudgetPosition) -> None:
    assert refusal(KNOWN, positions=[position], unpriced="") is None


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_usd": Decimal("0.5"), "max_gpu_hours": None},
         "limits.max_cost_usd is $0.50, and one trial needs $2.00"),
        ({"max_usd": None, "max_gpu_hours": 0.5},
         "limits.max_gpu_hours is 0.5 GPU-hours, and one trial needs 1 GPU-hours"),
    ],
)  # fmt: skip
def test_a_sweeps_own_limit_is_named_by_its_key(limits: dict[str, Any], words: str) -> None:
    own = own_budget(SweepId("digits-aaaaaaaa"), **limits)
    assert own is not None

    why = refusal(KNOWN, positions=[after("0", own)], unpriced="") or ""

    assert words in why
    assert "digits-aaaaaaaa" not in why


def test_a_limit_in_dollars_without_prices_is_refused() -> None:
    own = own_budget(SweepId("digits-aaaaaaaa"), max_usd=Decimal(5), max_gpu_hours=None)
    assert own is not None
    position = after("0", own)

    assert "cannot be held" in (
        refusal(UNKNOWN, positions=[position], unpriced="nothing has a price") or ""
    )
    assert refusal(UNKNOWN, positions=[position], unpriced="") is None


def test_a_limit_in_dollars_for_gpus_without_a_price_is_refused_with_a_hint() -> None:
    own = own_budget(SweepId("digits-aaaaaaaa"), max_usd=Decimal(5), max_gpu_hours=None)
    assert own is not None

    why = refusal(
        UNKNOWN, positions=[after("0", own)], unpriced="GPUs of type mi300x have no price"
    )

    assert why == (
        "limits.max_cost_usd of $5.00 cannot be held: GPUs of type mi300x have no price. Set prices "
        "with `sweepworks policy apply prices.yaml`, or limit max_gpu_hours"
    )


@pytest.mark.parametrize(
    ("spent", "budget", "words"),
    [
        ("0", a_budget("1.5", scope=BudgetScope()), "vision is smaller each month, and one trial"),
        ("99", a_budget("100", period=Period.TOTAL, scope=BudgetScope()), "has too little left"),
        ("101", a_budget("100", period=Period.TOTAL, scope=BudgetScope()), "nothing is left"),
    ],
)
def test_amounts_of_several_tenants_together_are_not_told(
    spent: str, budget: Budget, words: str
) -> None:
    position = after(spent, budget)

    why = refusal(KNOWN, positions=[position], unpriced="") or ""

    assert words in why
    assert not any(amount in why for amount in ("1.50", "99", "100", "101"))
    assert forecast(KNOWN, trials=999, positions=[position]).affordable is None


def test_of_a_budget_of_several_tenants_only_the_share_is_told() -> None:
    assert reached(after("80", a_budget("100", scope=BudgetScope())), 0.8) == (
        "budget vision: 80% is spent"
    )
    assert "$80.00 of $100.00" in reached(after("80", a_budget("100")), 0.8)


@pytest.mark.parametrize(
    ("spent", "budget", "words"),
    [
        ("97", a_budget("100"), None),
        (
            "99",
            a_budget("100"),
            (
                "budget is spent: vision has $1.00 of $100.00 left, and one more trial needs $2.00; "
                "it renews at 2026-04-01 00:00 UTC"
            ),
        ),
        (
            "100",
            a_budget("100", period=Period.TOTAL),
            "budget is spent: vision: $100.00 of $100.00; it does not renew",
        ),
        ("100", a_budget("100", stops=False), None),
    ],
)
def test_a_rerun_waits_for_no_other_period(spent: str, budget: Budget, words: str | None) -> None:
    assert rerun_refusal(KNOWN, positions=[after(spent, budget)]) == words
