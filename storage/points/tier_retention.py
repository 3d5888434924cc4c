"""Drops tiers of points that are marked and due, by chunk, once what must stay is a file."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import class_row

from retention.planning import plan
from retention.plans import TierDrop
from retention.policy import RetentionPolicy
from retention.resolution_clock import TierStep, drop_steps
from retention.tiers import Tier
from retention.world import Bools, World
from storage import queries
from storage.database import Pool, transaction
from storage.points.point_export import PointExport
from storage.points.rollups import PostgresMetricTiers
from storage.retention.deletion import guarded_runs
from storage.retention.exclusion import shut_out, while_nobody_ties
from storage.retention.world import load_points
from sweeps.blobs import ArtifactStore
from sweeps.errors import StorageUnavailable
from sweeps.ids import RunId, TenantId

_QUERIES = queries.load("retention")
_STEP_RUNS = 500  # that are looked at again in one transaction, which tags wait for
_LOOKS = 10  # at the world, when runs are tagged all the time; then it waits for the next day

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What was dropped."""

    tiers: int = 0
    exported_runs: int = 0
    exported_bytes: int = 0
    freed_bytes: int = 0

    def __add__(self, other: "Dropped") -> "Dropped":
        return Dropped(
            tiers=self.tiers + other.tiers,
            exported_runs=self.exported_runs + other.exported_runs,
            exported_bytes=self.exported_bytes + other.exported_bytes,
            freed_bytes=self.freed_bytes + other.freed_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    plan_id: int
    ordinal: int
    name: str
    before: dt.datetime

    @property
    def key(self) -> dict[str, object]:
        return {"plan_id": self.plan_id, "ordinal": self.ordinal}

    @property
    def keys(self) -> dict[str, object]:
        return {"plan_ids": [self.plan_id], "ordinals": [self.ordinal]}


class TierRetention:
    """Exports, decides, drops. Each may be done again: killed anywhere, the next call goes on.

    It is decided in steps, from the oldest points on. Each is a transaction that tags wait for: it
    looks at the runs whose points go with it, and moves the time from which on the tier is whole.
    What is older is no more for anybody; chunks are dropped later, and nobody waits for that.
    """

    def __init__(self, pool: Pool, store: ArtifactStore, *, step_runs: int = _STEP_RUNS) -> None:
        self._pool = pool
        self._tiers = PostgresMetricTiers(pool)
        self._export = PointExport(pool, store)
        self._step_runs = step_runs

    def drop_due(self, policy: RetentionPolicy, *, now: dt.datetime) -> Dropped:
        """Drop what is due of each tier, as far as a plan of this moment would still go.

        Raises:
            StorageUnavailable: The database or the store does not answer, or is busy.
        """
        done = self._remove()
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(_Due))
            due = cursor.execute(_QUERIES["due_tiers"], {"now": now}).fetchall()
        for one in due:
            done += self._drop(one, policy, now) + self._remove()
        return done

    def _drop(self, due: _Due, policy: RetentionPolicy, now: dt.datetime) -> Dropped:
        """Export and decide; what is decided is not removed yet."""
        tier = Tier(due.name)
        exported: set[str] = set()
        done = Dropped()
        for _ in range(_LOOKS):
            world = load_points(self._pool)
            found = _of_tier(plan(world, policy, now=now).tiers, tier)
            if found is None:
                self._end(due)
                break
            files = self._export_all(world, found, exported)
            done += files
            # Files take their time: what is decided is decided about the world as it is now.
            if not files.exported_runs and self._decide(due, world, found, exported, now):
                break
        return done

    def _export_all(self, world: World, found: TierDrop, exported: set[str]) -> Dropped:
        runs = size = 0
        for place in found.exports.tolist():
            run = world.runs.run_ids[int(place)]
            if run in exported:
                continue
            group = world.groups[int(world.runs.groups[place])]
            size += self._export.export(RunId(run), tenant_id=TenantId(group.tenant))
            exported.add(run)
            runs += 1
        return Dropped(exported_runs=runs, exported_bytes=size)

    def _decide(
        self, due: _Due, world: World, found: TierDrop, exported: set[str], now: dt.datetime
    ) -> bool:
        """Whether all of it is decided; else a run of the next step is kept since it was looked at."""
        before = min(found.before, due.before)
        steps = drop_steps(
            world,
            found.tier,
            before=before,
            in_files=world.runs.is_exported | _named(world, exported),
            most=self._step_runs,
        )
        for step in steps:
            # What coarser ones need is computed before anybody has to wait.
            for coarser in (Tier.MINUTES, Tier.HOURS):
                self._tiers.refresh(coarser)
            run_ids = [world.runs.run_ids[int(place)] for place in step.runs]
            is_last = step.before == before
            if not while_nobody_ties(
                self._pool,
                lambda connection, step=step, run_ids=run_ids, is_last=is_last: _decide_step(
                    connection, due, step, run_ids, now=now, is_last=is_last
                ),
            ):
                return False
        return True

    def _remove(self) -> Dropped:
        """Drop what is decided, also by whoever died before it was dropped."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(_Due))
            leaving = cursor.execute(_QUERIES["leaving_tiers"]).fetchall()
        done = Dropped()
        for one in leaving:
            tier = Tier(one.name)
            before = self._bytes(tier)
            self._tiers.drop(tier, before=one.before)
            freed = max(before - self._bytes(tier), 0)
            with transaction(self._pool) as connection:
                connection.execute(
                    _QUERIES["note_tier"],
                    {"plan_id": one.plan_id, "name": one.name, "size_bytes": freed},
                )
                connection.execute(_QUERIES["note_removed"], one.keys)
            done += Dropped(tiers=1, freed_bytes=freed)
        return done

    def _bytes(self, tier: Tier) -> int:
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["chunk_bytes"], {"tier": tier.value}).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    def _end(self, due: _Due) -> None:
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["end_tier"], due.key)


def _decide_step(
    connection: Connection,
    due: _Due,
    step: TierStep,
    run_ids: list[str],
    *,
    now: dt.datetime,
    is_last: bool,
) -> bool:
    """Whether the step is decided; else one of its runs is kept, and no file has its points."""
    if connection.execute(_QUERIES["lock_due_tier"], due.key).fetchone() is None:
        return True  # somebody has undone it, or has been faster
    shut_out(connection)
    connection.execute(_QUERIES["lock_runs"], {"run_ids": run_ids})
    if guarded_runs(connection, run_ids, now=now):
        return False
    row = connection.execute(
        _QUERIES["leave_tier"], {"tier": due.name, "before": step.before}
    ).fetchone()
    if row is None or not row[0]:
        raise StorageUnavailable(f"points from before {step.before} are not rolled up yet")
    connection.execute(_QUERIES["leave"], due.keys)
    if is_last:
        connection.execute(_QUERIES["note_deleted"], due.keys)
    return True


def _named(world: World, run_ids: set[str]) -> Bools:
    return np.fromiter((one in run_ids for one in world.runs.run_ids), np.bool_, len(world.runs))


def _of_tier(drops: Sequence[TierDrop], tier: Tier) -> TierDrop | None:
    return next((one for one in drops if one.tier is tier), None)
