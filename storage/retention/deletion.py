"""Deletes what is marked and due: artifacts and points of runs, each batch judged once more."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import class_row

from retention.guards import GUARDS, guards
from retention.planning import plan
from retention.plans import ItemKind
from retention.policy import RetentionPolicy
from retention.world import NONE, World
from storage import queries
from storage.database import Pool, transaction
from storage.retention.exclusion import shut_out, while_nobody_ties
from storage.retention.ties import load_tied
from storage.retention.world import load_world

_QUERIES = queries.load("retention")
_DIGESTS = queries.load("lineage_checks")
#: In one transaction, which tags and evaluations wait for: a fraction of a second.
_BATCH = 1_000
_RUNS_AT_ONCE = 20  # whose points go in a transaction, which holds up refreshes of the rollups

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of marked items."""

    deleted: int = 0
    deleted_bytes: int = 0
    restored: int = 0  #: something guards them since they were marked

    def __add__(self, other: "Carried") -> "Carried":
        return Carried(
            deleted=self.deleted + other.deleted,
            deleted_bytes=self.deleted_bytes + other.deleted_bytes,
            restored=self.restored + other.restored,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    plan_id: int
    ordinal: int
    kind: str
    tenant_id: str
    experiment: str
    run_id: str
    name: str
    rule: str
    size_bytes: int


class RetentionDeletion:
    """Deletes in batches, each in a transaction of its own: killed anywhere, the next call goes on.

    Artifacts go in that transaction. Of points it is only decided there: there may be millions of
    them, and nobody has to wait until they are removed.
    """

    def __init__(self, pool: Pool, *, batch: int = _BATCH, has_classes: bool = False) -> None:
        self._pool = pool
        self._batch = batch
        self._has_classes = has_classes

    def delete_due(self, *, now: dt.datetime) -> Carried:
        """Delete what is due by `now`, but for what is guarded now: that is marked no more.

        Raises:
            StorageUnavailable: The database does not answer, or somebody holds what is needed.
        """
        total = Carried()
        while (one := self.delete_some(now=now)) is not None:
            total += one
        return total

    def restore_changed(self, policy: RetentionPolicy, *, now: dt.datetime) -> int:
        """Mark no more what is due and a plan of this moment would not name; returns how much.

        What is to go cold is among it. The policy, a class, or the baseline may be another one than when it was marked.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        with transaction(self._pool) as connection:
            due = connection.execute(_QUERIES["all_due"], {"now": now}).fetchall()
        if not due:
            return 0
        world = _unmarked(load_world(self._pool))
        fresh = plan(world, policy, now=now, has_classes=self._has_classes)
        #: What spares each; nothing: it goes.
        spared_by = {
            (item.kind.value, item.run_id, item.name, item.storage_class): item.spared_by
            for item in fresh.items()
        }
        changed: list[tuple[int, int, str]] = []
        for plan_id, ordinal, kind, run_id, name, storage_class in due:
            key = (kind, run_id, name, storage_class)
            guard = spared_by.get(key)
            if key not in spared_by or guard is not None:
                changed.append((plan_id, ordinal, "changed" if guard is None else guard.value))
        with transaction(self._pool) as connection:
            return connection.execute(
                _QUERIES["restore"],
                {
                    "plan_ids": [plan_id for plan_id, _, _ in changed],
                    "ordinals": [ordinal for _, ordinal, _ in changed],
                    "guards": [guard for _, _, guard in changed],
                },
            ).rowcount

    def delete_some(self, *, now: dt.datetime) -> Carried | None:
        """One batch; None when nothing is due."""
        carried = while_nobody_ties(self._pool, lambda connection: self._decide(connection, now))
        self._remove_points()
        return carried

    def _decide(self, connection: Connection, now: dt.datetime) -> Carried | None:
        connection.execute(_QUERIES["begin_retention"])
        cursor = connection.cursor(row_factory=class_row(_Item))
        items = cursor.execute(_QUERIES["due_items"], {"now": now, "limit": self._batch}).fetchall()
        if not items:
            return None
        run_ids = sorted({item.run_id for item in items})
        rows = connection.execute(_QUERIES["intact_runs"], {"run_ids": run_ids})
        intact = {run_id for (run_id,) in rows}
        shut_out(connection)
        connection.execute(_QUERIES["lock_runs"], {"run_ids": run_ids})
        # Statements behind the locks see what was committed while they were waited for.
        guarded = guarded_runs(connection, run_ids, now=now)
        restored = [item for item in items if item.run_id in guarded]
        going = [item for item in items if item.run_id not in guarded]
        connection.execute(
            _QUERIES["restore"],
            {**_keys(restored), "guards": [guarded[item.run_id] for item in restored]},
        )
        _delete(connection, going, intact)
        return Carried(
            deleted=len(going),
            deleted_bytes=sum(item.size_bytes for item in going),
            restored=len(restored),
        )

    def _remove_points(self) -> None:
        """Remove points that are decided, also by whoever died before they were removed."""
        while True:
            with transaction(self._pool) as connection:
                rows = connection.execute(
                    _QUERIES["take_leaving"], {"limit": _RUNS_AT_ONCE}
                ).fetchall()
                if not rows:
                    return
                plan_ids, ordinals, run_ids = zip(*rows, strict=True)
                connection.execute(_QUERIES["delete_points"], {"run_ids": list(run_ids)})
                connection.execute(
                    _QUERIES["note_removed"],
                    {"plan_ids": list(plan_ids), "ordinals": list(ordinals)},
                )


def guarded_runs(
    connection: Connection, run_ids: Sequence[str], *, now: dt.datetime
) -> dict[str, str]:
    """What guards some runs now, by run; those that nothing guards are not in it."""
    world = load_tied(connection, run_ids)
    codes = guards(world, now=now)
    places = {run_id: place for place, run_id in enumerate(world.runs.run_ids)}
    return {
        run_id: GUARDS[int(codes[places[run_id]])].value
        for run_id in run_ids
        if run_id in places and codes[places[run_id]] != NONE
    }


def _unmarked(world: World) -> World:
    """The same, as if nothing were marked: what is, is judged again."""
    artifacts, runs = world.artifacts, world.runs
    return replace(
        world,
        artifacts=replace(artifacts, is_marked=np.zeros_like(artifacts.is_marked)),
        runs=replace(runs, is_marked=np.zeros_like(runs.is_marked)),
    )


def _delete(connection: Connection, items: Sequence[_Item], intact: set[str]) -> None:
    files = [item for item in items if item.kind == ItemKind.ARTIFACT]
    points = [item for item in items if item.kind == ItemKind.POINTS]
    # What is recorded of runs that were as they were follows what is taken from them.
    run_ids = sorted({item.run_id for item in files} & intact)
    connection.execute(_QUERIES["delete_artifacts"], _named(files))
    if points:
        connection.execute(
            _QUERIES["note_points"],
            {**_named(points), "sizes": [item.size_bytes for item in points]},
        )
        connection.execute(_QUERIES["leave"], _keys(points))
    connection.execute(_QUERIES["forget_digests"], {"run_ids": run_ids})
    connection.execute(_DIGESTS["record_digests"], {"run_ids": run_ids, "limit": len(run_ids)})
    connection.execute(_QUERIES["note_deleted"], _keys(items))


def _keys(items: Sequence[_Item]) -> dict[str, object]:
    return {
        "plan_ids": [item.plan_id for item in items],
        "ordinals": [item.ordinal for item in items],
    }


def _named(items: Sequence[_Item]) -> dict[str, object]:
    return {
        "plan_ids": [item.plan_id for item in items],
        "run_ids": [item.run_id for item in items],
        "names": [item.name for item in items],
        "rules": [item.rule for item in items],
        "experiments": [item.experiment for item in items],
    }
