"""Who starts a sweep's controller, where, and what becomes of a sweep that has none any more."""

import contextlib
import datetime as dt
from collections.abc import Generator, Mapping

from storage import queries
from storage.database import Pool, transaction
from storage.sweeps.waits import open_waits
from sweeps.errors import RunsElsewhere, StateConflict, SweepNotFound
from sweeps.ids import AttemptId, SweepId
from sweeps.places import Place
from sweeps.waits import wait_words

_QUERIES = queries.load("claims")
_MOST_REPLACEMENTS = 3  # a controller that fails more often than that has a reason to


class SweepClaims:
    """A `sweeps.ports.SweepClaims` of one place."""

    def __init__(self, pool: Pool, *, place: Place) -> None:
        self._pool = pool
        self._place = place

    def unclaimed(self, *, limit: int = 100) -> tuple[SweepId, ...]:
        """Sweeps that nobody has started, oldest first; none whose live attempts are elsewhere.

        Those that wait for what cannot come any more, and have not ended with it, end first.
        """
        parameters = {
            "limit": limit,
            "place_key": self._place.key,
            "most": _MOST_REPLACEMENTS,
        }
        self._fail_waiting()
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["unclaimed_sweeps"], parameters)
            return tuple(SweepId(row[0]) for row in rows)

    def under_way(self, *, limit: int = 100) -> tuple[tuple[SweepId, bool], ...]:
        """Sweeps of this place that were started and have not ended, and whether each holds something.

        Those that do come first: attempts of theirs were admitted, and others may wait for that.
        """
        parameters = {"limit": limit, "place_key": self._place.key}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["under_way"], parameters)
            return tuple((SweepId(row[0]), row[1]) for row in rows)

    def due(self, *, limit: int = 100) -> tuple[SweepId, ...]:
        """Sweeps that have waited for others and may start now, the oldest first.

        As in `unclaimed`, others end first.
        """
        self._fail_waiting()
        return self._named("due_sweeps", limit)

    def untold_ends(self, *, limit: int = 100) -> tuple[SweepId, ...]:
        """Sweeps that have failed by the ends of others, and of which Dagster does not know yet."""
        return self._named("untold_ends", limit)

    def claim_end(self, sweep_id: SweepId) -> str | None:
        """Take it on oneself to tell Dagster of such an end: why; None when somebody was faster."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["claim_end"], {"sweep_id": sweep_id}).fetchone()
        return None if row is None else row[0]

    def _fail_waiting(self) -> None:
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["fail_waiting_sweeps"])

    def _named(self, query: str, limit: int) -> tuple[SweepId, ...]:
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES[query], {"limit": limit})
            return tuple(SweepId(row[0]) for row in rows)

    def claim(self, sweep_id: SweepId) -> str | None:
        """Take a sweep in order to start it; None when somebody was faster."""
        return self._take("claim_sweep", sweep_id)

    def reclaim(self, sweep_id: SweepId, *, dagster_run_id: str) -> str | None:
        """Take a sweep in order to replace its Dagster run, which has failed or is gone.

        None when somebody was faster, when it has ended or another Dagster run, or when it was
        replaced three times since a person asked.
        """
        return self._take("reclaim_sweep", sweep_id, dagster_run_id=dagster_run_id)

    def _take(self, query: str, sweep_id: SweepId, **parameters: object) -> str | None:
        values = {"sweep_id": sweep_id, "most": _MOST_REPLACEMENTS, **parameters}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES[query], values).fetchone()
        return None if row is None else f"{sweep_id}@{row[0]}"

    def is_given_up(self, sweep_id: SweepId, *, dagster_run_id: str | None) -> bool:
        """Whether that Dagster run, or none at all, is what the sweep is left with."""
        parameters = {
            "sweep_id": sweep_id,
            "dagster_run_id": dagster_run_id,
            "most": _MOST_REPLACEMENTS,
        }
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["given_up"], parameters).fetchone()
        return row is not None and bool(row[0])

    def forgive(self, sweep_id: SweepId) -> None:
        """Begin to count replacements anew: a person has asked."""
        self._update("forgive", sweep_id)

    @contextlib.contextmanager
    def try_starting(self, sweep_id: SweepId) -> Generator[bool, None, None]:
        """Whether this process alone may start a controller of the sweep, for as long as it holds.

        That takes a connection of the pool: what is asked meanwhile needs another one.
        """
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["try_starting"], {"sweep_id": sweep_id}).fetchone()
            assert row is not None  # a SELECT without FROM gives one row
            yield bool(row[0])

    def check_place(self, sweep_id: SweepId) -> None:
        """Refuse a sweep whose live attempts cannot be seen from here.

        Raises:
            RunsElsewhere: They are in another place.
        """
        parameters = {"sweep_id": sweep_id, "place_key": self._place.key}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["elsewhere"], parameters).fetchone()
        if row is not None:
            raise RunsElsewhere(sweep_id, place=row[0])

    def attach(self, sweep_id: SweepId, *, dagster_run_id: str) -> None:
        """Note which Dagster run controls the sweep now, and that it does so here.

        Raises:
            SweepNotFound: There is no such sweep.
            RunsElsewhere: Its live attempts are in another place.
            StateConflict: It waits for others.
        """
        parameters = {
            "sweep_id": sweep_id,
            "dagster_run_id": dagster_run_id,
            "place_key": self._place.key,
            "place": self._place.name,
        }
        with transaction(self._pool) as connection:
            if connection.execute(_QUERIES["lock_sweep"], parameters).fetchone() is None:
                raise SweepNotFound(sweep_id)
            row = connection.execute(_QUERIES["elsewhere"], parameters).fetchone()
            if row is not None:
                raise RunsElsewhere(sweep_id, place=row[0])
            row = connection.execute(_QUERIES["may_not_start"], parameters).fetchone()
            if row is not None and row[0]:
                waits = open_waits(connection, [sweep_id]).get(sweep_id, ())
                current = f"waiting for {wait_words(waits)}" if waits else "paused"
                raise StateConflict(f"sweep {sweep_id!r}", current=current, asked="started")
            connection.execute(_QUERIES["attach_dagster_run"], parameters)

    def leave_place(self, sweep_id: SweepId) -> None:
        """Let live attempts that are elsewhere count as lost: that place is gone for good."""
        self._update("leave_place", sweep_id)

    def live_attempts(self, sweep_id: SweepId) -> tuple[AttemptId, ...]:
        """Attempts of a sweep whose rows say that they have not ended."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["live_attempts"], {"sweep_id": sweep_id})
            return tuple(AttemptId(row[0]) for row in rows)

    def cancel_abandoned(
        self,
        sweep_id: SweepId,
        *,
        dagster_run_id: str,
        reason: str,
        ended: Mapping[AttemptId, dt.datetime],
    ) -> bool:
        """Close a sweep whose controller was cancelled and will not come back.

        False when it has ended, waits for others, or is controlled by another Dagster run. Its live attempts end now,
        or when `ended` says that one had.
        """
        parameters = {
            "sweep_id": sweep_id,
            "dagster_run_id": dagster_run_id,
            "reason": reason,
            "attempt_ids": list(ended),
            "ended_ats": list(ended.values()),
        }
        with transaction(self._pool) as connection:
            if connection.execute(_QUERIES["cancel_abandoned"], parameters).fetchone() is None:
                return False
            connection.execute(_QUERIES["cancel_live_attempts"], parameters)
            connection.execute(_QUERIES["cancel_live_runs"], parameters)
        return True

    def _update(self, query: str, sweep_id: SweepId) -> None:
        with transaction(self._pool) as connection:
            parameters = {"sweep_id": sweep_id, "place_key": self._place.key}
            connection.execute(_QUERIES[query], parameters)
