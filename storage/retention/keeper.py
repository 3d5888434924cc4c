"""All that retention does by itself, in the order in which it is safe."""

import datetime as dt

from retention.keeping import CarriedOut, OutOfPlace, PlanRow
from retention.policy import Approval, RetentionPolicy
from retention.policy_file import RETENTION
from storage import queries
from storage.artifacts.blob_collection import BlobCollection, Collected
from storage.artifacts.blob_deletion import LEAST_AGE
from storage.artifacts.store_owner import StoreOwner
from storage.database import Pool, transaction
from storage.points.tier_retention import TierRetention
from storage.policy_store import PolicyStore
from storage.retention.cold import ColdStorage, Moved
from storage.retention.deletion import RetentionDeletion
from storage.retention.plan_summary import NO_CLASSES
from storage.retention.store import RetentionStore
from sweeps.blobs import ArtifactStore, CollectionRefused, NoStorageClass, StoreWithClasses
from sweeps.policies import AppliedPolicy

_QUERIES = queries.load("retention")
_DAY = dt.timedelta(days=1)


class PostgresRetentionKeeper:
    """A `retention.keeping.RetentionKeeper`.

    Args:
        least_age: How long bytes that nothing refers to are left alone.
    """

    def __init__(
        self, pool: Pool, store: ArtifactStore, *, least_age: dt.timedelta = LEAST_AGE
    ) -> None:
        self._pool = pool
        self._policies = PolicyStore(pool)
        classes = store if isinstance(store, StoreWithClasses) else None
        self.plans = RetentionStore(pool, has_classes=classes is not None)
        self._deletion = RetentionDeletion(pool, has_classes=classes is not None)
        self._cold = None if classes is None else ColdStorage(pool, classes)
        self._tiers = TierRetention(pool, store)
        self.owner = StoreOwner(pool, store)
        self._collection = BlobCollection(pool, store, least_age=least_age)

    @property
    def policy(self) -> AppliedPolicy[RetentionPolicy]:
        """What holds now."""
        return self._policies.current(RETENTION)

    def warning(self) -> str | None:
        """What the policy asks for and this installation cannot do; None: there is no such thing."""
        return NO_CLASSES if self._cold is None and self.policy.value.moves_bytes else None

    def plan(self, *, who: str, now: dt.datetime) -> PlanRow:
        """Make a plan, and apply it where the policy says so."""
        policy = self.policy
        made = self.plans.make(policy.value, policy_version=policy.version, who=who, now=now)
        if policy.value.apply is Approval.APPROVE:
            return made
        return self.plans.apply(made.plan_id, policy.value, who=who, now=now)

    def carry_out(self, *, now: dt.datetime, with_strays: bool = False) -> CarriedOut:
        """Delete what is due, drop what is due of points, collect what nothing refers to, and move what is cold.

        Args:
            with_strays: A person has said that strays may go, however many they are.
        """
        policy = self.policy.value
        changed = self._deletion.restore_changed(policy, now=now)
        carried = self._deletion.delete_due(now=now)
        dropped = self._tiers.drop_due(policy, now=now)
        refused = ""
        try:
            collected = self._collection.collect(now=now, with_strays=with_strays)
        except CollectionRefused as exc:
            collected, refused = Collected(), str(exc)
        moved = Moved()
        try:
            if self._cold is not None:
                moved = self._cold.move_due(now=now)
        except NoStorageClass as exc:
            refused = f"{refused}; {exc}" if refused else str(exc)
        with transaction(self._pool) as connection:
            rows = connection.execute(
                _QUERIES["freed"], {"since": now - _DAY, "tenant_id": None}
            ).fetchall()
        return CarriedOut(
            deleted=carried.deleted,
            deleted_bytes=carried.deleted_bytes,
            restored=carried.restored + changed,
            tiers=dropped.tiers,
            exported_runs=dropped.exported_runs,
            collected=collected.deleted,
            freed_bytes=collected.freed_bytes + dropped.freed_bytes,
            moved=moved.count,
            moved_bytes=moved.size_bytes,
            strays=collected.adopted,
            refused=refused,
            by_rule={rule: (count, size) for rule, count, size in rows},
        )

    def out_of_place(self, *, since: dt.datetime) -> list[OutOfPlace]:
        """What is to go, or has gone since then, although something guarded it."""
        return self.plans.out_of_place(since=since)
