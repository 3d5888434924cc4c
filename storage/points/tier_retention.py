"""Drops tiers of points that are marked and due, by chunk, once what must stay is a file."""

import contextlib
import datetime as dt
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from retention.planning import plan
from retention.plans import TierDrop
from retention.policy import RetentionPolicy
from retention.tiers import Tier
from storage import queries
from storage.database import Pool, transaction
from storage.errors import translate_errors
from storage.points.point_export import PointExport
from storage.points.rollups import PostgresMetricTiers
from storage.retention.world import load_points
from sweeps.blobs import ArtifactStore
from sweeps.ids import RunId, TenantId

_QUERIES = queries.load("retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What was dropped."""

    tiers: int = 0
    exported_runs: int = 0
    exported_bytes: int = 0
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    plan_id: int
    ordinal: int
    name: str
    before: dt.datetime


class TierRetention:
    """Exports, then drops. Both may be done again: killed anywhere, the next call goes on."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._tiers = PostgresMetricTiers(pool)
        self._export = PointExport(pool, store)

    def drop_due(self, policy: RetentionPolicy, *, now: dt.datetime) -> Dropped:
        """Drop what is due of each tier, as far as a plan of this moment would still go.

        Raises:
            StorageUnavailable: The database or the store does not answer, or is busy.
        """
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(_Due))
            due = cursor.execute(_QUERIES["due_tiers"], {"now": now}).fetchall()
        done = Dropped()
        for one in due:
            dropped = self._drop(one, policy, now)
            done = Dropped(
                tiers=done.tiers + dropped.tiers,
                exported_runs=done.exported_runs + dropped.exported_runs,
                exported_bytes=done.exported_bytes + dropped.exported_bytes,
                freed_bytes=done.freed_bytes + dropped.freed_bytes,
            )
        return done

    def _drop(self, due: _Due, policy: RetentionPolicy, now: dt.datetime) -> Dropped:
        tier = Tier(due.name)
        exported, size = self._export_all(tier, policy, now)
        runs = len(exported)
        # What coarser ones need is computed before anybody has to wait.
        for coarser in (Tier.MINUTES, Tier.HOURS):
            self._tiers.refresh(coarser)
        with self._nobody_tags():
            # A run that was tagged since has its file now, or keeps its points.
            world = load_points(self._pool)
            found = _of_tier(plan(world, policy, now=now).tiers, tier)
            if found is None:
                self._note("restore_tier", due)
                return Dropped(exported_runs=runs, exported_bytes=size)
            # One without points of its own has no file, and was looked at all the same.
            if any(world.runs.run_ids[int(place)] not in exported for place in found.exports):
                return Dropped(exported_runs=runs, exported_bytes=size)
            before = self._bytes(tier)
            self._tiers.drop(tier, before=min(found.before, due.before))
            freed = max(before - self._bytes(tier), 0)
        with transaction(self._pool) as connection:
            connection.execute(
                _QUERIES["note_tier"],
                {"plan_id": due.plan_id, "name": due.name, "size_bytes": freed},
            )
            connection.execute(
                _QUERIES["note_deleted"], {"plan_ids": [due.plan_id], "ordinals": [due.ordinal]}
            )
        return Dropped(tiers=1, exported_runs=runs, exported_bytes=size, freed_bytes=freed)

    def _export_all(
        self, tier: Tier, policy: RetentionPolicy, now: dt.datetime
    ) -> tuple[set[str], int]:
        world = load_points(self._pool)
        found = _of_tier(plan(world, policy, now=now).tiers, tier)
        exported: set[str] = set()
        size = 0
        if found is None:
            return exported, size
        for place in found.exports.tolist():
            run = world.runs.run_ids[int(place)]
            group = world.groups[int(world.runs.groups[place])]
            size += self._export.export(RunId(run), tenant_id=TenantId(group.tenant))
            exported.add(run)
        return exported, size

    @contextlib.contextmanager
    def _nobody_tags(self) -> Generator[None, None, None]:
        """Dropping commits as it goes: a lock of one transaction would not last."""
        with translate_errors(), self._pool.connection() as connection:
            connection.autocommit = True
            try:
                connection.execute(_QUERIES["hold_off"])
                yield
            finally:
                if not connection.closed:
                    connection.execute(_QUERIES["go_on"])
                    connection.autocommit = False

    def _bytes(self, tier: Tier) -> int:
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["chunk_bytes"], {"tier": tier.value}).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    def _note(self, query: str, due: _Due) -> None:
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES[query], {"plan_id": due.plan_id, "ordinal": due.ordinal})


def _of_tier(drops: Sequence[TierDrop], tier: Tier) -> TierDrop | None:
    return next((one for one in drops if one.tier is tier), None)
