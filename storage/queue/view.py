"""The queue as people look at it."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import psycopg
from psycopg.rows import class_row

from governance.quotas.file import QUOTAS
from governance.quotas.quota import Quotas
from governance.scheduling import Usage
from governance.scheduling.report import (
    Held,
    QueuedTrial,
    QueueReport,
    TenantUse,
    bounds,
    tenant_bounds,
    total,
)
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.rows import read_usage
from storage.sweeps.waits import read_waiting
from sweeps.ids import RunId
from sweeps.ports import Admission

_QUERIES = queries.load("admissions")
Connection = psycopg.Connection[tuple[Any, ...]]


class QueueView:
    """Reads, and decides nothing. Every method raises `StorageUnavailable`."""

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies

    def report(
        self, *, tenant_id: str | None = None, limit: int = 200, also: Collection[str] = ()
    ) -> QueueReport:
        """Who waits, and what everybody holds and used.

        Args:
            tenant_id: Only what is this tenant's; None: everything.
            limit: Of those who wait, trials and sweeps each.
            also: Tenants to be told of that have nothing, and no limits.
        """
        quotas = self._policies.current(QUOTAS).value
        whose = {"tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            waiting = (
                connection.cursor(row_factory=class_row(QueuedTrial))
                .execute(_QUERIES["waiting"], {**whose, "limit": limit})
                .fetchall()
            )
            sweeps = read_waiting(connection, tenant_id=tenant_id, limit=limit)
            held = _held(connection, whose)
            queued = dict(connection.execute(_QUERIES["queued"], whose).fetchall())
            stored = dict(connection.execute(_QUERIES["stored"], whose).fetchall())
            used = _used(connection, quotas)
            last = connection.execute(_QUERIES["last_pass"]).fetchone()
        decided_at, shares = last or (None, {})
        names = {*held, *queued, *stored, *used, *quotas.tenants, *also}
        if tenant_id is not None:
            names = {tenant_id}
        counted = [parts for parts, is_elsewhere in held.values() if not is_elsewhere]
        return QueueReport(
            waiting=waiting,
            sweeps=sweeps,
            n_waiting=sum(queued.values()),
            n_held=sum(parts.trials for parts, _ in held.values()),
            tenants=[
                _tenant(quotas, name, held, queued, stored, used, shares) for name in sorted(names)
            ],
            # A tenant sees what is its own: what others hold is not for it.
            capacity=bounds(quotas.capacity, total(counted)) if tenant_id is None else [],
            decided_at=decided_at,
        )

    def waits(self, run_ids: list[RunId]) -> dict[RunId, Admission]:
        """What runs wait for, of those that do."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["waits_of_runs"], {"run_ids": run_ids}).fetchall()
        return {
            RunId(run_id): Admission(
                is_admitted=False, reason=reason, place=place, starts_at=starts_at
            )
            for run_id, reason, place, starts_at in rows
        }


def _held(connection: Connection, whose: Mapping[str, object]) -> dict[str, tuple[Held, bool]]:
    """What each tenant holds, and whether somebody else admits it."""
    found: dict[str, tuple[Held, bool]] = {}
    for tenant, kind, is_elsewhere, trials, cpu_millis, memory, gpu in connection.execute(
        _QUERIES["held"], whose
    ):
        part = Held(
            trials=trials,
            cpu_millis=cpu_millis,
            memory_bytes=memory,
            gpus={kind: gpu} if gpu else {},
        )
        before, _ = found.get(tenant, (Held(), False))
        found[tenant] = (total([before, part]), is_elsewhere)
    return found


def _used(connection: Connection, quotas: Quotas) -> dict[str, Usage]:
    """What each tenant has used, decayed."""
    row = connection.execute(_QUERIES["begin_pass"]).fetchone()
    assert row is not None  # it reads no table that may be empty
    clock = {"now": row[0], "tau": quotas.usage.half_life.total_seconds() / math.log(2)}
    found: dict[str, Usage] = {}
    for (tenant, _, _), used in read_usage(connection.execute(_QUERIES["usage"], clock)).items():
        before = found.get(tenant, Usage())
        gpu_hours = dict(before.gpu_hours)
        for kind, hours in used.gpu_hours.items():
            gpu_hours[kind] = gpu_hours.get(kind, 0.0) + hours
        found[tenant] = Usage(
            cpu_hours=before.cpu_hours + used.cpu_hours,
            memory_gib_hours=before.memory_gib_hours + used.memory_gib_hours,
            gpu_hours=gpu_hours,
        )
    return found


def _tenant(
    quotas: Quotas,
    name: str,
    held: Mapping[str, tuple[Held, bool]],
    queued: Mapping[str, int],
    stored: Mapping[str, int],
    used: Mapping[str, Usage],
    shares: Mapping[str, float],
) -> TenantUse:
    mine, _ = held.get(name, (Held(), False))
    storage_bytes = int(stored.get(name, 0))
    return TenantUse(
        tenant_id=name,
        weight=quotas.of_tenant(name).weight,
        share=float(shares.get(name, 0.0)),
        queued=queued.get(name, 0),
        held=mine,
        used=used.get(name, Usage()),
        storage_bytes=storage_bytes,
        limits=tenant_bounds(quotas, name, mine, storage_bytes=storage_bytes),
    )
