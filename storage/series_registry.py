"""Which curves there are: each is written down once, and a run has only so many."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from storage import queries
from storage.points import RunPoints, series_id

DEFAULT_MAX_SERIES = 2_000
_QUERIES = queries.load("metrics")
_KNOWN_SERIES = 500_000  # in each of two generations; about 50 MB each when full
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A curve that points have come for."""

    mark: bytes
    run_id: str
    key: str

    @property
    def series_id(self) -> int:
        return series_id(self.mark)


class SeriesRegistry:
    """Registers curves inside the transactions of its caller.

    It remembers those that are there, so that a usual flush asks for none.

    Args:
        most_of_a_run: How many curves a run may have. Several gateways that register at once may
            bring a run above it by what each of them adds.
    """

    def __init__(self, *, most_of_a_run: int = DEFAULT_MAX_SERIES) -> None:
        self._most = most_of_a_run
        self._known: set[bytes] = set()
        self._known_before: set[bytes] = set()

    def register(self, connection: Connection, batch: Sequence[RunPoints]) -> Mapping[bytes, str]:
        """Make sure that every curve has its row.

        Returns:
            Fingerprints of those whose points cannot be kept, and why.
        """
        asked = {
            mark: _Asked(mark, points.run_id, key)
            for points in batch
            for key, mark in zip(points.keys, points.fingerprints, strict=True)
            if mark not in self._known and mark not in self._known_before
        }
        if not asked:
            return {}
        refused = self._surplus(connection, asked.values())
        wanted = [curve for mark, curve in asked.items() if mark not in refused]
        created = connection.execute(
            _QUERIES["register_series"],
            {
                "series_ids": [curve.series_id for curve in wanted],
                "run_ids": [curve.run_id for curve in wanted],
                "keys": [curve.key for curve in wanted],
            },
        ).fetchall()
        if len(created) < len(wanted):
            owners = _owners(connection, wanted)
            refused |= {
                curve.mark: "its identifier is taken; log it by another name"
                for curve in wanted
                if owners.get(curve.series_id) != (curve.run_id, curve.key)
            }
        return refused

    def _surplus(self, connection: Connection, asked: Iterable[_Asked]) -> dict[bytes, str]:
        of_run: dict[str, list[_Asked]] = {}
        for curve in asked:
            of_run.setdefault(curve.run_id, []).append(curve)
        counts = Counter[str](
            dict(connection.execute(_QUERIES["count_series"], {"run_ids": sorted(of_run)}))
        )
        refused: dict[bytes, str] = {}
        for run_id, curves in of_run.items():
            if counts[run_id] + len(curves) <= self._most:
                continue
            owners = _owners(connection, curves)  # some may be there already
            new = [curve for curve in curves if curve.series_id not in owners]
            room = max(0, self._most - counts[run_id])
            why = f"the run has {self._most} metrics, and more are not kept; log fewer names"
            refused |= {curve.mark: why for curve in new[room:]}
        return refused

    def remember(self, batch: Iterable[RunPoints]) -> None:
        """Note, after the commit, that these curves have their rows."""
        for points in batch:
            self._known.update(points.fingerprints)
        if len(self._known) > _KNOWN_SERIES:
            # Two generations: what is in use moves to the new one, the rest goes with the old.
            self._known_before, self._known = self._known, set()


def _owners(connection: Connection, curves: Iterable[_Asked]) -> dict[int, tuple[str, str]]:
    parameters = {"series_ids": [curve.series_id for curve in curves]}
    return {
        identifier: (run_id, key)
        for identifier, run_id, key in connection.execute(_QUERIES["owners_of_series"], parameters)
    }
