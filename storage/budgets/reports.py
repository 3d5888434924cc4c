"""Where all budgets stand, and which warnings were given."""

import datetime as dt
from collections.abc import Iterable, Sequence

from psycopg.rows import class_row

from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from storage import queries
from storage.budgets.store import BudgetStore
from storage.database import Pool, transaction

_QUERIES = queries.load("budgets")
_MOST_WARNINGS = 1000


class PostgresBudgetReports:
    """A `governance.budgets.report.BudgetReports`."""

    def __init__(self, pool: Pool, budgets: BudgetStore) -> None:
        self._pool = pool
        self._budgets = budgets

    def at(self, now: dt.datetime) -> Sequence[BudgetPosition]:
        """All of the policy, then those of open sweeps' own."""
        return self._budgets.all_positions(now=now)

    def warn(self, positions: Iterable[BudgetPosition]) -> Sequence[BudgetWarning]:
        """Note what was reached, and give what nobody had noted before."""
        crossed = [(one, share) for one in positions for share in one.crossed]
        if not crossed:
            return []
        with transaction(self._pool) as connection:
            return (
                connection.cursor(row_factory=class_row(BudgetWarning))
                .execute(
                    _QUERIES["add_warnings"],
                    {
                        "now": max(one.at for one, _ in crossed),
                        "budgets": [one.budget.name for one, _ in crossed],
                        "begins": [one.begins for one, _ in crossed],
                        "thresholds": [share for _, share in crossed],
                        "tenants": [one.budget.scope.tenant or "" for one, _ in crossed],
                        "spent_usds": [round(one.spent.usd, 10) for one, _ in crossed],
                        "spent_hours": [one.spent.gpu_hours for one, _ in crossed],
                        "max_usds": [one.budget.max_usd for one, _ in crossed],
                        "max_hours": [one.budget.max_gpu_hours for one, _ in crossed],
                    },
                )
                .fetchall()
            )

    def unwarned(self, positions: Iterable[BudgetPosition]) -> Sequence[str]:
        """Keys of what was reached that nobody has noted, which stays as it is."""
        crossed = [(one, share) for one in positions for share in one.crossed]
        if not crossed:
            return []
        with transaction(self._pool) as connection:
            rows = connection.execute(
                _QUERIES["unwarned"],
                {
                    "budgets": [one.budget.name for one, _ in crossed],
                    "begins": [one.begins for one, _ in crossed],
                    "thresholds": [share for _, share in crossed],
                },
            )
            return [f"{budget} {begins} {share:g}" for budget, begins, share in rows]

    def warnings(
        self, *, since: dt.datetime, until: dt.datetime | None = None, tenant: str | None = None
    ) -> Sequence[BudgetWarning]:
        """What was noted since then, and before `until`, newest first."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(BudgetWarning))
            parameters = {
                "since": since,
                "until": until,
                "tenant_id": tenant,
                "limit": _MOST_WARNINGS,
            }
            return cursor.execute(_QUERIES["list_warnings"], parameters).fetchall()
