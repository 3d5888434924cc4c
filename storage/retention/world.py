"""What retention judges, read from the database into columns, page by page."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import dict_row

from retention.guards import TAGS
from retention.tiers import Tier
from retention.world import NONE, Artifacts, Bonds, Group, Int64s, Runs, SweepFacts, World
from storage import queries
from storage.arrays import column_cursor
from storage.database import Pool, snapshot
from storage.retention.ties import open_holds

_QUERIES = queries.load("retention_world")
_PAGE = 5_000  # runs; with a hundred artifacts each, half a million rows of some columns
_ARTIFACT_PAGE = 2_000  # runs

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, Any]


def load_world(pool: Pool) -> World:
    """All runs and artifacts, as one snapshot.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    with snapshot(pool) as connection:
        return _Reading(connection).whole()


def load_points(pool: Pool) -> World:
    """All runs with their points, without artifacts: what tiers of points are judged from.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    with snapshot(pool) as connection:
        return _Reading(connection).runs_only()


class _Reading:
    """One look at the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def runs_only(self) -> World:
        groups, places = self._groups()
        sweeps = self._sweeps(places)
        return World(
            groups=groups,
            sweeps=sweeps,
            runs=self._runs(sweeps, places),
            artifacts=Artifacts.none(),
            bonds=self._bonds(),
            kept_since=self._kept_since(),
        )

    def whole(self) -> World:
        world = self.runs_only()
        return replace(
            world,
            artifacts=_artifacts(self._artifact_pages(world.runs.run_ids)),
            other_blobs=self._blobs("dataset_blobs"),
            cold_blobs=self._blobs("cold_blobs"),
            serving_blobs=self._blobs("serving_blobs"),
        )

    def _blobs(self, query: str) -> Int64s:
        row = column_cursor(self._connection, dict_row).execute(_QUERIES[query]).fetchone()
        blobs = None if row is None else row["blobs"]
        return np.zeros(0, dtype=np.int64) if blobs is None else blobs

    def _rows(self, query: str, **parameters: object) -> list[Row]:
        cursor = self._connection.cursor(row_factory=dict_row)
        return cursor.execute(_QUERIES[query], parameters).fetchall()

    def _kept_since(self) -> dict[Tier, int]:
        return {Tier(row["tier"]): row["since"] for row in self._rows("kept_since")}

    def _groups(self) -> tuple[list[Group], dict[int, int]]:
        rows = self._rows("experiments")
        groups = [Group(row["tenant_id"], row["name"]) for row in rows]
        return groups, {row["experiment_id"]: place for place, row in enumerate(rows)}

    def _sweeps(self, places: dict[int, int]) -> list[SweepFacts]:
        return [
            SweepFacts(
                group=places[row.pop("experiment_id")],
                warm_start=tuple(row.pop("warm_start")),
                **row,
            )
            for row in self._rows("sweeps")
        ]

    def _runs(self, sweeps: Sequence[SweepFacts], places: dict[int, int]) -> Runs:
        of_sweep = {sweep.sweep_id: place for place, sweep in enumerate(sweeps)} | {"": NONE}
        run_ids: list[str] = []
        columns: dict[str, list[Any]] = {
            name: [] for name in ("groups", "sweeps", "states", "ended", "sealed", "objectives")
        }
        points: list[Any] = []
        firsts: list[Any] = []
        lasts: list[Any] = []
        own: list[Any] = []
        after = ""
        while True:
            cursor = column_cursor(self._connection, dict_row)
            row = cursor.execute(_QUERIES["runs"], {"after": after, "limit": _PAGE}).fetchone()
            if row is None or row["run_ids"] is None:
                break
            page: list[str] = row["run_ids"]
            run_ids += page
            after = page[-1]
            columns["groups"].append([places[one] for one in row["experiments"].tolist()])
            columns["sweeps"].append([of_sweep[one] for one in row["sweeps"]])
            columns["states"].append(row["states"] - 1)
            for name in ("ended", "sealed", "objectives"):
                columns[name].append(row[name])
            found, first, last, logged = self._points(page)
            points.append(found)
            firsts.append(first)
            lasts.append(last)
            own.append(logged)
        count = len(run_ids)
        marked = {row["run_id"] for row in self._rows("marked")}
        exported = {row["run_id"] for row in self._rows("exported")}
        return Runs(
            run_ids=run_ids,
            groups=_column(columns["groups"], np.int32),
            sweeps=_column(columns["sweeps"], np.int32),
            states=_column(columns["states"], np.int8),
            ended=_column(columns["ended"], np.int64),
            is_sealed=_column(columns["sealed"], np.int64) > 0,
            objectives=_column(columns["objectives"], np.float64),
            points=_column(points, np.int64),
            first_points=_column(firsts, np.int64),
            last_points=_column(lasts, np.int64),
            is_exported=np.fromiter((one in exported for one in run_ids), np.bool_, count)
            | (_column(own, np.int64) == 0),
            is_marked=np.fromiter((one in marked for one in run_ids), np.bool_, count),
        )

    def _points(self, run_ids: list[str]) -> tuple[Any, Any, Any, Any]:
        points, own = np.zeros((2, len(run_ids)), dtype=np.int64)
        firsts, lasts = np.full((2, len(run_ids)), NONE, dtype=np.int64)
        cursor = column_cursor(self._connection, dict_row)
        row = cursor.execute(_QUERIES["points"], {"run_ids": run_ids}).fetchone()
        if row is not None and row["places"] is not None:
            points[row["places"]] = row["points"]
            firsts[row["places"]] = row["first_times"]
            lasts[row["places"]] = row["last_times"]
            own[row["places"]] = row["has_own"]
        return points, firsts, lasts, own

    def _artifact_pages(self, run_ids: Sequence[str]) -> Iterable[tuple[int, Row]]:
        for first in range(0, len(run_ids), _ARTIFACT_PAGE):
            page = list(run_ids[first : first + _ARTIFACT_PAGE])
            cursor = column_cursor(self._connection, dict_row)
            asked = {"run_ids": page, "first": page[0], "last": page[-1]}
            row = cursor.execute(_QUERIES["artifacts"], asked).fetchone()
            if row is not None and row["places"] is not None:
                yield first, row

    def _bonds(self) -> Bonds:
        tags = {"names": list(TAGS)}
        return Bonds(
            run_tags={r["run_id"]: frozenset(r["names"]) for r in self._rows("run_tags", **tags)},
            sweep_tags={
                row["sweep_id"]: frozenset(row["names"]) for row in self._rows("sweep_tags", **tags)
            },
            experiment_tags={
                Group(row["tenant_id"], row["experiment"]): frozenset(row["names"])
                for row in self._rows("experiment_tags", **tags)
            },
            holds=open_holds(self._connection.cursor(row_factory=dict_row)),
            promoted=[row["run_id"] for row in self._rows("promoted")],
            candidates=[row["run_id"] for row in self._rows("candidates")],
            evaluated=[row["run_id"] for row in self._rows("evaluated")],
            reruns=[(row["run_id"], row["rerun_of"]) for row in self._rows("reruns")],
            edges=[
                (row["tenant_id"], row["upstream"], row["downstream"])
                for row in self._rows("edges")
            ],
        )


def _column(pages: list[Any], dtype: Any) -> Any:
    if not pages:
        return np.zeros(0, dtype=dtype)
    return np.concatenate([np.asarray(page, dtype=dtype) for page in pages])


def _artifacts(pages: Iterable[tuple[int, Row]]) -> Artifacts:
    names: list[str] = []
    columns: dict[str, list[Any]] = {}
    for first, row in pages:
        names += row.pop("names")
        columns.setdefault("runs", []).append((row.pop("places") + first).astype(np.int32))
        columns.setdefault("kinds", []).append(row.pop("kinds").astype(np.int8))
        columns.setdefault("is_marked", []).append(row.pop("marked") > 0)
        for name, column in row.items():
            columns.setdefault(name, []).append(column)
    types = {
        "runs": np.int32, "kinds": np.int8, "sizes": np.int64, "created": np.int64,
        "levels": np.int64, "values": np.float64, "blobs": np.int64, "is_marked": np.bool_,
    }  # fmt: skip
    return Artifacts(
        names=names, **{name: _column(columns.get(name, []), kind) for name, kind in types.items()}
    )
