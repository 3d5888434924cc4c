"""What budgets mean for sweeps that run, and what their attempts will take by now.

Both are looked up every few seconds by their controllers.
"""

import time
from collections.abc import Callable, Sequence

import psycopg

from governance.budgets.exhaustion import verdict
from governance.budgets.predictions import Prediction
from governance.budgets.report import reached
from governance.budgets.spending import BudgetPosition
from storage import queries
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.reports import PostgresBudgetReports
from storage.budgets.store import BudgetStore
from storage.database import Pool, transaction
from sweeps.clock import Clock, SystemClock
from sweeps.endings import WITHIN_BUDGETS, BudgetVerdict
from sweeps.ids import SweepId

_QUERIES = queries.load("budgets")
_FAR_SECONDS, _NEAR_SECONDS = 15.0, 2.0  # between looks, by how much is spent
_NEAR_SHARE = 0.7


class PostgresBudgetWatch:
    """A `sweeps.ports.BudgetWatch`."""

    def __init__(
        self,
        pool: Pool,
        budgets: BudgetStore,
        predictor: PostgresPredictor,
        reports: PostgresBudgetReports,
        *,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._budgets = budgets
        self._predictor = predictor
        self._reports = reports
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._said: dict[SweepId, BudgetVerdict] = {}
        self._look_at: dict[SweepId, float] = {}
        self._known: set[tuple[object, ...]] = set()  # shares that were told
        self._to_tell: dict[SweepId, list[str]] = {}

    def verdict(self, sweep_id: SweepId) -> BudgetVerdict:
        """What budgets mean for a sweep, at most some seconds ago."""
        if self._monotonic() < self._look_at.get(sweep_id, 0.0):
            return self._said[sweep_id]
        with self._budgets.snapshot() as connection:
            positions, following = self._look(connection, sweep_id)
        said = WITHIN_BUDGETS if following is None else verdict(positions, following)
        if following is not None:
            self._tell_queue(sweep_id, following)
        self._note(sweep_id, positions)
        share = max((one.share for one in positions if one.budget.stops), default=0.0)
        wait = _FAR_SECONDS if share < _NEAR_SHARE else _NEAR_SECONDS
        self._said[sweep_id] = said
        self._look_at[sweep_id] = self._monotonic() + wait
        return said

    def told(self, sweep_id: SweepId) -> Sequence[str]:
        """What its people are to know of its budgets by now, each sentence once."""
        return self._to_tell.pop(sweep_id, [])

    def _note(self, sweep_id: SweepId, positions: Sequence[BudgetPosition]) -> None:
        """Of each limit the greatest share that was reached and not told; written down as well."""
        for one in positions:
            budget = one.budget
            key = (sweep_id, budget.name, one.begins, budget.max_usd, budget.max_gpu_hours)
            new = [share for share in one.crossed if (*key, share) not in self._known]
            if new:
                self._to_tell.setdefault(sweep_id, []).append(reached(one, max(new)))
                self._known.update((*key, share) for share in new)
                self._reports.note([one])

    def _look(
        self, connection: "psycopg.Connection[tuple[object, ...]]", sweep_id: SweepId
    ) -> tuple[list[BudgetPosition], Prediction | None]:
        facts = self._budgets.facts(connection, sweep_id)
        if facts is None:
            return [], None
        positions = self._budgets.covering(connection, facts, now=self._clock.now())
        return positions, self._predictor.of(connection, facts)

    def _tell_queue(self, sweep_id: SweepId, following: Prediction) -> None:
        """Attempts were predicted when they came; by now more is known of them, budgets or not.

        What waits is estimated by when what runs ends, and others backfill by it.
        """
        with transaction(self._pool) as connection:
            connection.execute(
                _QUERIES["predict_again"],
                {
                    "sweep_id": sweep_id,
                    "seconds": following.upper_seconds,
                    "usd": following.upper_usd,
                    "gpu_hours": following.upper_gpu_hours,
                },
            )
