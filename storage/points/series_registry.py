"""Which curves there are: each is written down once, and a run has only so many."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from storage import queries
from storage.points.known_curves import KnownCurves
from storage.points.points import SYSTEM, USER, Curves, series_id

DEFAULT_MAX_SERIES = 2_000
_MAX_SYSTEM_SERIES = 500  # eighty GPUs, with what else there is of a machine
_QUERIES = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A curve that points have come for."""

    mark: bytes
    run_id: str
    family: str
    key: str

    @property
    def series_id(self) -> int:
        return series_id(self.mark)


class SeriesRegistry:
    """Registers curves inside the transactions of its caller.

    What its caller has told `known` after a commit, it does not ask for again.

    Args:
        most_of_a_run: How many curves a script may log. Several gateways that register at once may
            bring a run above it by what each of them adds.
        most_of_its_system: How many there may be of what is measured beside it.
    """

    def __init__(
        self,
        *,
        most_of_a_run: int = DEFAULT_MAX_SERIES,
        most_of_its_system: int = _MAX_SYSTEM_SERIES,
    ) -> None:
        self._most = {USER: most_of_a_run, SYSTEM: most_of_its_system}
        self.known = KnownCurves()

    def register(self, connection: Connection, batch: Iterable[Curves]) -> Mapping[bytes, str]:
        """Make sure that every curve has its row.

        Returns:
            Fingerprints of those whose points cannot be kept, and why.
        """
        asked = {
            mark: _Asked(mark, curves.run_id, family, key)
            for curves in batch
            for (family, key), mark in zip(curves.names, curves.fingerprints, strict=False)
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
                "families": [curve.family for curve in wanted],
                "keys": [curve.key for curve in wanted],
            },
        ).fetchall()
        if len(created) < len(wanted):
            owners = _owners(connection, wanted)
            refused |= {
                curve.mark: "its identifier is taken; log it by another name"
                for curve in wanted
                if owners.get(curve.series_id) != (curve.run_id, curve.family, curve.key)
            }
        return refused

    def _surplus(self, connection: Connection, asked: Iterable[_Asked]) -> dict[bytes, str]:
        of_run: dict[tuple[str, str], list[_Asked]] = {}
        for curve in asked:
            of_run.setdefault((curve.run_id, curve.family), []).append(curve)
        rows = connection.execute(
            _QUERIES["count_series"], {"run_ids": sorted({run_id for run_id, _ in of_run})}
        )
        counts = Counter[tuple[str, str]](
            {(run_id, family): count for run_id, family, count in rows}
        )
        refused: dict[bytes, str] = {}
        for (run_id, family), curves in of_run.items():
            count, most = counts[run_id, family], self._most[family]
            if count + len(curves) <= most:
                continue
            owners = _owners(connection, curves)  # some may be there already
            new = [curve for curve in curves if curve.series_id not in owners]
            kind = "metrics" if family == USER else f"{family} metrics"
            why = f"the run has {most} {kind}, and more are not kept; log fewer names"
            refused |= {curve.mark: why for curve in new[max(0, most - count) :]}
        return refused


def _owners(connection: Connection, curves: Iterable[_Asked]) -> dict[int, tuple[str, str, str]]:
    parameters = {"series_ids": [curve.series_id for curve in curves]}
    rows = connection.execute(_QUERIES["owners_of_series"], parameters)
    return {identifier: (run_id, family, key) for identifier, run_id, family, key in rows}
