"""Everything that anybody spends, added up for each budget that covers it. Pure.

A pass of the scheduler does that for thousands of live attempts. So they are added up by who spends
first, as numbers, and of these a budget takes what it is asked for.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal

from governance.budgets.budget import Amount, BudgetState, ByScope, Spender
from governance.budgets.policy import Budget
from governance.budgets.spending import WINDOW_DAYS, BudgetPosition, Closed
from governance.cost.entries import DECIMALS
from governance.periods import Period, day_of, midnight

_NOTHING = Decimal(0)


class Account:
    """What one spender has spent on days that the ledger does not have, and holds."""

    # Of the class, since few of what a pass makes hundreds of have all of it.
    reserved_usd = within_usd = hourly_usd = _NOTHING
    reserved_hours = within_hours = hourly_gpus = 0.0
    live = unknown_usd = unknown_hours = unknown_both = 0

    def __init__(self) -> None:
        self.days: dict[dt.date, tuple[Decimal, float]] = {}

    def spend(self, day: dt.date, usd: Decimal, gpu_hours: float) -> None:
        """Count what attempts have cost, or what live ones have so far.

        Args:
            day: In which a stretch of time begins; within it no period of a budget does, nor the
                last `WINDOW_DAYS`.
        """
        known_usd, known_hours = self.days.get(day, (_NOTHING, 0.0))
        self.days[day] = (known_usd + usd, known_hours + gpu_hours)

    def hold(
        self,
        burnt_usd: Decimal,
        burnt_hours: float,
        usd: Decimal | None,
        gpu_hours: float | None,
    ) -> None:
        """Count an attempt that was admitted and has not ended.

        Args:
            burnt_usd, burnt_hours: What it has cost since it began, which `spend` counts as well.
            usd, gpu_hours: Predicted when it was admitted; None: nobody could tell.
        """
        self.live += 1
        if usd is None:
            self.unknown_usd += 1
            self.unknown_both += gpu_hours is None
        elif usd > burnt_usd:
            self.within_usd += burnt_usd
            self.reserved_usd += usd - burnt_usd
        else:
            self.within_usd += usd
        if gpu_hours is None:
            self.unknown_hours += 1
        elif gpu_hours > burnt_hours:
            self.within_hours += burnt_hours
            self.reserved_hours += gpu_hours - burnt_hours
        else:
            self.within_hours += gpu_hours

    def burn(self, usd_per_hour: Decimal, gpus: int) -> None:
        """Count what live attempts cost in an hour now."""
        self.hourly_usd += usd_per_hour
        self.hourly_gpus += gpus


class Accounts:
    """Of everybody who spends."""

    def __init__(self) -> None:
        self.by_spender: dict[Spender, Account] = {}

    def of(self, spender: Spender) -> Account:
        """Theirs, which is empty at first."""
        found = self.by_spender.get(spender)
        if found is None:
            found = self.by_spender[spender] = Account()
        return found


def positions(
    budgets: Iterable[Budget],
    accounts: Accounts,
    *,
    closed: Mapping[str, Closed],
    now: dt.datetime,
) -> list[BudgetPosition]:
    """Where budgets stand.

    Args:
        closed: By name of a budget, what the ledger has for it.
    """
    return [tally.position(now) for tally in _tallies(budgets, accounts, closed, now)]


def states(
    budgets: Iterable[Budget],
    accounts: Accounts,
    *,
    closed: Mapping[str, Closed],
    now: dt.datetime,
) -> list[BudgetState]:
    """The same as a scheduler needs it, which subtracts the reservations of live attempts itself."""
    return [tally.state() for tally in _tallies(budgets, accounts, closed, now)]


def _tallies(
    budgets: Iterable[Budget], accounts: Accounts, closed: Mapping[str, Closed], now: dt.datetime
) -> "list[_Tally]":
    today = day_of(now)
    times = {period: _Times(period, today) for period in Period}
    tallies = [_Tally(one, closed.get(one.name) or Closed(), times[one.period]) for one in budgets]
    by_scope = ByScope([(tally.budget.scope, tally.accounts) for tally in tallies])
    for spender, account in accounts.by_spender.items():
        for covering in by_scope.covering(spender):
            covering.append(account)
    return tallies


class _Times:
    """When the present period of a kind begins and ends, and the last days do."""

    def __init__(self, period: Period, today: dt.date) -> None:
        self.begins = period.begins(today)
        renews = period.renews(today)
        self.renews_at = None if renews is None else midnight(renews)
        self.window = today - dt.timedelta(days=WINDOW_DAYS - 1)


class _Tally:
    """One budget, and whom it covers."""

    __slots__ = ("accounts", "budget", "closed", "times")

    def __init__(self, budget: Budget, closed: Closed, times: _Times) -> None:
        self.budget = budget
        self.closed = closed
        self.times = times
        self.accounts: list[Account] = []

    def spent(self, since: dt.date, closed: Amount) -> tuple[Decimal, float]:
        """Dollars and GPU-hours, with what the ledger has."""
        usd, hours = closed.usd, closed.gpu_hours
        for account in self.accounts:
            for day, (more_usd, more_hours) in account.days.items():
                if day >= since:
                    usd += more_usd
                    hours += more_hours
        return usd, hours

    def state(self) -> BudgetState:
        budget = self.budget
        usd, hours = self.spent(self.times.begins, self.closed.in_period)
        left_usd = left_hours = None
        if budget.max_usd is not None:
            within = sum([one.within_usd for one in self.accounts], _NOTHING)
            # As exact as the ledger: what was cut off of thirds of a cent keeps nobody from starting.
            left_usd = round(budget.max_usd - (usd - within), DECIMALS)
        if budget.max_gpu_hours is not None:
            left_hours = budget.max_gpu_hours - (
                hours - sum([one.within_hours for one in self.accounts])
            )
        return BudgetState(
            name=budget.name,
            scope=budget.scope,
            left_usd=left_usd,
            left_gpu_hours=left_hours,
            renews_at=self.times.renews_at,
        )

    def position(self, now: dt.datetime) -> BudgetPosition:
        accounts = self.accounts
        usd, hours = self.spent(self.times.begins, self.closed.in_period)
        lately_usd, lately_hours = self.spent(self.times.window, self.closed.in_window)
        return BudgetPosition(
            budget=self.budget,
            at=now,
            spent=Amount(usd=usd, gpu_hours=hours),
            reserved=Amount(
                usd=sum([one.reserved_usd for one in accounts], _NOTHING),
                gpu_hours=sum([one.reserved_hours for one in accounts]),
            ),
            live=sum([one.live for one in accounts]),
            unpredicted=self._unpredicted(),
            hourly=Amount(
                usd=sum([one.hourly_usd for one in accounts], _NOTHING),
                gpu_hours=sum([one.hourly_gpus for one in accounts]),
            ),
            daily=Amount(usd=lately_usd / WINDOW_DAYS, gpu_hours=lately_hours / WINDOW_DAYS),
        )

    def _unpredicted(self) -> int:
        """Live attempts of which this budget would have to know more."""
        limits_usd = self.budget.max_usd is not None
        limits_hours = self.budget.max_gpu_hours is not None
        return sum(
            one.unknown_usd * limits_usd
            + one.unknown_hours * limits_hours
            - one.unknown_both * (limits_usd and limits_hours)
            for one in self.accounts
        )
