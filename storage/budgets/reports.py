"""Where all budgets stand, and which warnings were given."""

import contextlib
import datetime as dt
from collections.abc import Generator, Iterable, Sequence

from psycopg.rows import class_row

from governance.budgets.report import BudgetWarning, limits
from governance.budgets.spending import BudgetPosition
from governance.cost.entries import DECIMALS
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

    def note(self, positions: Iterable[BudgetPosition]) -> None:
        """Write down what was reached, so that it will be told."""
        crossed = _Crossed(positions)
        if crossed:
            with transaction(self._pool) as connection:
                connection.execute(_QUERIES["note_warnings"], crossed.columns())

    @contextlib.contextmanager
    def telling(
        self, positions: Iterable[BudgetPosition]
    ) -> Generator[Sequence[BudgetWarning], None, None]:
        """What was reached, or noted before, and nobody was told of; told once the block has ended.

        Of several who tell at once the others wait, and have nothing to tell. Where the block fails,
        nothing was told, and the next one does.
        """
        crossed = _Crossed(positions)
        with transaction(self._pool) as connection:
            if crossed:
                connection.execute(_QUERIES["note_warnings"], crossed.columns())
            cursor = connection.cursor(row_factory=class_row(BudgetWarning))
            yield cursor.execute(_QUERIES["tell_warnings"]).fetchall()

    def untold(self, positions: Iterable[BudgetPosition]) -> Sequence[str]:
        """Keys of what `telling` would give: budget, beginning of the period, share and limits."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["untold"], _Crossed(positions).columns())
            return [
                f"{budget} {begins} {share:g} of {limits(max_usd, max_hours)}"
                for budget, begins, share, max_usd, max_hours in rows
            ]

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


class _Crossed:
    """Shares of limits that were reached, as columns."""

    def __init__(self, positions: Iterable[BudgetPosition]) -> None:
        self._crossed = [(one, share) for one in positions for share in one.crossed]

    def __bool__(self) -> bool:
        return bool(self._crossed)

    def columns(self) -> dict[str, object]:
        """As the queries take them."""
        budgets = [one.budget for one, _ in self._crossed]
        return {
            "now": max((one.at for one, _ in self._crossed), default=None),
            "budgets": [one.name for one in budgets],
            "begins": [one.begins for one, _ in self._crossed],
            "thresholds": [share for _, share in self._crossed],
            "tenants": [one.scope.tenant or "" for one in budgets],
            "spent_usds": [round(one.spent.usd, DECIMALS) for one, _ in self._crossed],
            "spent_hours": [one.spent.gpu_hours for one, _ in self._crossed],
            # Rounded as their column is: a limit is compared with what was noted of it.
            "max_usds": [
                None if one.max_usd is None else round(one.max_usd, DECIMALS) for one in budgets
            ],
            "max_hours": [one.max_gpu_hours for one in budgets],
        }
