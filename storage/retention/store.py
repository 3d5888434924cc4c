"""Plans of retention as rows: written down, applied, undone."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from governance.cost.price_file import PRICES
from retention.keeping import ItemState, OutOfPlace, PlanRow
from retention.planning import plan
from retention.plans import RetentionPlan
from retention.policy import RetentionPolicy
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.retention.choice import ItemKey, leave_out
from storage.retention.plan_summary import cold_summary, summary_of
from storage.retention.world import load_world
from sweeps.errors import PermanentError, RunNotFound
from sweeps.ids import TenantId

_QUERIES = queries.load("retention")
_CHECK = queries.load("retention_check")
_ALL = 2**62

Connection = psycopg.Connection[tuple[Any, ...]]


class PlanNotFound(PermanentError):
    """No plan of that number, or it was thrown away for a newer one."""

    def __init__(self, plan_id: int) -> None:
        self.plan_id = plan_id
        super().__init__(
            f"there is no plan {plan_id}; a newer one may stand for it: `sweepworks retention status`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """An item of a plan."""

    plan_id: int
    kind: str
    tenant_id: str
    experiment: str
    run_id: str
    name: str
    rule: str
    size_bytes: int
    before: dt.datetime | None
    state: str  #: an `ItemState`
    spared_by: str | None
    due_at: dt.datetime | None
    storage_class: str | None  #: where what is cold goes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRow:
    """What has gone."""

    deletion_id: int
    plan_id: int
    kind: str
    tenant_id: str
    experiment: str
    sweep_id: str | None
    run_id: str
    name: str
    rule: str
    size_bytes: int
    deleted_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """Items of one rule, going or spared."""

    rule: str
    spared_by: str | None
    count: int
    size_bytes: int


class RetentionStore:
    """Plans of an installation.

    Args:
        has_classes: Whether its store has classes of other prices, so that bytes may go cold.
    """

    def __init__(self, pool: Pool, *, has_classes: bool = False) -> None:
        self._pool = pool
        self._policies = PolicyStore(pool)
        self._has_classes = has_classes

    def make(
        self, policy: RetentionPolicy, *, policy_version: int, who: str, now: dt.datetime
    ) -> PlanRow:
        """Make a plan of what is there, and keep it; earlier ones that nobody applied are dropped.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        found = self._plan(policy, now)
        cold = cold_summary(
            found,
            self._policies.current(PRICES),
            is_asked=policy.moves_bytes,
            has_classes=self._has_classes,
        )
        return self.keep(found, policy_version=policy_version, who=who, cold=cold)

    def _plan(self, policy: RetentionPolicy, now: dt.datetime) -> RetentionPlan:
        return plan(load_world(self._pool), policy, now=now, has_classes=self._has_classes)

    def keep(
        self,
        found: RetentionPlan,
        *,
        policy_version: int,
        who: str,
        cold: Mapping[str, Any] | None = None,
    ) -> PlanRow:
        """Write a plan down.

        Args:
            cold: What goes cold comes to, in numbers; None: nobody has asked for it.
        """
        with transaction(self._pool) as connection:
            row = connection.execute(
                _QUERIES["insert_plan"],
                {
                    "made_at": found.made_at,
                    "made_by": who,
                    "policy_version": policy_version,
                    "summary": Jsonb({**summary_of(found), "cold": cold}),
                },
            ).fetchone()
            assert row is not None  # an insert gives its row
            plan_id = int(row[0])
            with (
                connection.cursor() as cursor,
                cursor.copy(_QUERIES["copy_items"].rstrip(";")) as copy,
            ):
                for values in _rows(found, plan_id):
                    copy.write_row(values)
            connection.execute(_QUERIES["drop_unapplied"], {"plan_id": plan_id})
        return self.get(plan_id)

    def get(self, plan_id: int) -> PlanRow:
        """One of them. `PlanNotFound`."""
        found = self._plans(plan_id, limit=1)
        if not found:
            raise PlanNotFound(plan_id)
        return found[0]

    def newest(self, *, limit: int = 20) -> list[PlanRow]:
        """The newest ones."""
        return self._plans(None, limit=limit)

    def items(
        self,
        *,
        plan_id: int | None = None,
        state: ItemState | None = None,
        tenant_id: TenantId | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[ItemRow]:
        """Items, the first to go first."""
        parameters = {
            "plan_id": plan_id,
            "state": state,
            "tenant_id": tenant_id,
            "run_id": run_id,
            "limit": limit or _ALL,
        }
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(ItemRow))
            return cursor.execute(_QUERIES["items"], parameters).fetchall()

    def shares(self, plan_id: int, *, tenant_id: TenantId | None = None) -> list[ShareRow]:
        """Items of a plan by rule and by what spares them."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(ShareRow))
            return cursor.execute(
                _QUERIES["shares"], {"plan_id": plan_id, "tenant_id": tenant_id}
            ).fetchall()

    def apply(
        self,
        plan_id: int,
        policy: RetentionPolicy,
        *,
        who: str,
        now: dt.datetime,
        only: Collection[ItemKey] | None = None,
    ) -> PlanRow:
        """Mark what the plan names and a plan of this moment would name again; the rest is spared.

        In one transaction: whoever dies in it has done nothing. Twice is once.

        Args:
            only: Items of the plan that may be marked; None: all of them.

        Raises:
            PlanNotFound: There is none of that number.
            storage.retention.choice.NotInPlan: It does not have one of these items.
            StorageUnavailable: The database does not answer.
        """
        fresh = self._plan(policy, now)
        parameters = {
            "plan_id": plan_id,
            "now": now,
            "due_at": now + policy.grace,
            "applied_by": who,
        }
        with transaction(self._pool) as connection:
            _lock(connection, plan_id)
            if only is not None:
                leave_out(connection, plan_id, only)
            with (
                connection.cursor() as cursor,
                cursor.copy(_QUERIES["copy_fresh"].rstrip(";")) as copy,
            ):
                for item in fresh.items():
                    copy.write_row((plan_id, item.kind, item.run_id, item.name, item.spared_by))
            connection.execute(_QUERIES["spare_changed"], parameters)
            connection.execute(_QUERIES["mark"], parameters)
            connection.execute(_QUERIES["forget_fresh"], parameters)
            connection.execute(_QUERIES["note_applied"], parameters)
        return self.get(plan_id)

    def undo_plan(self, plan_id: int) -> int:
        """Let everything of a plan stay that has not gone; returns how much.

        Raises:
            PlanNotFound: There is none of that number.
        """
        with transaction(self._pool) as connection:
            _lock(connection, plan_id)
            return connection.execute(_QUERIES["undo_plan"], {"plan_id": plan_id}).rowcount

    def undo_items(self, run_id: str, name: str | None) -> int:
        """Let what is marked of a run stay, or one of its artifacts; returns how much.

        Raises:
            RunNotFound: There is no such run.
        """
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["is_run"], {"run_id": run_id}).fetchone()
            if row is None or not row[0]:
                raise RunNotFound(run_id)
            return connection.execute(
                _QUERIES["undo_items"], {"run_id": run_id, "name": name}
            ).rowcount

    def out_of_place(self, *, since: dt.datetime, limit: int = 100) -> list[OutOfPlace]:
        """What is to go, or has gone since then, although something guarded it: none, if all is well.

        Only what the rows prove: what guarded it for a minute before, and for a minute after.
        """
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(OutOfPlace))
            return cursor.execute(
                _CHECK["out_of_place"], {"since": since, "limit": limit}
            ).fetchall()

    def deletions(
        self, *, tenant_id: TenantId | None = None, limit: int = 100
    ) -> list[DeletionRow]:
        """What has gone, the newest first."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(DeletionRow))
            return cursor.execute(
                _QUERIES["deletions"], {"tenant_id": tenant_id, "limit": limit}
            ).fetchall()

    def _plans(self, plan_id: int | None, *, limit: int) -> list[PlanRow]:
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(PlanRow))
            return cursor.execute(
                _QUERIES["plans"], {"plan_id": plan_id, "limit": limit}
            ).fetchall()


def _rows(found: RetentionPlan, plan_id: int) -> Iterator[tuple[object, ...]]:
    for ordinal, item in enumerate(found.items()):
        state = ItemState.PLANNED if item.spared_by is None else ItemState.SPARED
        yield (
            plan_id, ordinal, item.kind, item.tenant, item.experiment, item.run_id, item.name,
            item.rule, item.size_bytes, item.before, state, item.spared_by, item.storage_class,
        )  # fmt: skip


def _lock(connection: Connection, plan_id: int) -> None:
    if connection.execute(_QUERIES["lock_plan"], {"plan_id": plan_id}).fetchone() is None:
        raise PlanNotFound(plan_id)
