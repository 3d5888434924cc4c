"""Budgets: whom they cover, whom they let in, and that together nobody exceeds one."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.budgets.budget import BudgetBook, BudgetScope, BudgetState, ByScope, Spender

SPENDER = Spender(tenant="vision", experiment="digits", sweep_id="digits-aaaaaaaa", owner="ana")
RENEWAL = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)


def a_budget(usd: str | None = "10", hours: float | None = None, **changes: object) -> BudgetState:
    defaults: dict[str, object] = {"name": "vision-month", "scope": BudgetScope(tenant="vision")}
    return BudgetState(
        **{**defaults, **changes},  # pyright: ignore[reportArgumentType]  by name
        left_usd=None if usd is None else Decimal(usd),
        left_gpu_hours=hours,
    )


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        (BudgetScope(), True),
        (BudgetScope(tenant="vision"), True),
        (BudgetScope(tenant="speech"), False),
        (BudgetScope(tenant="vision", experiment="digits"), True),
        (BudgetScope(tenant="vision", experiment="faces"), False),
        (BudgetScope(user="ana"), True),
        (BudgetScope(tenant="vision", user="ben"), False),
        (BudgetScope(sweep_id="digits-aaaaaaaa"), True),
        (BudgetScope(sweep_id="digits-bbbbbbbb"), False),
    ],
)
def test_a_budget_covers_those_it_names(scope: BudgetScope, covers: bool) -> None:
    book = BudgetBook([a_budget("0", scope=scope)])

    refused = book.refusal(SPENDER, usd=Decimal(1), gpu_hours=0.0) is not None

    assert refused is covers


@pytest.mark.parametrize(
    ("experiment", "covers"),
    [("digits-evaluation", True), ("digits", True), ("digits-evaluations", False)],
)
def test_a_budget_of_an_experiment_bounds_what_evaluates_its_candidates(
    experiment: str, covers: bool
) -> None:
    book = BudgetBook([a_budget("10", scope=BudgetScope(tenant="vision", experiment="digits"))])
    book.reserve(SPENDER, usd=Decimal(6), gpu_hours=0.0)
    evaluation = Spender(tenant="vision", experiment=experiment, sweep_id="digits-bbbbbbbb")

    refused = book.refusal(evaluation, usd=Decimal(5), gpu_hours=0.0) is not None

    assert refused is covers


NAMES = st.sampled_from((None, "a", "b"))
SCOPES = st.builds(
    BudgetScope,
    tenant=NAMES,
    experiment=st.sampled_from((None, "a", "b", "a-evaluation")),
    user=NAMES,
    sweep_id=NAMES,
)
SPENDERS = st.builds(
    Spender,
    tenant=st.sampled_from("ab"),
    experiment=st.sampled_from(("a", "a-evaluation", "c")),
    sweep_id=st.sampled_from((None, "a", "c")),
    owner=st.sampled_from(("", "a", "c")),
)


@given(scopes=st.lists(SCOPES, max_size=12), spenders=st.lists(SPENDERS, max_size=4))
def test_each_is_found_once_whose_scope_covers_who_spends(
    scopes: list[BudgetScope], spenders: list[Spender]
) -> None:
    by_scope = ByScope(list(zip(scopes, range(len(scopes)), strict=True)))

    for spender in spenders:
        expected = [place for place, scope in enumerate(scopes) if scope.covers(**spender.names())]
        assert by_scope.covering(spender) == expected


def test_what_fits_is_let_in_until_the_reservations_have_taken_all() -> None:
    book = BudgetBook([a_budget("10", renews_at=RENEWAL)])
    book.reserve(SPENDER, usd=Decimal(6), gpu_hours=0.0)

    assert book.refusal(SPENDER, usd=Decimal(4), gpu_hours=0.0) is None
    assert book.refusal(SPENDER, usd=Decimal(5), gpu_hours=0.0) == (
        "budget vision-month has $4.00 left, it needs $5.00; it renews at 2026-02-01 00:00 UTC"
    )


@pytest.mark.parametrize("scope", [BudgetScope(), BudgetScope(user="ana")])
def test_what_several_tenants_spend_together_is_told_to_none_of_them(scope: BudgetScope) -> None:
    book = BudgetBook([a_budget("4", 3.0, scope=scope)])

    assert book.refusal(SPENDER, usd=Decimal(5), gpu_hours=0.0) == (
        "budget vision-month has too little left, it needs $5.00; it does not renew"
    )
    assert book.refusal(SPENDER, usd=Decimal(1), gpu_hours=8.0) == (
        "budget vision-month has too little left, it needs 8 GPU-hours; it does not renew"
    )


def test_a_budget_in_gpu_hours_lets_trials_in_that_use_none() -> None:
    book = BudgetBook([a_budget(None, 0.0)])

    assert book.refusal(SPENDER, usd=None, gpu_hours=0.0) is None
    assert book.refusal(SPENDER, usd=None, gpu_hours=0.5) == (
        "budget vision-month has 0 GPU-hours left, it needs 0.5 GPU-hours; it does not renew"
    )
    # GPUs for nobody knows how long are not free.
    assert book.refusal(SPENDER, usd=None, gpu_hours=None) == (
        "budget vision-month has 0 GPU-hours left; it does not renew"
    )


def test_one_trial_at_a_time_starts_that_nobody_can_predict() -> None:
    book = BudgetBook([a_budget("10")])

    assert book.refusal(SPENDER, usd=None, gpu_hours=None) is None
    book.reserve(SPENDER, usd=None, gpu_hours=None)

    assert "cannot be predicted" in (book.refusal(SPENDER, usd=None, gpu_hours=None) or "")
    assert book.refusal(SPENDER, usd=Decimal(1), gpu_hours=1.0) is None


def test_nothing_starts_on_a_budget_that_is_overspent_by_whatever_it_is() -> None:
    book = BudgetBook([a_budget("-3")])

    assert "$0.00 left" in (book.refusal(SPENDER, usd=None, gpu_hours=None) or "")
    assert "$0.00 left" in (book.refusal(SPENDER, usd=Decimal(0), gpu_hours=0.0) or "")


@given(
    left=st.decimals(0, 100, places=2),
    hours=st.floats(0, 100),
    asked=st.lists(
        st.tuples(st.decimals(0, 20, places=4), st.floats(0, 20), st.sampled_from(["a", "b"]))
    ),
)
def test_those_who_are_let_in_never_exceed_a_budget_together(
    left: Decimal, hours: float, asked: list[tuple[Decimal, float, str]]
) -> None:
    book = BudgetBook(
        [
            a_budget(str(left), hours, scope=BudgetScope(tenant="vision")),
            a_budget(str(left / 2), None, scope=BudgetScope(tenant="vision", experiment="a")),
        ]
    )
    taken: dict[str, Decimal] = {"a": Decimal(0), "b": Decimal(0)}
    taken_hours = 0.0
    for usd, gpu_hours, experiment in asked:
        spender = Spender(tenant="vision", experiment=experiment)
        if book.refusal(spender, usd=usd, gpu_hours=gpu_hours) is None:
            book.reserve(spender, usd=usd, gpu_hours=gpu_hours)
            taken[experiment] += usd
            taken_hours += gpu_hours

    assert taken["a"] + taken["b"] <= left
    assert taken["a"] <= left / 2
    assert taken_hours <= hours + 1e-6
