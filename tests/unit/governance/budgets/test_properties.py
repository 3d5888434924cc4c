"""Whatever comes between: no budget is exceeded, nothing is charged twice, no reservation leaks."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from governance.budgets.budget import Amount, BudgetBook, BudgetScope, Spender
from governance.budgets.policy import Budget
from governance.budgets.spending import (
    BudgetPosition,
    Burn,
    Closed,
    DaySpending,
    LiveAttempt,
    positions,
)
from governance.periods import Period, day_of, midnight

BEGIN = dt.datetime(2026, 3, 11, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
RATE = Decimal(3)  # dollars an hour of one GPU
EPSILON = Decimal("0.000001")


@dataclass
class Attempt:
    """One that wants to start, runs, or has ended."""

    spender: Spender
    hours: float  #: that it will take, which is known
    admitted: bool = False
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.admitted and self.end is None

    def hours_between(self, low: dt.datetime, high: dt.datetime, now: dt.datetime) -> float:
        if self.start is None:
            return 0.0
        return max((min(self.end or now, high) - max(self.start, low)) / HOUR, 0.0)


@dataclass
class World:
    """What happened, kept apart from what the budgets say of it."""

    now: dt.datetime = BEGIN
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    closed: set[dt.date] = field(default_factory=set[dt.date])

    def cost(self, budget: Budget, since: dt.datetime) -> Decimal:
        hours = sum(
            attempt.hours_between(since, self.now, self.now)
            for attempt in self.attempts
            if budget.scope.covers(**attempt.spender.names())
        )
        return RATE * Decimal(repr(hours))

    def days(self) -> list[dt.date]:
        return [day_of(BEGIN + n * DAY) for n in range((self.now - BEGIN).days + 2)]


BUDGETS = [
    Budget(name="tenant", scope=BudgetScope(tenant="v"), period=Period.TOTAL, max_usd=Decimal(100)),
    Budget(name="day", scope=BudgetScope(tenant="v"), period=Period.DAY, max_gpu_hours=16.0),
    Budget(name="sweep", scope=BudgetScope(sweep_id="a"), period=Period.TOTAL, max_usd=Decimal(20)),
]
SPENDERS = [Spender(tenant="v", experiment="e", sweep_id=name, owner="o") for name in ("a", "b")]


class Interleavings(RuleBasedStateMachine):
    """Admissions, starts, ends, crashes and the ledger, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def where(self) -> list[BudgetPosition]:
        """Every attempt's time goes to the ledger, to the ended ones, or to the live ones."""
        world = self.world
        closed: dict[str, Closed] = {}
        for budget in BUDGETS:
            begins = budget.period.begins(day_of(world.now))
            amount = Amount()
            for attempt in world.attempts:
                if not budget.scope.covers(**attempt.spender.names()):
                    continue
                for day in world.closed:
                    if day >= begins:
                        amount += self._amount(attempt, day)
            closed[budget.name] = Closed(in_period=amount)
        ended = [
            DaySpending(day=day, spender=attempt.spender, amount=self._amount(attempt, day))
            for attempt in world.attempts
            if attempt.end is not None
            for day in world.days()
            if day not in world.closed
        ]
        live = [
            LiveAttempt(
                spender=attempt.spender,
                burns=self._burns(attempt),
                usd=RATE * Decimal(repr(attempt.hours)),
                gpu_hours=attempt.hours,
            )
            for attempt in world.attempts
            if attempt.is_live
        ]
        return positions(BUDGETS, closed=closed, ended=ended, live=live, now=world.now)

    def _amount(self, attempt: Attempt, day: dt.date) -> Amount:
        hours = attempt.hours_between(midnight(day), midnight(day + DAY), self.world.now)
        return Amount(usd=RATE * Decimal(repr(hours)), gpu_hours=hours)

    def _burns(self, attempt: Attempt) -> tuple[Burn, ...]:
        if attempt.start is None:
            return ()
        found: list[Burn] = []
        for day in self.world.days():
            low = max(attempt.start, midnight(day))
            high = min(self.world.now, midnight(day + DAY))
            if low < high:
                found.append(
                    Burn(
                        start=low,
                        end=high,
                        usd_per_hour=RATE,
                        gpus=1,
                        is_entered=day in self.world.closed,
                    )
                )
        return tuple(found)

    @rule(spender=st.sampled_from(SPENDERS), hours=st.floats(0.1, 8))
    def ask(self, spender: Spender, hours: float) -> None:
        self.world.attempts.append(Attempt(spender=spender, hours=hours))

    @rule()
    def run_pass(self) -> None:
        """Whichever controller comes first."""
        book = BudgetBook([one.state() for one in self.where()])
        for attempt in self.world.attempts:
            if attempt.is_live:
                book.reserve(attempt.spender, **_needs(attempt))
        for attempt in self.world.attempts:
            if not attempt.admitted and book.refusal(attempt.spender, **_needs(attempt)) is None:
                book.reserve(attempt.spender, **_needs(attempt))
                attempt.admitted = True

    @rule()
    def start(self) -> None:
        for attempt in self.world.attempts:
            if attempt.is_live and attempt.start is None:
                attempt.start = self.world.now

    @rule(hours=st.floats(0.05, 30))
    def wait(self, hours: float) -> None:
        """Everybody takes exactly as long as was predicted."""
        self.world.now += hours * HOUR
        for attempt in self.world.attempts:
            if attempt.is_live and attempt.start is not None:
                end = attempt.start + attempt.hours * HOUR
                attempt.end = end if end <= self.world.now else None

    @precondition(lambda self: any(one.is_live for one in self.world.attempts))
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """A trial ends before its time, or a machine with it; nobody releases anything."""
        live = [one for one in self.world.attempts if one.is_live]
        lost = data.draw(st.sampled_from(live))
        lost.end = self.world.now

    @rule()
    def close(self) -> None:
        """The ledger computes all days that are over."""
        self.world.closed.update(day for day in self.world.days() if day < day_of(self.world.now))

    @invariant()
    def no_budget_is_exceeded(self) -> None:
        for budget in BUDGETS:
            if budget.max_usd is not None:
                assert self.world.cost(budget, BEGIN) <= budget.max_usd + EPSILON

    @invariant()
    def everything_is_charged_once(self) -> None:
        for one in self.where():
            since = midnight(one.begins) if one.budget.period is Period.DAY else BEGIN
            assert abs(one.spent.usd - self.world.cost(one.budget, since)) < EPSILON

    @invariant()
    def only_live_attempts_reserve(self) -> None:
        for one in self.where():
            covered = [
                attempt
                for attempt in self.world.attempts
                if attempt.is_live and one.budget.scope.covers(**attempt.spender.names())
            ]
            assert one.live == len(covered)
            if not covered:
                assert one.reserved == Amount()


def _needs(attempt: Attempt) -> dict[str, Any]:
    return {"usd": RATE * Decimal(repr(attempt.hours)), "gpu_hours": attempt.hours}


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
