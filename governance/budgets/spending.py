"""Where budgets stand: what is spent, what is reserved, how fast it goes. Pure.

What has ended costs what it cost. Of what is live, what it has burnt so far is spent, and what it is
predicted to burn from now on is reserved.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from governance.budgets.budget import Amount, BudgetState, ByScope, Spender
from governance.budgets.policy import Budget
from governance.periods import day_of, midnight

WINDOW_DAYS = 7  #: over which the usual spending of a day is averaged
_HOUR = dt.timedelta(hours=1)
_NONE = Amount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """A stretch of time in which an attempt costs the same every hour."""

    start: dt.datetime
    end: dt.datetime
    usd_per_hour: Decimal
    gpus: int
    is_entered: bool = False  #: the ledger has it already

    def since(self, at: dt.datetime) -> Amount:
        """What it has cost, as far as that was later than `at`."""
        hours = (self.end - max(self.start, at)) / _HOUR
        if hours <= 0:
            return _NONE
        return Amount(usd=self.usd_per_hour * Decimal(repr(hours)), gpu_hours=self.gpus * hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAttempt:
    """An attempt that was admitted and has not ended."""

    spender: Spender
    burns: tuple[Burn, ...] = ()  #: so far, in order; none until it has started
    usd: Decimal | None = None  #: predicted when it was admitted; None: nobody could tell
    gpu_hours: float | None = None

    def burnt(self, since: dt.datetime) -> Amount:
        """What it has cost since then."""
        return sum((burn.since(since) for burn in self.burns), _NONE)

    def unentered(self, since: dt.datetime) -> Amount:
        """What of that the ledger does not have."""
        return sum((burn.since(since) for burn in self.burns if not burn.is_entered), _NONE)

    @property
    def predicted(self) -> Amount:
        """What is reserved for it in all."""
        return Amount(usd=self.usd or Decimal(0), gpu_hours=self.gpu_hours or 0.0)

    @property
    def rate(self) -> Amount:
        """What it costs in an hour now."""
        if not self.burns:
            return _NONE
        return Amount(usd=self.burns[-1].usd_per_hour, gpu_hours=float(self.burns[-1].gpus))


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpending:
    """What somebody's attempts that have ended cost on one day."""

    day: dt.date
    spender: Spender
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What the ledger has for one budget."""

    in_period: Amount = _NONE
    in_window: Amount = _NONE  #: of the last `WINDOW_DAYS`


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPosition:
    """Where one budget stands."""

    budget: Budget
    at: dt.datetime
    spent: Amount  #: in this period, what live attempts have burnt included
    reserved: Amount  #: what live attempts are predicted to burn from now on
    overrun: Amount  #: what is spent, less what live attempts burnt of their reservations
    live: int = 0  #: attempts
    unpredicted: int = 0  #: of them, whose cost nobody could predict
    hourly: Amount = _NONE  #: what live attempts cost now
    daily: Amount = _NONE  #: usual spending of a day, of the last `WINDOW_DAYS`

    @property
    def begins(self) -> dt.date:
        """First day of the period."""
        return self.budget.period.begins(day_of(self.at))

    @property
    def renews_at(self) -> dt.datetime | None:
        """When all of it may be spent anew; None: never."""
        day = self.budget.period.renews(day_of(self.at))
        return None if day is None else midnight(day)

    @property
    def left_usd(self) -> Decimal | None:
        """Of the limit after what is spent; below 0 when more is."""
        limit = self.budget.max_usd
        return None if limit is None else limit - self.spent.usd

    @property
    def left_gpu_hours(self) -> float | None:
        """Likewise."""
        limit = self.budget.max_gpu_hours
        return None if limit is None else limit - self.spent.gpu_hours

    @property
    def share(self) -> float:
        """How much of the limit is spent, 1 is all; of both limits the greater one."""
        shares = [0.0]
        if self.budget.max_usd is not None:
            shares.append(_share(float(self.spent.usd), float(self.budget.max_usd)))
        if self.budget.max_gpu_hours is not None:
            shares.append(_share(self.spent.gpu_hours, self.budget.max_gpu_hours))
        return max(shares)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.share >= 1

    @property
    def crossed(self) -> tuple[float, ...]:
        """Shares of the limit that are to be told and have been reached."""
        return tuple(share for share in self.budget.warn_at if self.share >= share)

    @property
    def runs_out_at(self) -> dt.datetime | None:
        """When all is spent if it goes on like this; None: not in this period, or already."""
        if self.is_spent:
            return None
        rate = (
            self.hourly
            if self.live
            else Amount(usd=self.daily.usd / 24, gpu_hours=self.daily.gpu_hours / 24)
        )
        hours: list[float] = []
        if self.left_usd is not None and rate.usd > 0:
            hours.append(float(self.left_usd / rate.usd))
        if self.left_gpu_hours is not None and rate.gpu_hours > 0:
            hours.append(self.left_gpu_hours / rate.gpu_hours)
        if not hours or min(hours) > _FAR_HOURS:
            return None
        at = self.at + min(hours) * _HOUR
        return at if self.renews_at is None or at < self.renews_at else None

    def state(self) -> BudgetState:
        """As a scheduler needs it, which subtracts the reservations of live attempts itself."""
        budget = self.budget
        return BudgetState(
            name=budget.name,
            scope=budget.scope,
            left_usd=None if budget.max_usd is None else budget.max_usd - self.overrun.usd,
            left_gpu_hours=None
            if budget.max_gpu_hours is None
            else budget.max_gpu_hours - self.overrun.gpu_hours,
            renews_at=self.renews_at,
        )


_FAR_HOURS = 24 * 365 * 100


def positions(
    budgets: Iterable[Budget],
    *,
    closed: Mapping[str, Closed],
    ended: Iterable[DaySpending],
    live: Sequence[LiveAttempt],
    now: dt.datetime,
) -> list[BudgetPosition]:
    """Where budgets stand.

    Args:
        closed: By name of a budget, what the ledger has for it.
        ended: What attempts that have ended cost on days that the ledger has not.
        live: Every live attempt that was admitted.
    """
    tallies = [_Tally(budget, closed.get(budget.name) or Closed(), now) for budget in budgets]
    by_scope = ByScope([(tally.budget.scope, tally) for tally in tallies])
    for one in ended:
        for tally in by_scope.covering(one.spender):
            tally.add_ended(one)
    for attempt in live:
        covering = by_scope.covering(attempt.spender)
        if covering:
            whole = attempt.burnt(_EVER)
            for tally in covering:
                tally.add_live(attempt, whole)
    return [tally.position() for tally in tallies]


_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(slots=True)
class _Tally:
    """One budget while everything is added up."""

    budget: Budget
    closed: Closed
    now: dt.datetime
    begins: dt.datetime = field(init=False)
    spent: Amount = field(init=False)
    window: Amount = field(init=False)
    reserved: Amount = _NONE
    within: Amount = _NONE  # of reservations, what was burnt
    hourly: Amount = _NONE
    live: int = 0
    unpredicted: int = 0

    def __post_init__(self) -> None:
        self.begins = midnight(self.budget.period.begins(day_of(self.now)))
        self.spent, self.window = self.closed.in_period, self.closed.in_window

    def add_ended(self, one: DaySpending) -> None:
        if one.day >= self.begins.date():
            self.spent += one.amount
        if one.day > self.now.date() - dt.timedelta(days=WINDOW_DAYS):
            self.window += one.amount

    def add_live(self, attempt: LiveAttempt, whole: Amount) -> None:
        is_simple = len(attempt.burns) == 1 and not attempt.burns[0].is_entered
        is_within = is_simple and attempt.burns[0].start >= self.begins
        self.spent += whole if is_within else attempt.unentered(self.begins)
        self.window += whole if is_simple else attempt.unentered(_EVER)
        predicted = attempt.predicted
        self.reserved += (predicted - whole).at_least(_NONE)
        self.within += predicted.at_most(whole)
        self.hourly += attempt.rate
        self.live += 1
        is_unknown = (self.budget.max_usd is not None and attempt.usd is None) or (
            self.budget.max_gpu_hours is not None and attempt.gpu_hours is None
        )
        self.unpredicted += is_unknown

    def position(self) -> BudgetPosition:
        return BudgetPosition(
            budget=self.budget,
            at=self.now,
            spent=self.spent,
            reserved=self.reserved,
            overrun=self.spent - self.within,
            live=self.live,
            unpredicted=self.unpredicted,
            hourly=self.hourly,
            daily=Amount(
                usd=self.window.usd / WINDOW_DAYS, gpu_hours=self.window.gpu_hours / WINDOW_DAYS
            ),
        )


def _share(spent: float, limit: float) -> float:
    """Of nothing everything is spent from the beginning."""
    return spent / limit if limit > 0 else 1.0
