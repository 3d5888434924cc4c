"""Budgets as a report is told of them: only what its readers may know."""

import datetime as dt
from collections.abc import Iterable, Sequence

from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from governance.periods import Span
from governance.reports.model import Scope
from storage import queries
from storage.budgets.reports import PostgresBudgetReports
from storage.budgets.store import BudgetStore
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from sweeps.ids import SweepId

_QUERIES = queries.load("report_facts")
_INSTANT = dt.timedelta(microseconds=1)


class ReportBudgets:
    """Where budgets stood when a period ended, and what was told of them within it."""

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._store = BudgetStore(pool, policies)
        self._reports = PostgresBudgetReports(pool, self._store)

    def positions(self, scope: Scope, period: Span) -> Sequence[BudgetPosition]:
        """Those of the policy, then those of open sweeps' own."""
        at = min(period.end - _INSTANT, dt.datetime.now(dt.UTC))
        if scope.sweep_id is None:
            found = self._store.all_positions(now=at)
        else:
            found = self._store.of_sweep(SweepId(scope.sweep_id), now=at)
        own = self._sweeps_within(found, scope)
        return [one for one in found if _is_for(one, scope, own)]

    def warnings(self, scope: Scope, period: Span) -> Sequence[BudgetWarning]:
        """Of its tenant and of what is nobody's alone, newest first."""
        return self._reports.warnings(since=period.start, until=period.end, tenant=scope.tenant)

    def _sweeps_within(self, positions: Iterable[BudgetPosition], scope: Scope) -> set[str]:
        """Of the sweeps that have budgets of their own, those that the report is about."""
        named = [sweep for one in positions if (sweep := one.budget.scope.sweep_id) is not None]
        parameters = {
            "named": named,
            "scope": [scope.tenant, scope.experiment, scope.sweep_id],
        }
        with transaction(self._pool) as connection:
            return {row[0] for row in connection.execute(_QUERIES["sweeps_within"], parameters)}


def _is_for(position: BudgetPosition, scope: Scope, own: set[str]) -> bool:
    """Whether the report is about what the budget covers, or about a part of it."""
    budget = position.budget.scope
    if budget.sweep_id is not None:
        return budget.sweep_id in own
    if scope.tenant is not None and budget.tenant != scope.tenant:
        return False  # what several tenants spend together is not for one of them
    return scope.experiment is None or budget.experiment == scope.experiment
