"""Where budgets stand: the ledger's closed days, and since then the attempts themselves."""

import contextlib
import datetime as dt
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import psycopg

from governance.budgets.budget import BudgetState, Spender
from governance.budgets.policy import BUDGETS, Budget
from governance.budgets.spending import BudgetPosition, Closed
from governance.budgets.tallies import Accounts, positions, states
from governance.cost.price_file import PRICES
from governance.cost.prices import PriceBook
from governance.periods import day_of
from storage import queries
from storage.budgets.attempts import Attempts, Whose
from storage.budgets.closed import ClosedSums, ledger_state
from storage.database import Pool, snapshot
from storage.policy_store import PolicyStore
from storage.sweeps.facts import SweepFacts, SweepFactsCache
from sweeps.ids import SweepId

_QUERIES = queries.load("budgets")
Connection = psycopg.Connection[tuple[Any, ...]]


class BudgetStore:
    """Budgets of the policy, and those of sweeps whose own files limit them.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies
        self._facts = SweepFactsCache()
        self._sums = ClosedSums(pool)

    def states(self, connection: Connection, *, now: dt.datetime) -> list[BudgetState]:
        """Every budget at whose limit nothing new starts, for a scheduler's pass.

        Args:
            connection: In whose transaction: what others admit must not change meanwhile. When it
                is over, `keep_sums` writes down what was summed in it.
        """
        found = (*self._policy(connection), *self._own(connection))
        budgets = [one for one in found if one.stops]
        accounts, closed = self._look(connection, budgets, now=now, tenant=None, is_paced=False)
        return states(budgets, accounts, closed=closed, now=now)

    def all_positions(self, *, now: dt.datetime) -> list[BudgetPosition]:
        """Where all budgets of the policy stand, and those of open sweeps' own."""
        with self.snapshot() as connection:
            budgets = [*self._policy(connection), *self._own(connection)]
            return self._positions(connection, budgets, now=now)

    def positions(self, *, tenant: str | None, now: dt.datetime) -> list[BudgetPosition]:
        """Where budgets of the policy stand, in its order.

        Args:
            tenant: Only what may cover sweeps of this one; None: all.
        """
        with self.snapshot() as connection:
            budgets = self._policy(connection)
            if tenant is not None:
                budgets = [one for one in budgets if one.scope.tenant in {None, tenant}]
                budgets = self._of_own_sweeps(connection, budgets, tenant)
            return self._positions(connection, budgets, now=now)

    def of_sweep(self, sweep_id: SweepId, *, now: dt.datetime) -> list[BudgetPosition]:
        """Where every budget stands that covers a sweep, its own one first; none: no such sweep."""
        with self.snapshot() as connection:
            facts = self._facts.of(connection, [sweep_id]).get(sweep_id)
            if facts is None:
                return []
            return self.covering(connection, facts, now=now, is_paced=True)

    def covering(
        self,
        connection: Connection,
        facts: SweepFacts,
        *,
        now: dt.datetime,
        is_paced: bool = False,
    ) -> list[BudgetPosition]:
        """The same, of a sweep that need not be there yet.

        Args:
            is_paced: Whether it is asked how much was spent lately, in `BudgetPosition.daily`.
        """
        own = [] if facts.budget is None else [facts.budget]
        return self.of_spender(connection, facts.spender, own=own, now=now, is_paced=is_paced)

    def of_spender(
        self,
        connection: Connection,
        spender: Spender,
        *,
        own: Sequence[Budget] = (),
        now: dt.datetime,
        is_paced: bool = False,
    ) -> list[BudgetPosition]:
        """Where budgets of the policy stand that cover somebody, after those of their own."""
        names = spender.names()
        budgets = [one for one in self._policy(connection) if one.scope.covers(**names)]
        return self._positions(
            connection, [*own, *budgets], now=now, tenant=spender.tenant, is_paced=is_paced
        )

    @contextlib.contextmanager
    def snapshot(self) -> Generator[Connection, None, None]:
        """For looks that have to agree; what is summed for them is written down after it."""
        with snapshot(self._pool) as connection:
            yield connection
        self.keep_sums()

    def keep_sums(self) -> None:
        """Write down what was summed in transactions of callers, for whoever asks next.

        The caller holds no connection: the pool may have no other one.
        """
        self._sums.keep()

    def book(self, connection: Connection) -> PriceBook:
        """Prices as they hold now."""
        return self._policies.current(PRICES, connection=connection).value

    def facts(self, connection: Connection, sweep_id: SweepId) -> SweepFacts | None:
        """What a sweep asks for; None: there is no such sweep."""
        return self._facts.of(connection, [sweep_id]).get(sweep_id)

    def _policy(self, connection: Connection) -> Sequence[Budget]:
        return self._policies.current(BUDGETS, connection=connection).value.budgets

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
        self,
        connection: Connection,
        budgets: Sequence[Budget],
        *,
        now: dt.datetime,
        tenant: str | None = None,
        is_paced: bool = True,
    ) -> list[BudgetPosition]:
        """In the order of `budgets`.

        Args:
            tenant: Whose the sweeps are that budgets name; None: of several.
            is_paced: Whether it is asked what was spent lately.
        """
        accounts, closed = self._look(
            connection, budgets, now=now, tenant=tenant, is_paced=is_paced
        )
        return positions(budgets, accounts, closed=closed, now=now)

    def _look(
        self,
        connection: Connection,
        budgets: Sequence[Budget],
        *,
        now: dt.datetime,
        tenant: str | None,
        is_paced: bool,
    ) -> tuple[Accounts, Mapping[str, Closed]]:
        """What everybody has spent and holds, and what the ledger has of it."""
        if not budgets:
            return Accounts(), {}
        today = day_of(now)
        ledger = ledger_state(connection, today=today)
        of = Whose.covered_by(budgets, tenant=tenant)
        book = self.book(connection)
        attempts = Attempts(connection, self._facts, book, budgets, ledger, of=of, now=now)
        accounts = attempts.accounts()
        closed = self._sums.of(connection, budgets, ledger, today=today, is_paced=is_paced)
        return accounts, closed
