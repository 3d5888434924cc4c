"""Whatever comes between: no budget is exceeded, nothing is charged twice, no reservation leaks."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from governance.budgets.budget import Amount, BudgetBook, BudgetScope, BudgetState, Spender
from governance.budgets.held import Held
from governance.budgets.policy import Budget
from governance.budgets.spending import BudgetPosition, Closed
from governance.budgets.tallies import Accounts, positions, states
from governance.cost.prices import Price, PriceBook, Resource
from governance.periods import Period, day_of, midnight

BEGIN = dt.datetime(2026, 3, 11, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
MICROSECOND = dt.timedelta(microseconds=1)
USUAL = Decimal(3)  # dollars an hour of one GPU
EPSILON = Decimal("0.000001")
HELD = Held(gpus=1)


@dataclass
class Attempt:
    """One that wants to start, runs, or has ended."""

    spender: Spender
    hours: float  #: predicted
    usd: Decimal | None  #: likewise, by the price of then; None: there was none
    takes: float  #: hours
    admitted: bool = False
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.admitted and self.end is None


@dataclass
class World:
    """What happened, kept apart from what the budgets say of it."""

    budgets: dict[str, Budget]
    now: dt.datetime = BEGIN
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    closed: set[dt.date] = field(default_factory=set[dt.date])
    #: Since when a GPU costs what in an hour; None: it has no price.
    prices: list[tuple[dt.datetime, Decimal | None]] = field(
        default_factory=lambda: [(midnight(dt.date(2026, 1, 1)), USUAL)]
    )
    errs: bool = False  #: predictions may be wrong, and prices and limits move

    @property
    def price(self) -> Decimal | None:
        return self.prices[-1][1]

    def cost(self, attempt: Attempt, low: dt.datetime, high: dt.datetime) -> Amount:
        """By hand: hour by hour of a price, whatever the code does about it."""
        if attempt.start is None:
            return Amount()
        begun, ended = max(attempt.start, low), min(attempt.end or self.now, high)
        usd, ends = Decimal(0), [since for since, _ in self.prices[1:]] + [self.now]
        for (since, price), until in zip(self.prices, ends, strict=True):
            held = (min(ended, until) - max(begun, since)) // MICROSECOND
            if held > 0 and price is not None:
                usd += price * held / (HOUR // MICROSECOND)
        return Amount(usd=usd, gpu_hours=max((ended - begun) / HOUR, 0.0))

    def spent(self, budget: Budget, low: dt.datetime, high: dt.datetime) -> Amount:
        found = [self.cost(one, low, high) for one in self.attempts if covers(budget, one)]
        return Amount(
            usd=sum((one.usd for one in found), Decimal(0)),
            gpu_hours=sum(one.gpu_hours for one in found),
        )

    def days(self) -> list[dt.date]:
        return [day_of(BEGIN + n * DAY) for n in range((self.now - BEGIN).days + 2)]

    def book(self) -> PriceBook:
        """The same prices as an installation has them."""
        ends = [since for since, _ in self.prices[1:]] + [None]
        return PriceBook(
            tuple(
                Price(resource=Resource.GPU, usd=price, since=since, until=until)
                for (since, price), until in zip(self.prices, ends, strict=True)
                if price is not None
            )
        )


TENANT = BudgetScope(tenant="v")
LIMITED = (
    Budget(name="tenant", scope=TENANT, period=Period.TOTAL, max_usd=Decimal(100)),
    Budget(name="day", scope=TENANT, period=Period.DAY, max_gpu_hours=16.0),
    Budget(name="sweep", scope=BudgetScope(sweep_id="a"), period=Period.TOTAL, max_usd=Decimal(20)),
    Budget(
        name="experiment",
        scope=BudgetScope(tenant="v", experiment="e"),
        period=Period.TOTAL,
        max_usd=Decimal(60),
        max_gpu_hours=40.0,
    ),
)
SPENDERS = (
    Spender(tenant="v", experiment="e", sweep_id="a", owner="o"),
    Spender(tenant="v", experiment="e-evaluation", sweep_id="b", owner="o"),
    Spender(tenant="v", experiment="f", sweep_id="c", owner="o"),
)


class Interleavings(RuleBasedStateMachine):
    """Admissions, starts, ends, crashes, the ledger, prices and limits, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(budgets={one.name: one for one in LIMITED})

    def look(self) -> tuple[list[BudgetPosition], list[BudgetState]]:
        """Every attempt's time goes to the ledger, or to what is counted from the attempts."""
        world, accounts, book = self.world, Accounts(), self.world.book()
        for attempt in world.attempts:
            account, burnt, hours = accounts.of(attempt.spender), Decimal(0), 0.0
            for start, end in self.stretches(attempt):
                rate, held = HELD.rate(book, start), (end - start) // MICROSECOND
                if day_of(start) not in world.closed:
                    account.spend(day_of(start), rate.usd(held), rate.gpu_hours(held))
                burnt += rate.usd(held)
                hours += rate.gpu_hours(held)
            if attempt.is_live:
                account.hold(burnt, hours, attempt.usd, attempt.hours)
        closed = {
            one.name: Closed(in_period=self.closed(one, one.period.begins(day_of(world.now))))
            for one in world.budgets.values()
        }
        budgets = list(world.budgets.values())
        return (
            positions(budgets, accounts, closed=closed, now=world.now),
            states(budgets, accounts, closed=closed, now=world.now),
        )

    def closed(self, budget: Budget, begins: dt.date) -> Amount:
        days = [
            self.world.spent(budget, midnight(day), midnight(day + DAY))
            for day in self.world.closed
            if day >= begins
        ]
        return Amount(
            usd=sum((one.usd for one in days), Decimal(0)),
            gpu_hours=sum(one.gpu_hours for one in days),
        )

    def stretches(self, attempt: Attempt) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        """Its time so far, cut where days begin and prices change."""
        if attempt.start is None:
            return
        end = attempt.end or self.world.now
        cuts = {midnight(day) for day in self.world.days()} | {at for at, _ in self.world.prices}
        inner = sorted(at for at in cuts if attempt.start < at < end)
        yield from pairwise([attempt.start, *inner, end])

    @initialize(errs=st.booleans())
    def begin(self, errs: bool) -> None:
        self.world.errs = errs

    @rule(
        spender=st.sampled_from(SPENDERS),
        hours=st.sampled_from((0.3, 1.0, 2.7, 8.0)),
        longer=st.sampled_from((0.3, 1, 1, 2)),
        is_looked_at=st.booleans(),
    )
    def ask(self, spender: Spender, hours: float, longer: float, is_looked_at: bool) -> None:
        takes = hours * longer if self.world.errs else hours
        self.world.attempts.append(Attempt(spender, hours, self.predicted(hours), takes))
        if is_looked_at:
            self.run_pass()

    @rule()
    def run_pass(self) -> None:
        """Whichever controller comes first."""
        before, left = self.look()
        book = BudgetBook(left)
        for attempt in self.world.attempts:
            if attempt.is_live:
                book.reserve(attempt.spender, **_needs(attempt))
        admitted: list[Attempt] = []
        for attempt in self.world.attempts:
            if not attempt.admitted and book.refusal(attempt.spender, **_needs(attempt)) is None:
                book.reserve(attempt.spender, **_needs(attempt))
                attempt.admitted = True
                admitted.append(attempt)
        for position in before:
            self.check_admitted(position, admitted)

    def check_admitted(self, before: BudgetPosition, admitted: list[Attempt]) -> None:
        """What was let in fits into what was left, and at the limit nothing starts."""
        budget = before.budget
        new = [one for one in admitted if covers(budget, one)]
        if budget.max_usd is not None:
            free = budget.max_usd - before.spent.usd - before.reserved.usd
            assert sum((one.usd or 0 for one in new), Decimal(0)) <= max(free, Decimal(0)) + EPSILON
            assert free > -EPSILON or not new
        if budget.max_gpu_hours is not None:
            hours = budget.max_gpu_hours - before.spent.gpu_hours - before.reserved.gpu_hours
            assert sum(one.hours for one in new) <= max(hours, 0.0) + float(EPSILON)
        if budget.max_usd is not None and any(one.usd is None for one in new):
            assert sum(one.usd is None for one in self.live(budget)) == 1

    @rule(hours=st.sampled_from((0.1, 0.7, 1.3, 3.0, 30.0)), starts=st.booleans())
    def wait(self, hours: float, starts: bool) -> None:
        """What was let in starts, unless its controller is slow; and ends when it is its time."""
        live = [one for one in self.world.attempts if one.is_live]
        for attempt in live:
            if attempt.start is None and starts:
                attempt.start = self.world.now
        self.world.now += hours * HOUR
        for attempt in live:
            if attempt.start is not None:
                end = attempt.start + attempt.takes * HOUR
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

    @precondition(lambda self: self.world.errs and self.world.now > self.world.prices[-1][0])
    @rule(price=st.sampled_from((Decimal("0.25"), Decimal(3), Decimal("11.5"), None)))
    def move_price(self, price: Decimal | None) -> None:
        """It is cut, raised, or missing from now on."""
        self.world.prices.append((self.world.now, price))

    @rule()
    def predict(self) -> None:
        """Controllers predict those that wait anew, by the price of now."""
        for attempt in self.world.attempts:
            if not attempt.admitted:
                attempt.usd = self.predicted(attempt.hours)

    @precondition(lambda self: self.world.errs)
    @rule(
        budget=st.sampled_from(LIMITED),
        factor=st.sampled_from((Decimal(0), Decimal("0.3"), Decimal(1), Decimal(3))),
    )
    def move_limit(self, budget: Budget, factor: Decimal) -> None:
        """A budget is raised, or cut, also below what is spent."""
        self.world.budgets[budget.name] = replace(
            budget,
            max_usd=None if budget.max_usd is None else budget.max_usd * factor,
            max_gpu_hours=None
            if budget.max_gpu_hours is None
            else budget.max_gpu_hours * float(factor),
        )

    def predicted(self, hours: float) -> Decimal | None:
        return None if self.world.price is None else self.world.price * Decimal(repr(hours))

    @invariant()
    def it_adds_up(self) -> None:
        for position, state in zip(*self.look(), strict=True):
            self.check_spent(position)
            self.check_reserved(position)
            self.check_free(position, state)

    def check_spent(self, position: BudgetPosition) -> None:
        """Everything is charged once; and no budget is exceeded while predictions are right."""
        budget = position.budget
        since = midnight(position.begins) if budget.period is Period.DAY else BEGIN
        expected = self.world.spent(budget, since, self.world.now)
        assert abs(position.spent.usd - expected.usd) < EPSILON
        assert abs(position.spent.gpu_hours - expected.gpu_hours) < float(EPSILON)
        if budget.max_usd is not None and not self.world.errs:
            assert expected.usd <= budget.max_usd + EPSILON

    def check_reserved(self, position: BudgetPosition) -> None:
        """Only live attempts reserve anything: what they have not burnt of what was predicted."""
        live = self.live(position.budget)
        burnt = [self.world.cost(attempt, BEGIN, self.world.now) for attempt in live]
        usd = [max((a.usd or 0) - b.usd, Decimal(0)) for a, b in zip(live, burnt, strict=True)]
        hours = [max(a.hours - b.gpu_hours, 0.0) for a, b in zip(live, burnt, strict=True)]
        assert position.live == len(live)
        assert abs(position.reserved.usd - sum(usd, Decimal(0))) < EPSILON
        assert abs(position.reserved.gpu_hours - sum(hours)) < float(EPSILON)

    def check_free(self, position: BudgetPosition, state: BudgetState) -> None:
        """A scheduler, which subtracts whole reservations, finds as much free as people are told."""
        budget, live = position.budget, self.live(position.budget)
        if budget.max_usd is not None:
            assert state.left_usd is not None
            free = state.left_usd - sum((one.usd or 0 for one in live), Decimal(0))
            told = budget.max_usd - position.spent.usd - position.reserved.usd
            assert abs(free - told) < EPSILON
        if budget.max_gpu_hours is not None:
            assert state.left_gpu_hours is not None
            hours = state.left_gpu_hours - sum(one.hours for one in live)
            left = budget.max_gpu_hours - position.spent.gpu_hours
            assert abs(hours - left + position.reserved.gpu_hours) < float(EPSILON)

    def live(self, budget: Budget) -> list[Attempt]:
        return [one for one in self.world.attempts if one.is_live and covers(budget, one)]


def covers(budget: Budget, attempt: Attempt) -> bool:
    return budget.scope.covers(**attempt.spender.names())


def _needs(attempt: Attempt) -> dict[str, Any]:
    return {"usd": attempt.usd, "gpu_hours": attempt.hours}


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
