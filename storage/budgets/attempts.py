"""What attempts cost on days that the ledger does not have, and what is reserved for live ones."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg

from governance.budgets.held import Rate
from governance.budgets.policy import Budget
from governance.budgets.spending import WINDOW_DAYS
from governance.budgets.tallies import Account, Accounts
from governance.cost.prices import PriceBook
from governance.periods import BEGINNING, day_of, midnight
from storage import queries
from storage.budgets.closed import LedgerState
from storage.sweeps.facts import AttemptFacts, SweepFactsCache

_QUERIES = queries.load("budgets")
_MICROSECOND = dt.timedelta(microseconds=1)
_NOTHING = Decimal(0)
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose attempts it is enough to look at: those of one tenant or sweep are few. None: of all."""

    tenant_id: str | None = None
    sweep_id: str | None = None

    @classmethod
    def covered_by(cls, budgets: Iterable[Budget], *, tenant: str | None) -> "Whose":
        """All that budgets may cover.

        Args:
            tenant: Whose the sweeps are that budgets name; None: of several.
        """
        tenants = {one.scope.tenant or (tenant if one.scope.sweep_id else None) for one in budgets}
        sweeps = {one.scope.sweep_id for one in budgets}
        return cls(
            tenant_id=next(iter(tenants)) if len(tenants) == 1 else None,
            sweep_id=next(iter(sweeps)) if len(sweeps) == 1 else None,
        )

    @property
    def is_everybody(self) -> bool:
        """Whether all are."""
        return self.tenant_id is None and self.sweep_id is None

    def parameters(self) -> dict[str, object]:
        """As the queries take it."""
        return {"tenant_id": self.tenant_id, "sweep_id": self.sweep_id}


class _Stretch(NamedTuple):
    """A stretch of time within which prices stay the same, and no period begins; half-open."""

    place: int
    start: dt.datetime
    end: dt.datetime
    is_missing: bool  #: in the ledger


class Attempts:
    """One look at them.

    Args:
        budgets: Whose periods matter.
        ledger: What it has is not counted.
    """

    def __init__(
        self,
        connection: Connection,
        facts: SweepFactsCache,
        book: PriceBook,
        budgets: Iterable[Budget],
        ledger: LedgerState,
        *,
        of: Whose,
        now: dt.datetime,
    ) -> None:
        self._connection = connection
        self._facts = facts
        self._book = book
        self._of = of
        gaps = ledger.gaps(now)
        self._last_gap = gaps[-1][0] if gaps else None
        self._stretches = _stretches(gaps, book, budgets, now)
        self._accounts = Accounts()
        self._groups: dict[tuple[str, int, str, str, str], _Group] = {}
        self._rates: dict[tuple[object, ...], list[Rate]] = {}

    def accounts(self) -> Accounts:
        """What everybody has spent and holds.

        Live ones first: where every statement sees another moment, who ends in between is counted
        twice for once, and never not at all.
        """
        with self._connection.pipeline():
            live = self._ask("live_attempts", "live_of_some", {})
            # The database sends them, and looks for the others while these are counted here.
            self._connection.pgconn.send_flush_request()
            missing = [one for one in self._stretches if one.is_missing]
            columns: dict[str, object] = {
                "places": [one.place for one in missing],
                "starts": [one.start for one in missing],
                "ends": [one.end for one in missing],
                "last_gap": self._last_gap,
            }
            ended = self._ask("held_in_stretches", "held_by_some", columns)
            self._count_live(live.fetchall())
            self._count_ended(ended.fetchall())
        days = [(one.place, day_of(one.start)) for one in missing]
        for group in self._groups.values():
            group.settle(days)
        return self._accounts

    def _ask(
        self, of_all: str, of_some: str, parameters: Mapping[str, object]
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        query = _QUERIES[of_all if self._of.is_everybody else of_some]
        return self._connection.execute(query, {**parameters, **self._of.parameters()})

    def _count_live(self, rows: Sequence[tuple[Any, ...]]) -> None:
        facts = self._facts.of_spenders(self._connection, {row[0] for row in rows})
        latest = self._stretches[::-1]
        for name, began, gpus, model, capacity, region, usd, hours in rows:
            key = (name, gpus, model, capacity, region)
            group = self._groups.get(key) or self._group(facts[name], key)
            group.hold(latest, began, usd, hours)

    def _count_ended(self, rows: Sequence[tuple[Any, ...]]) -> None:
        facts = self._facts.of_spenders(self._connection, {row[1] for row in rows})
        for place, name, gpus, model, capacity, region, microseconds in rows:
            key = (name, gpus, model, capacity, region)
            group = self._groups.get(key) or self._group(facts[name], key)
            group.held[place] += microseconds

    def _group(self, facts: AttemptFacts, key: tuple[str, int, str, str, str]) -> "_Group":
        _, gpus, model, capacity, region = key
        # Of the machines of an installation few are different.
        kind = (gpus or facts.gpus, facts.cores, facts.memory_bytes, model, capacity, region)
        rates = self._rates.get(kind)
        if rates is None:
            held = facts.held(gpus=gpus, gpu_model=model, capacity=capacity, region=region)
            rates = [held.rate(self._book, one.start) for one in self._stretches]
            self._rates[kind] = rates
        group = self._groups[key] = _Group(self._accounts.of(facts.spender), rates)
        return group


class _Group:
    """Attempts of one sweep, or of one rerun, on machines of one kind."""

    __slots__ = ("account", "begun", "held", "rates")

    def __init__(self, account: Account, rates: Sequence[Rate]) -> None:
        self.account = account
        self.rates = rates  #: in each stretch
        self.held = [0] * len(rates)  #: microseconds in each, of all together
        self.begun = 0  #: live ones

    def hold(
        self,
        latest: Sequence[_Stretch],
        began: dt.datetime | None,
        usd: Decimal | None,
        hours: float | None,
    ) -> None:
        """Count a live attempt.

        Args:
            latest: All stretches, the last one first.
        """
        burnt_usd, burnt_hours = _NOTHING, 0.0
        if began is not None:
            self.begun += 1
            for place, start, end, _ in latest:
                is_first = start <= began
                held = (end - (began if is_first else start)) // _MICROSECOND
                if held > 0:  # it may have begun after the moment that is asked about
                    rate = self.rates[place]
                    burnt_usd += rate.usd(held)
                    burnt_hours += rate.gpu_hours(held)
                    self.held[place] += held
                if is_first:
                    break
        self.account.hold(burnt_usd, burnt_hours, usd, hours)

    def settle(self, missing: Sequence[tuple[int, dt.date]]) -> None:
        """Spend what they cost together.

        Args:
            missing: Places and days of the stretches that the ledger does not have.
        """
        for place, day in missing:
            if held := self.held[place]:
                rate = self.rates[place]
                self.account.spend(day, rate.usd(held), rate.gpu_hours(held))
        if self.begun:
            rate = self.rates[-1]
            self.account.burn(rate.usd_per_hour * self.begun, rate.gpus * self.begun)


def _stretches(
    gaps: Sequence[tuple[dt.datetime, dt.datetime]],
    book: PriceBook,
    budgets: Iterable[Budget],
    now: dt.datetime,
) -> list[_Stretch]:
    """All of the time up to now, in order."""
    today = day_of(now)
    begins = {midnight(period.begins(today)) for period in {one.period for one in budgets}}
    window = midnight(today - dt.timedelta(days=WINDOW_DAYS - 1))
    edges = {edge for gap in gaps for edge in gap}
    first = midnight(BEGINNING)
    cuts = {at for at in {*edges, *begins, window, *book.changes} if first < at < now}
    return [
        _Stretch(place, start, end, any(low <= start < high for low, high in gaps))
        for place, (start, end) in enumerate(pairwise([first, *sorted(cuts), now]))
    ]
