"""What the ledger has for budgets, on days that it has to their end: summed once, and kept.

Sums are kept with the state of the ledger that they are of, so that none of them is ever used after a
day was closed, reopened or written anew, whoever did that.
"""

import datetime as dt
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg

from governance.budgets.budget import Amount, BudgetScope
from governance.budgets.policy import Budget
from governance.budgets.spending import WINDOW_DAYS, Closed
from governance.periods import BEGINNING, Period, midnight
from storage import queries
from storage.database import Pool, transaction

_QUERIES = queries.load("budgets")
_MOST_NEW = 100  # looks whose sums wait to be written
_FEW = 20  # sums that are asked for by name: of more it is quicker to read all
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """Which days the ledger has to their end before some day."""

    stretches: tuple[tuple[dt.date, dt.date], ...]  #: half-open, in order, none touches another one
    digest: str  #: another one whenever any of these days was summed anew

    def gaps(self, now: dt.datetime) -> list[tuple[dt.datetime, dt.datetime]]:
        """Stretches of time up to now that the ledger does not have, half-open, in order."""
        found: list[tuple[dt.datetime, dt.datetime]] = []
        begins = midnight(BEGINNING)
        for first, after in self.stretches:
            if begins < midnight(first):
                found.append((begins, midnight(first)))
            begins = midnight(after)
        if begins < now:
            found.append((begins, now))
        return found


class ClosedSums:
    """Sums over closed days. Every method raises `StorageUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        #: New ones, each with the state of the ledger: whoever asked holds a connection, and may be
        #: only reading, or come to nothing. What does not fit is summed again.
        self._new: deque[tuple[str, Mapping[str, Amount]]] = deque(maxlen=_MOST_NEW)

    def of(
        self,
        connection: Connection,
        budgets: Iterable[Budget],
        ledger: LedgerState,
        *,
        today: dt.date,
        is_paced: bool,
    ) -> dict[str, Closed]:
        """By name of a budget.

        Args:
            connection: Where `ledger` was read: what is not kept yet is summed there.
            is_paced: Whether what was spent lately is wanted as well.
        """
        window = today - dt.timedelta(days=WINDOW_DAYS - 1)
        first_days = {period: period.begins(today) for period in Period}
        wanted: dict[str, tuple[BudgetScope, dt.date]] = {}
        keys: list[tuple[str, str, str | None]] = []  # of a budget: its period, its last days
        for one in budgets:
            in_period, lately = first_days[one.period], None
            key = _key(one.scope, in_period)
            wanted[key] = (one.scope, in_period)
            if is_paced:
                lately = _key(one.scope, window)
                wanted[lately] = (one.scope, window)
            keys.append((one.name, key, lately))
        sums = self._sums(connection, wanted, ledger, today)
        nothing = Amount()
        return {
            name: Closed(in_period=sums[key], in_window=nothing if lately is None else sums[lately])
            for name, key, lately in keys
        }

    def _sums(
        self,
        connection: Connection,
        wanted: Mapping[str, tuple[BudgetScope, dt.date]],
        ledger: LedgerState,
        today: dt.date,
    ) -> Mapping[str, Amount]:
        scopes = list(wanted) if len(wanted) <= _FEW else None
        rows = connection.execute(
            _QUERIES["known_sums"], {"ledger": ledger.digest, "scopes": scopes}
        )
        found = {key: Amount(usd=usd, gpu_hours=hours) for key, usd, hours in rows}
        missing = [key for key in wanted if key not in found]
        if missing:
            amounts = sums_of_closed_days(connection, [wanted[key] for key in missing], today=today)
            new = dict(zip(missing, amounts, strict=True))
            self._new.append((ledger.digest, new))
            found.update(new)
        return found

    def keep(self) -> None:
        """Write down what was summed since the last time; for a caller who holds no connection."""
        while self._new:
            try:
                ledger, sums = self._new.popleft()
            except IndexError:  # another thread has taken it
                return
            parameters = {
                "ledger": ledger,
                "scopes": list(sums),
                "usds": [amount.usd for amount in sums.values()],
                "hours": [amount.gpu_hours for amount in sums.values()],
            }
            with transaction(self._pool) as connection:
                connection.execute(_QUERIES["keep_sums"], parameters)
                connection.execute(_QUERIES["forget_sums"], {"ledger": ledger})


def ledger_state(connection: Connection, *, today: dt.date) -> LedgerState:
    """Of the days before `today`."""
    row = connection.execute(_QUERIES["ledger_state"], {"today": today}).fetchone()
    assert row is not None  # an aggregate always gives one
    stretches = tuple((one.lower, one.upper) for one in row[0] or ())
    return LedgerState(stretches=stretches, digest=row[1])


def sums_of_closed_days(
    connection: Connection, wanted: Sequence[tuple[BudgetScope, dt.date]], *, today: dt.date
) -> list[Amount]:
    """What each scope spent from a day on, on closed days before `today`."""
    groups: dict[str, list[int]] = {}
    for place, (scope, _) in enumerate(wanted):
        kind = "sweeps" if scope.sweep_id else "tenants" if scope.tenant else "all"
        groups.setdefault(kind, []).append(place)
    found = [Amount()] * len(wanted)
    for kind, places in groups.items():
        scopes = [wanted[place][0] for place in places]
        parameters = {
            "places": places,
            "sweeps": [scope.sweep_id for scope in scopes],
            "tenants": [scope.tenant for scope in scopes],
            "experiments": [scope.experiment for scope in scopes],
            "evaluations": [scope.evaluations for scope in scopes],
            "users": [scope.user for scope in scopes],
            "begins": [wanted[place][1] for place in places],
            "today": today,
        }
        for place, usd, hours in connection.execute(_QUERIES[f"closed_of_{kind}"], parameters):
            found[place] = Amount(usd=usd, gpu_hours=hours)
    return found


@lru_cache(maxsize=10_000)
def _key(scope: BudgetScope, begins: dt.date) -> str:
    """Names everything that decides what counts: who changes what a scope covers has new sums."""
    return json.dumps(
        [
            scope.tenant,
            scope.experiment,
            scope.evaluations,
            scope.user,
            scope.sweep_id,
            begins.isoformat(),
        ]
    )
