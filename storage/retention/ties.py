"""Some runs with all that may be a reason for them to stay: what is read while others wait.

The whole world says the same of these runs, and takes a hundred times as long to read.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import dict_row

from retention.guards import TAGS
from retention.world import (
    NONE,
    STATES,
    Artifacts,
    Bonds,
    Group,
    Hold,
    HoldScope,
    Runs,
    SweepFacts,
    World,
)
from storage import queries
from sweeps.states import RunState

_QUERIES = queries.load("retention_ties")
_HOLDS = queries.load("holds")

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, Any]
_Edge = tuple[str, str, str]


def load_tied(connection: Connection, run_ids: Sequence[str]) -> World:
    """Some runs and whatever came out of them, without artifacts and points.

    `retention.guards.guards` says of these runs what it says with the whole world; of others that
    are in it, it may not.
    """
    return _Reading(connection).world(run_ids)


class _Reading:
    """One look at the database."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor(row_factory=dict_row)

    def world(self, asked: Sequence[str]) -> World:
        reached = self._rows("reached", run_ids=list(asked))
        names = sorted(
            {one["upstream"].removeprefix("run:") for one in reached if _is_run(one["upstream"])}
        )
        runs = self._rows("runs", run_ids=names)
        sweeps = self._rows(
            "sweeps", sweep_ids=sorted({one["sweep_id"] for one in runs if one["sweep_id"]})
        )
        experiments = self._rows(
            "experiments",
            experiment_ids=sorted({one["experiment_id"] for one in (*runs, *sweeps)}),
        )
        groups = {one["experiment_id"]: place for place, one in enumerate(experiments)}
        places = {one["sweep_id"]: place for place, one in enumerate(sweeps)}
        edges = [_edge(one) for one in reached if one["downstream"] is not None]
        return World(
            groups=[Group(one["tenant_id"], one["name"]) for one in experiments],
            sweeps=[
                SweepFacts(
                    sweep_id=one["sweep_id"],
                    group=groups[one["experiment_id"]],
                    is_open=one["is_open"],
                    warm_start=tuple(one["warm_start"]),
                )
                for one in sweeps
            ],
            runs=_runs(runs, groups, places),
            artifacts=Artifacts.none(),
            bonds=self._bonds(runs, list(places), list(groups), edges),
        )

    def _rows(self, query: str, **parameters: object) -> list[Row]:
        return self._cursor.execute(_QUERIES[query], parameters).fetchall()

    def _bonds(
        self,
        runs: Sequence[Row],
        sweep_ids: list[str],
        experiment_ids: list[int],
        edges: list[_Edge],
    ) -> Bonds:
        run_ids = [one["run_id"] for one in runs]
        tenants = [one["tenant_id"] for one in runs]
        names = list(TAGS)
        of_runs = self._rows("run_tags", run_ids=run_ids, names=names)
        of_sweeps = self._rows("sweep_tags", sweep_ids=sweep_ids, names=names)
        of_experiments = self._rows("experiment_tags", experiment_ids=experiment_ids, names=names)
        sources = self._rows("sources", run_ids=run_ids, tenants=tenants)
        return Bonds(
            run_tags={one["run_id"]: frozenset(one["names"]) for one in of_runs},
            sweep_tags={one["sweep_id"]: frozenset(one["names"]) for one in of_sweeps},
            experiment_tags={
                Group(one["tenant_id"], one["experiment"]): frozenset(one["names"])
                for one in of_experiments
            },
            holds=open_holds(self._cursor),
            promoted=[one["run_id"] for one in self._rows("promoted", run_ids=run_ids)],
            candidates=[one["run_id"] for one in self._rows("candidates", run_ids=run_ids)],
            evaluated=[one["run_id"] for one in self._rows("evaluated", run_ids=run_ids)],
            reruns=[
                (one["run_id"], one["rerun_of"]) for one in self._rows("reruns", run_ids=run_ids)
            ],
            edges=[*edges, *(_edge(one) for one in sources)],
        )


def open_holds(cursor: psycopg.Cursor[Row]) -> list[Hold]:
    """Holds that nobody has lifted, of all tenants."""
    return [
        Hold(
            tenant=row["tenant_id"],
            scope=HoldScope(row["scope"]),
            name=row["name"],
            until=row["until"],
        )
        for row in cursor.execute(_HOLDS["open_holds"])
    ]


def _runs(rows: Sequence[Row], groups: dict[int, int], sweeps: dict[str, int]) -> Runs:
    count = len(rows)
    nothing = np.zeros(count, dtype=np.int64)
    return Runs(
        run_ids=[one["run_id"] for one in rows],
        groups=np.array([groups[one["experiment_id"]] for one in rows], dtype=np.int32),
        sweeps=np.array([sweeps.get(one["sweep_id"], NONE) for one in rows], dtype=np.int32),
        states=np.array([STATES.index(RunState(one["state"])) for one in rows], dtype=np.int8),
        ended=np.array(
            [NONE if at is None else int(at.timestamp()) for at in (r["ended_at"] for r in rows)],
            dtype=np.int64,
        ),
        is_sealed=np.array([one["is_sealed"] for one in rows], dtype=np.bool_),
        objectives=np.full(count, np.nan),
        points=nothing,
        first_points=np.full(count, NONE, dtype=np.int64),
        last_points=np.full(count, NONE, dtype=np.int64),
        is_exported=nothing > 0,
        is_marked=nothing > 0,
    )


def _edge(row: Row) -> _Edge:
    return row["tenant_id"], row["upstream"], row["downstream"]


def _is_run(node: str) -> bool:
    return node.startswith("run:")
