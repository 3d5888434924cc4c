"""Which curves there are: each is written down once, and a run has only so many."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from storage import queries
from storage.known_curves import KnownCurves
from storage.points import Curves, series_id

DEFAULT_MAX_SERIES = 2_000
_QUERIES = queries.load("metrics")
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

    What its caller has told `known` after a commit, it does not ask for again.

    Args:
        most_of_a_run: How many curves a run may have. Several gateways that register at once may
            bring a run above it by what each of them adds.
    """

    def __init__(self, *, most_of_a_run: int = DEFAULT_MAX_SERIES) -> None:
        self._most = most_of_a_run
        self.known = KnownCurves()

    def register(self, connection: Connection, batch: Iterable[Curves]) -> Mapping[bytes, str]:
        """Make sure that every curve has its row.

        Returns:
            Fingerprints of those whose points cannot be kept, and why.
        """
        asked = {
            mark: _Asked(mark, curves.run_id, key)
            for curves in batch
            for key, mark in zip(curves.keys, curves.fingerprints, strict=False)
            if mark not in self.known
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


def _owners(connection: Connection, curves: Iterable[_Asked]) -> dict[int, tuple[str, str]]:
    parameters = {"series_ids": [curve.series_id for curve in curves]}
    return {
        identifier: (run_id, key)
        for identifier, run_id, key in connection.execute(_QUERIES["owners_of_series"], parameters)
    }
