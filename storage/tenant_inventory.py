"""The inventory of tenants, put together from the stores that have its parts."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from governance.budgets.spending import BudgetPosition
from governance.quotas.file import QUOTAS
from governance.tenant_inventory import (
    ClusterPlace,
    KeptAs,
    KeptBytes,
    TenantEntry,
    TenantNotFound,
)
from governance.tenants import TenantDirectory
from retention.policy_file import RETENTION
from storage.budgets.store import BudgetStore
from storage.policy_store import PolicyStore
from storage.queue.escalations import PostgresEscalations
from storage.queue.live_attempts import LiveAttempts
from storage.queue.view import QueueView
from storage.sweeps.catalog import SweepCatalog

T = TypeVar("T")


class TenantInventory:
    """Reads, and decides nothing. Every method raises `StorageUnavailable`.

    Args:
        tenants: Reads the tenant file.
        place_of: Where a tenant's trials run in the cluster; None: they run on this machine.
    """

    def __init__(
        self,
        *,
        tenants: Callable[[], TenantDirectory],
        policies: PolicyStore,
        queue: QueueView,
        budgets: BudgetStore,
        escalations: PostgresEscalations,
        sweeps: SweepCatalog,
        attempts: LiveAttempts,
        place_of: Callable[[TenantDirectory, str], ClusterPlace | None],
    ) -> None:
        self._tenants = tenants
        self._policies = policies
        self._queue = queue
        self._budgets = budgets
        self._escalations = escalations
        self._sweeps = sweeps
        self._attempts = attempts
        self._place_of = place_of

    def all(self, *, now: dt.datetime) -> list[TenantEntry]:
        """Every tenant that the file declares, that anything belongs to, or that has limits.

        Budgets are those of one tenant each.

        Raises:
            InvalidSweepFile: The tenant file has mistakes.
        """
        directory = self._tenants()
        return self._entries(directory, self._names(directory), only=None, now=now)

    def one(self, name: str, *, now: dt.datetime, with_shared: bool = False) -> TenantEntry:
        """One tenant.

        Args:
            with_shared: Also budgets that others spend from, too, as far as they may cover it.

        Raises:
            TenantNotFound: There is none of that name.
            InvalidSweepFile: The tenant file has mistakes.
        """
        directory = self._tenants()
        names = self._names(directory)
        if name not in names:
            raise TenantNotFound(f"no tenant {name[:80]!r}; known: {', '.join(sorted(names))}")
        (entry,) = self._entries(directory, {name}, only=name, now=now, with_shared=with_shared)
        return entry

    def _names(self, directory: TenantDirectory) -> set[str]:
        limited = self._policies.current(QUOTAS).value.tenants
        declared = {tenant.name for tenant in directory.all()}
        return declared | set(limited) | set(self._attempts.tenants())

    def _entries(
        self,
        directory: TenantDirectory,
        names: set[str],
        *,
        only: str | None,
        now: dt.datetime,
        with_shared: bool = False,
    ) -> list[TenantEntry]:
        quotas = self._policies.current(QUOTAS).value
        retention = self._policies.current(RETENTION).value
        report = self._queue.report(tenant_id=only, limit=1, also=names)
        uses = {use.tenant_id: use for use in report.tenants}
        positions = self._budgets.positions(tenant=only, now=now)
        sweeps = _by_tenant(self._sweeps.live(tenant_id=only), lambda one: one.tenant_id)
        escalations = _by_tenant(self._escalations.list(tenant=only), lambda one: one.tenant_id)
        declared = {tenant.name for tenant in directory.all()}
        entries: list[TenantEntry] = []
        for name in sorted(names):
            tenant = directory.tenants.get(name)
            entries.append(
                TenantEntry(
                    name=name,
                    is_declared=name in declared,
                    contacts=() if tenant is None else tenant.contacts,
                    members=()
                    if tenant is None
                    else tuple(tenant.member(one) for one in tenant.members),
                    use=uses[name],
                    classes=[one for one in quotas.classes.values() if one.is_for(name)],
                    budgets=_budgets(positions, name, with_shared=with_shared),
                    kept_as=[
                        KeptAs(experiments=pattern, retention_class=one.name)
                        for pattern, one in retention.classes_of(name)
                    ],
                    kept_bytes=[
                        KeptBytes(experiments=one.scope.experiment, max_bytes=one.max_bytes)
                        for one in retention.budgets
                        if one.scope.covers_tenant(name)
                    ],
                    cluster=self._place_of(directory, name),
                    sweeps=sweeps.get(name, ()),
                    escalations=escalations.get(name, ()),
                )
            )
        return entries


def _budgets(
    positions: Iterable[BudgetPosition], tenant: str, *, with_shared: bool
) -> list[BudgetPosition]:
    return [one for one in positions if with_shared or one.budget.scope.tenant == tenant]


def _by_tenant(found: Iterable[T], tenant_of: Callable[[T], str]) -> dict[str, Sequence[T]]:
    by_tenant: dict[str, list[T]] = {}
    for one in found:
        by_tenant.setdefault(tenant_of(one), []).append(one)
    return dict(by_tenant)
