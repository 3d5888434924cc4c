"""Points of the family `system` in the database: counted, and dropped from all tiers."""

import datetime as dt
from collections.abc import Sequence

from retention.policy_file import RETENTION
from retention.system_metrics import Dropped
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.retention.exclusion import Connection, shut_out, while_nobody_ties
from sweeps.ids import RunId

_QUERIES = queries.load("system_points")
_RUNS_AT_ONCE = 20  # in a transaction, which holds up refreshes of the rollups


class PostgresSystemMetrics:
    """A `retention.system_metrics.SystemMetrics`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def kept(self) -> dt.timedelta | None:
        """For how long after a run was sealed, by the policy of retention; None: for ever."""
        return PolicyStore(self._pool).current(RETENTION).value.system_metrics

    def count_due(self, *, sealed_before: dt.datetime) -> int:
        """How many runs have points that are no longer kept."""
        with transaction(self._pool) as connection:
            row = connection.execute(
                _QUERIES["count_due"], {"sealed_before": sealed_before}
            ).fetchone()
        assert row is not None  # count always gives one
        return int(row[0])

    def drop(self, *, sealed_before: dt.datetime) -> Dropped:
        """Remove these points, some runs in a transaction, so that an end in the midst loses little.

        Who places a hold waits for such a transaction, which sees all that were placed before.
        """
        runs = points = 0
        while True:
            taken, dropped = while_nobody_ties(
                self._pool, lambda connection: _drop_some(connection, sealed_before)
            )
            if not taken:
                return Dropped(runs=runs, points=points)
            runs, points = runs + taken, points + dropped

    def dropped_at(self, run_ids: Sequence[RunId]) -> list[tuple[RunId, dt.datetime]]:
        """When their points were dropped, by run; runs that have them still are not among them."""
        with transaction(self._pool) as connection:
            return connection.execute(_QUERIES["dropped_at"], {"run_ids": list(run_ids)}).fetchall()


def _drop_some(connection: Connection, sealed_before: dt.datetime) -> tuple[int, int]:
    """How many runs were due, of some, and how many points of theirs are gone."""
    shut_out(connection)
    asked = {"sealed_before": sealed_before, "limit": _RUNS_AT_ONCE}
    run_ids = [row[0] for row in connection.execute(_QUERIES["take_due"], asked)]
    if not run_ids:
        return 0, 0
    row = connection.execute(_QUERIES["drop"], {"run_ids": run_ids}).fetchone()
    connection.execute(_QUERIES["note_dropped"], {"run_ids": run_ids})
    assert row is not None  # a function's value
    return len(run_ids), int(row[0])
