"""Holds: orders to keep something, placed and lifted by people."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from psycopg.rows import class_row

from retention.world import HoldScope
from storage import queries
from storage.database import Pool, transaction
from sweeps.errors import PermanentError
from sweeps.ids import TenantId

_QUERIES = queries.load("holds")


class HoldRefused(PermanentError):
    """A hold on nothing, or one that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A hold."""

    hold_id: int
    tenant_id: str
    scope: str
    name: str
    why: str
    until: dt.datetime | None
    placed_by: str
    placed_at: dt.datetime
    lifted_by: str | None
    lifted_at: dt.datetime | None


class HoldStore:
    """Holds of all tenants."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def place(
        self,
        scope: HoldScope,
        name: str,
        *,
        tenant_id: TenantId,
        why: str,
        who: str,
        until: dt.datetime | None = None,
        declared: Collection[str] = (),
    ) -> HoldRow:
        """Place one. From then on no deletion takes anything of it.

        Args:
            tenant_id: Whose it is; of a tenant, its own name.
            until: When it ends by itself; None: when somebody lifts it.
            declared: Tenants that there are although nothing is theirs yet.

        Raises:
            HoldRefused: There is no such thing, nobody says why, or its time is over already.
        """
        if not why.strip():
            raise HoldRefused("say why: who lifts it in a year has to know")
        if until is not None and until <= dt.datetime.now(dt.UTC):
            raise HoldRefused(f"a hold until {until:%Y-%m-%d %H:%M} UTC would hold nothing")
        is_tenant = scope is HoldScope.TENANT
        if is_tenant and name != tenant_id:
            raise HoldRefused(f"tenant {name!r} is not tenant {tenant_id!r}")
        parameters = {
            "tenant_id": tenant_id,
            "scope": scope.value,
            "name": name,
            "why": why,
            "until": until,
            "placed_by": who,
        }
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["is_there"], parameters).fetchone()
            if (row is None or not row[0]) and not (is_tenant and name in declared):
                whose = "there is" if is_tenant else f"tenant {tenant_id!r} has"
                raise HoldRefused(f"{whose} no {scope.value} {name!r}")
            connection.execute(_QUERIES["ensure_hold_tenant"], parameters)
            cursor = connection.cursor(row_factory=class_row(HoldRow))
            placed = cursor.execute(_QUERIES["place_hold"], parameters).fetchone()
        assert placed is not None  # an insert gives its row
        return placed

    def lift(self, hold_id: int, *, who: str) -> HoldRow:
        """Lift one; that it was there stays known.

        Raises:
            HoldRefused: There is none of that number, or it was lifted before.
        """
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(HoldRow))
            row = cursor.execute(
                _QUERIES["lift_hold"], {"hold_id": hold_id, "lifted_by": who}
            ).fetchone()
        if row is None:
            raise HoldRefused(f"there is no hold {hold_id}, or it was lifted before")
        return row

    def all(self, *, tenant_id: TenantId | None, with_lifted: bool = False) -> list[HoldRow]:
        """Those of a tenant, or of all, the newest first."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(HoldRow))
            return cursor.execute(
                _QUERIES["holds"], {"tenant_id": tenant_id, "with_lifted": with_lifted}
            ).fetchall()
