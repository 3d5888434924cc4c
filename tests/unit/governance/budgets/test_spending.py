"""Where budgets stand: what counts when, and that a scheduler gets the same whatever has burnt."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.budgets.budget import Amount, BudgetBook, BudgetScope, Spender
from governance.budgets.exhaustion import verdict
from governance.budgets.held import Rate
from governance.budgets.policy import Budget
from governance.budgets.predictions import Basis, Prediction
from governance.budgets.spending import BudgetPosition, Closed
from governance.budgets.tallies import Accounts, positions, states
from governance.periods import Period, day_of, midnight

NOW = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)  # a Wednesday
HOUR = dt.timedelta(hours=1)
SPENDER = Spender(tenant="vision", experiment="digits", sweep_id="digits-aaaaaaaa", owner="ana")
OTHER = Spender(tenant="speech", experiment="words", sweep_id="words-aaaaaaaa", owner="ben")


def a_budget(usd: str | None = "100", hours: float | None = None, **changes: object) -> Budget:
    defaults: dict[str, object] = {
        "name": "vision",
        "scope": BudgetScope(tenant="vision"),
        "period": Period.MONTH,
    }
    return Budget(
        **{**defaults, **changes},  # pyright: ignore[reportArgumentType]  by name
        max_usd=None if usd is None else Decimal(usd),
        max_gpu_hours=hours,
    )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What was spent on a day, by attempts that have ended."""

    day: dt.date
    usd: Decimal
    spender: Spender = SPENDER

    def count(self, accounts: Accounts) -> None:
        accounts.of(self.spender).spend(self.day, self.usd, 1.0)


@dataclass(frozen=True, kw_only=True)
class Live:
    """One that began some hours ago, on one GPU."""

    hours: float
    usd_per_hour: Decimal = Decimal(2)
    usd: Decimal | None = Decimal(10)
    gpu_hours: float | None = 5.0

    def count(self, accounts: Accounts) -> None:
        account = accounts.of(SPENDER)
        began = NOW - self.hours * HOUR
        low = began
        while low < NOW:
            high = min(NOW, midnight(day_of(low) + 24 * HOUR))
            hours = (high - low) / HOUR
            account.spend(day_of(low), self.usd_per_hour * Decimal(repr(hours)), hours)
            low = high
        burnt = self.usd_per_hour * Decimal(repr(self.hours))
        account.hold(burnt, self.hours, self.usd, self.gpu_hours)
        account.burn(self.usd_per_hour, 1)


def an_attempt(
    began_hours_ago: float, *, usd_per_hour: str = "2", predicted: str | None = "10"
) -> Live:
    return Live(
        hours=began_hours_ago,
        usd_per_hour=Decimal(usd_per_hour),
        usd=None if predicted is None else Decimal(predicted),
        gpu_hours=None if predicted is None else 5.0,
    )


def counted(parts: Sequence[Ended | Live]) -> Accounts:
    accounts = Accounts()
    for part in parts:
        part.count(accounts)
    return accounts


def where(
    budget: Budget, *, closed: Closed | None = None, counting: Sequence[Ended | Live] = ()
) -> BudgetPosition:
    known = {} if closed is None else {budget.name: closed}
    return positions([budget], counted(counting), closed=known, now=NOW)[0]


def on(day: dt.date, usd: str, spender: Spender = SPENDER) -> Ended:
    return Ended(day=day, usd=Decimal(usd), spender=spender)


def test_closed_days_ended_attempts_and_what_live_ones_have_burnt_is_spent() -> None:
    found = where(
        a_budget(),
        closed=Closed(in_period=Amount(usd=Decimal(30))),
        counting=[on(NOW.date(), "5"), on(NOW.date(), "7", OTHER), an_attempt(3)],
    )

    assert found.spent.usd == Decimal(41)
    assert found.reserved.usd == Decimal(4)
    assert (found.left_usd, found.share) == (Decimal(59), 0.41)


def test_only_what_is_in_the_period_counts() -> None:
    found = where(
        a_budget(period=Period.DAY),
        counting=[
            on(NOW.date() - dt.timedelta(days=1), "5"),
            on(NOW.date(), "3"),
            an_attempt(20, predicted="50"),
        ],
    )

    assert found.spent.usd == Decimal(3 + 2 * 12)
    assert found.reserved.usd == Decimal(10)
    assert found.renews_at == dt.datetime(2026, 3, 12, tzinfo=dt.UTC)


def test_an_attempt_that_nobody_could_predict_reserves_nothing_and_is_counted() -> None:
    found = where(a_budget(), counting=[an_attempt(1, predicted=None)])

    assert (found.unpredicted, found.reserved.usd, found.spent.usd) == (1, Decimal(0), Decimal(2))


def test_live_attempts_say_when_it_runs_out() -> None:
    found = where(a_budget("20"), counting=[an_attempt(1), an_attempt(1)])

    assert found.hourly == Amount(usd=Decimal(4), gpu_hours=2.0)
    assert found.runs_out_at == NOW + 4 * HOUR


def test_without_live_attempts_the_last_days_say_so() -> None:
    found = where(
        a_budget("20"),
        closed=Closed(in_period=Amount(usd=Decimal(8)), in_window=Amount(usd=Decimal(14))),
    )

    assert found.daily.usd == Decimal(2)
    assert found.runs_out_at == NOW + 6 * 24 * HOUR


def test_what_lasts_until_it_renews_does_not_run_out() -> None:
    budget = a_budget("100", period=Period.WEEK)

    assert where(budget, counting=[an_attempt(1, usd_per_hour="0.1")]).runs_out_at is None


def test_shares_of_the_limit_are_crossed_one_after_another() -> None:
    spent = Closed(in_period=Amount(usd=Decimal(85), gpu_hours=1.0))

    assert where(a_budget("100"), closed=spent).crossed == (0.5, 0.8)
    assert where(a_budget("50"), closed=spent).crossed == (0.5, 0.8, 1.0)
    assert where(a_budget(None, 2.0), closed=spent).crossed == (0.5,)


def test_a_budget_of_nothing_is_spent_from_the_beginning() -> None:
    assert where(a_budget("0")).is_spent


@given(
    limit=st.decimals(0, 1000, places=2),
    ended=st.decimals(0, 500, places=2),
    live=st.lists(st.tuples(st.floats(0, 40), st.decimals(0, 100, places=2)), max_size=6),
    asked=st.decimals("0.01", 100, places=2),
)
def test_a_scheduler_lets_in_what_all_reservations_leave(
    limit: Decimal, ended: Decimal, live: list[tuple[float, Decimal]], asked: Decimal
) -> None:
    attempts = [an_attempt(hours, predicted=str(predicted)) for hours, predicted in live]
    budget = a_budget(str(limit), period=Period.TOTAL)
    accounts = counted([on(NOW.date(), str(ended)), *attempts])
    (found,) = positions([budget], accounts, closed={}, now=NOW)
    book = BudgetBook(states([budget], accounts, closed={}, now=NOW))
    for attempt in attempts:
        book.reserve(SPENDER, usd=attempt.usd, gpu_hours=attempt.gpu_hours)

    # Each live attempt takes what was predicted, or what it has burnt if that is more already.
    taken = ended + sum(
        (max(Decimal(2) * Decimal(repr(hours)), predicted) for hours, predicted in live), Decimal(0)
    )
    free = limit - taken
    if abs(free - asked) > Decimal("0.000001"):
        refused = book.refusal(SPENDER, usd=asked, gpu_hours=0.0) is not None
        assert refused is (asked > free)
    assert abs(found.spent.usd + found.reserved.usd - taken) < Decimal("0.000001")


@given(microseconds=st.lists(st.integers(0, 3_600_000_000), min_size=4, max_size=4))
def test_what_fits_exactly_starts_however_much_the_others_have_burnt(
    microseconds: list[int],
) -> None:
    rate, accounts = Rate(usd_per_hour=Decimal(2), gpus=1), Accounts()
    account = accounts.of(SPENDER)
    for held in microseconds:
        account.hold(rate.usd(held), rate.gpu_hours(held), Decimal(2), 1.0)
    together = sum(microseconds)
    account.spend(NOW.date(), rate.usd(together), rate.gpu_hours(together))
    book = BudgetBook(states([a_budget("10", 5.0)], accounts, closed={}, now=NOW))
    for _ in microseconds:
        book.reserve(SPENDER, usd=Decimal(2), gpu_hours=1.0)

    assert book.refusal(SPENDER, usd=Decimal(2), gpu_hours=1.0) is None


NEXT = Prediction(basis=Basis.SWEEP, upper_usd=Decimal(6), upper_gpu_hours=3.0)


def after(usd: str, budget: Budget) -> BudgetPosition:
    return where(budget, closed=Closed(in_period=Amount(usd=Decimal(usd), gpu_hours=1.0)))


def test_a_total_budget_that_cannot_pay_for_one_more_trial_ends_the_sweep() -> None:
    budget = a_budget("100", period=Period.TOTAL)

    assert verdict([after("90", budget)], NEXT).ends == ""
    assert verdict([after("95", budget)], NEXT).ends == (
        "budget is spent: vision has $5.00 of $100.00 left, and one more trial needs $6.00"
    )
    assert verdict([after("112.5", budget)], NEXT).ends == (
        "budget is spent: vision: $112.50 of $100.00"
    )


def test_a_budget_that_renews_ends_no_sweep() -> None:
    assert verdict([after("200", a_budget("100"))], NEXT).ends == ""


def test_reservations_of_others_which_may_come_back_end_nothing() -> None:
    position = where(a_budget("30", period=Period.TOTAL), counting=[an_attempt(1, predicted="29")])

    assert verdict([position], NEXT).ends == ""


@pytest.mark.parametrize("stops", [True, False])
def test_a_budget_that_only_warns_ends_nothing(stops: bool) -> None:
    budget = a_budget("100", period=Period.TOTAL, stops=stops)

    assert (verdict([after("200", budget)], NEXT).ends != "") is stops


def test_live_trials_end_where_the_budget_says_so() -> None:
    budget = a_budget("100", finish_running=False)

    assert verdict([after("99", budget)], NEXT).stops == ""
    assert verdict([after("100", budget)], NEXT).stops == (
        "budget is spent: vision: $100.00 of $100.00"
    )


def test_trials_without_gpus_go_on_when_the_gpu_hours_are_spent() -> None:
    budget = a_budget(None, 1.0, period=Period.TOTAL)
    without = Prediction(basis=Basis.NOTHING, upper_gpu_hours=0.0)

    assert verdict([after("0", budget)], without).ends == ""
    assert verdict([after("0", budget)], NEXT).ends == ("budget is spent: vision: 1 of 1 GPU-hours")


def test_what_nobody_can_predict_starts_while_anything_is_left() -> None:
    unknown = Prediction(basis=Basis.NOTHING)

    assert verdict([after("99", a_budget("100", period=Period.TOTAL))], unknown).ends == ""
