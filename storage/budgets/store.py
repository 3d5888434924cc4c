"""Where budgets stand: the ledger's closed days, and since then the attempts themselves."""

import datetime as dt
import time
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg

from governance.budgets.budget import Amount, BudgetState, Spender
from governance.budgets.held import Segment, cut
from governance.budgets.policy import BUDGETS, Budget
from governance.budgets.spending import (
    WINDOW_DAYS,
    BudgetPosition,
    Burn,
    Closed,
    DaySpending,
    LiveAttempt,
    positions,
)
from governance.cost.price_file import PRICES
from governance.cost.prices import PriceBook
from governance.periods import BEGINNING, day_of, midnight
from storage import queries
from storage.database import Pool, snapshot
from storage.policy_store import PolicyStore
from storage.sweeps.facts import AttemptFacts, SweepFacts, SweepFactsCache
from sweeps.ids import SweepId

_QUERIES = queries.load("budgets")
_DAY = dt.timedelta(days=1)
_KEPT_SECONDS, _MOST_KEPT = 60.0, 50  # of sums of closed days, which seldom change
Connection = psycopg.Connection[tuple[Any, ...]]


class BudgetStore:
    """Budgets of the policy, and those of sweeps whose own files limit them.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies
        self._facts = SweepFactsCache()
        self._closed: dict[tuple[object, ...], tuple[float, dict[str, Closed]]] = {}

    def states(self, connection: Connection, *, now: dt.datetime) -> list[BudgetState]:
        """Every budget at whose limit nothing new starts, for a scheduler's pass.

        Args:
            connection: In whose transaction: what others admit must not change meanwhile.
        """
        budgets = [one for one in (*self._policy(), *self._own(connection)) if one.stops]
        return [one.state() for one in self._positions(connection, budgets, now=now)]

    def all_positions(self, *, now: dt.datetime) -> list[BudgetPosition]:
        """Where all budgets of the policy stand, and those of open sweeps' own."""
        with snapshot(self._pool) as connection:
            budgets = [*self._policy(), *self._own(connection)]
            return self._positions(connection, budgets, now=now)

    def positions(self, *, tenant: str | None, now: dt.datetime) -> list[BudgetPosition]:
        """Where budgets of the policy stand, in its order.

        Args:
            tenant: Only what may cover sweeps of this one; None: all.
        """
        budgets = [one for one in self._policy() if tenant in {None, one.scope.tenant or tenant}]
        with snapshot(self._pool) as connection:
            if tenant is not None:
                budgets = self._of_own_sweeps(connection, budgets, tenant)
            return self._positions(connection, budgets, now=now)

    def of_sweep(self, sweep_id: SweepId, *, now: dt.datetime) -> list[BudgetPosition]:
        """Where every budget stands that covers a sweep, its own one first; none: no such sweep."""
        with snapshot(self._pool) as connection:
            facts = self._facts.of(connection, [sweep_id]).get(sweep_id)
            if facts is None:
                return []
            return self.covering(connection, facts, now=now)

    def covering(
        self, connection: Connection, facts: SweepFacts, *, now: dt.datetime
    ) -> list[BudgetPosition]:
        """The same, of a sweep that need not be there yet."""
        own = [] if facts.budget is None else [facts.budget]
        return self.of_spender(connection, facts.spender, own=own, now=now)

    def of_spender(
        self,
        connection: Connection,
        spender: Spender,
        *,
        own: Sequence[Budget] = (),
        now: dt.datetime,
    ) -> list[BudgetPosition]:
        """Where budgets of the policy stand that cover somebody, after those of their own."""
        names = spender.names()
        budgets = [one for one in self._policy() if one.scope.covers(**names)]
        return self._positions(connection, [*own, *budgets], now=now)

    @property
    def book(self) -> PriceBook:
        """Prices as they hold now."""
        return self._policies.current(PRICES).value

    def facts(self, connection: Connection, sweep_id: SweepId) -> SweepFacts | None:
        """What a sweep asks for; None: there is no such sweep."""
        return self._facts.of(connection, [sweep_id]).get(sweep_id)

    def _policy(self) -> Sequence[Budget]:
        return self._policies.current(BUDGETS).value.budgets

    def _own(self, connection: Connection) -> list[Budget]:
        """What the files of open sweeps let them spend."""
        rows = connection.execute(_QUERIES["open_sweeps"])
        facts = self._facts.of(connection, [row[0] for row in rows])
        return [one.budget for one in facts.values() if one.budget is not None]

    def _of_own_sweeps(
        self, connection: Connection, budgets: Sequence[Budget], tenant: str
    ) -> list[Budget]:
        """Without those for single sweeps of other tenants."""
        named = [one.scope.sweep_id for one in budgets if one.scope.sweep_id is not None]
        facts = self._facts.of(connection, named)
        own = {name for name, one in facts.items() if one.spender.tenant == tenant}
        return [one for one in budgets if one.scope.sweep_id is None or one.scope.sweep_id in own]

    def _positions(
        self, connection: Connection, budgets: Sequence[Budget], *, now: dt.datetime
    ) -> list[BudgetPosition]:
        if not budgets:
            return []
        # Where every statement sees another moment: what moves on meanwhile, from live to ended to
        # the ledger, is counted twice for once, and never not at all.
        attempts = _Attempts(connection, self._facts, self.book, budgets, now=now)
        live = attempts.live()
        ended = attempts.ended()
        closed = self._closed_spending(connection, budgets, attempts.closed, now=now)
        return positions(budgets, closed=closed, ended=ended, live=live, now=now)

    def _closed_spending(
        self,
        connection: Connection,
        budgets: Sequence[Budget],
        days: Sequence[dt.date],
        *,
        now: dt.datetime,
    ) -> dict[str, Closed]:
        """What the ledger has for each budget: kept for a minute, unless another day is closed."""
        key = (tuple(budgets), tuple(days), day_of(now))
        known = self._closed.get(key)
        if known is not None and time.monotonic() - known[0] < _KEPT_SECONDS:
            return known[1]
        found = closed_spending(connection, budgets, now=now)
        if len(self._closed) >= _MOST_KEPT:
            self._closed.clear()
        self._closed[key] = (time.monotonic(), found)
        return found


def closed_spending(
    connection: Connection, budgets: Sequence[Budget], *, now: dt.datetime
) -> dict[str, Closed]:
    """By name of a budget, what the ledger has for it."""
    groups: dict[str, list[Budget]] = {}
    for budget in budgets:
        scope = budget.scope
        kind = "sweeps" if scope.sweep_id else "tenants" if scope.tenant else "all"
        groups.setdefault(kind, []).append(budget)
    today = day_of(now)
    found: dict[str, Closed] = {}
    for kind, group in groups.items():
        parameters = {
            "names": [one.name for one in group],
            "sweeps": [one.scope.sweep_id for one in group],
            "tenants": [one.scope.tenant for one in group],
            "experiments": [one.scope.experiment for one in group],
            "evaluations": [one.scope.evaluations for one in group],
            "users": [one.scope.user for one in group],
            "begins": [one.period.begins(today) for one in group],
            "window": today - WINDOW_DAYS * _DAY + _DAY,
            "today": today,
        }
        for name, usd, hours, lately_usd, lately_hours in connection.execute(
            _QUERIES[f"closed_of_{kind}"], parameters
        ):
            found[name] = Closed(
                in_period=Amount(usd=usd, gpu_hours=hours),
                in_window=Amount(usd=lately_usd, gpu_hours=lately_hours),
            )
    return found


class _Attempts:
    """What attempts cost on days that the ledger does not have."""

    def __init__(
        self,
        connection: Connection,
        facts: SweepFactsCache,
        book: PriceBook,
        budgets: Sequence[Budget],
        *,
        now: dt.datetime,
    ) -> None:
        self._connection = connection
        self._facts = facts
        self._book = book
        self._now = now
        today = day_of(now)
        rows = connection.execute(_QUERIES["closed_days"], {"today": today})
        self.closed: list[dt.date] = [row[0] for row in rows]  # in order
        self._cuts = [
            *book.changes,
            midnight(today - WINDOW_DAYS * _DAY + _DAY),
            *(midnight(one.period.begins(today)) for one in budgets),
        ]
        # A few rows of one tenant or sweep are all that a budget of theirs asks about.
        tenants = {one.scope.tenant for one in budgets}
        sweeps = {one.scope.sweep_id for one in budgets}
        self._narrow = {
            "tenant_id": next(iter(tenants)) if len(tenants) == 1 else None,
            "sweep_id": next(iter(sweeps)) if len(sweeps) == 1 else None,
        }
        self._gaps = _gaps(self.closed, now)
        self._edges = [edge for gap in self._gaps for edge in (gap.start, gap.end)]
        self._rates: dict[tuple[Any, ...], tuple[Decimal, int]] = {}

    def ended(self) -> list[DaySpending]:
        """Of those that have ended."""
        segments = [part for gap in self._gaps for part in cut(gap.start, gap.end, self._cuts)]
        rows = self._connection.execute(
            _QUERIES["held_in_segments"],
            {
                "starts": [one.start for one in segments],
                "ends": [one.end for one in segments],
                **self._narrow,
            },
        ).fetchall()
        facts = self._facts.of_spenders(self._connection, {row[1] for row in rows})
        return [
            DaySpending(
                day=day_of(start),
                spender=facts[name].spender,
                amount=facts[name]
                .held(gpus=gpus, gpu_model=model, capacity=capacity, region=region)
                .cost(self._book, start, microseconds=microseconds),
            )
            for start, name, gpus, model, capacity, region, microseconds in rows
        ]

    def live(self) -> list[LiveAttempt]:
        """Of those that go on; and what is reserved for them."""
        rows = self._connection.execute(_QUERIES["live_attempts"], self._narrow).fetchall()
        facts = self._facts.of_spenders(self._connection, {row[0] for row in rows})
        return [
            LiveAttempt(
                spender=facts[name].spender,
                burns=()
                if began is None
                else self._burns(name, facts[name], began, tuple(machine)),
                usd=usd,
                gpu_hours=hours,
            )
            for name, began, *machine, usd, hours in rows
        ]

    def _burns(
        self, name: str, facts: AttemptFacts, began: dt.datetime, machine: tuple[Any, ...]
    ) -> tuple[Burn, ...]:
        found: list[Burn] = []
        for part in cut(began, self._now, [*self._book.changes, *self._edges]):
            rate, gpus = self._rate(name, facts, machine, part.start)
            found.append(
                Burn(
                    start=part.start,
                    end=part.end,
                    usd_per_hour=rate,
                    gpus=gpus,
                    is_entered=not any(gap.start <= part.start < gap.end for gap in self._gaps),
                )
            )
        return tuple(found)

    def _rate(
        self, name: str, facts: AttemptFacts, machine: tuple[Any, ...], at: dt.datetime
    ) -> tuple[Decimal, int]:
        key = (name, machine, bisect_right(self._book.changes, at))
        if key not in self._rates:
            gpus, model, capacity, region = machine
            held = facts.held(gpus=gpus, gpu_model=model, capacity=capacity, region=region)
            self._rates[key] = (held.usd_per_hour(self._book, at) or Decimal(0), held.gpus)
        return self._rates[key]


def _gaps(closed: Sequence[dt.date], now: dt.datetime) -> list[Segment]:
    """Stretches of time up to now that the ledger does not have.

    Args:
        closed: Days that it has, in order.
    """
    gaps: list[Segment] = []
    begins = midnight(BEGINNING)
    for day in closed:
        if midnight(day) > begins:
            gaps.append(Segment(begins, midnight(day)))
        begins = midnight(day + _DAY)
    if begins < now:
        gaps.append(Segment(begins, now))
    return gaps
