"""Quotas: what each tenant may hold at once, whose turn it is, and which trials go first. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from governance.quotas.escalation import USUAL_STEPS, EscalationStep

#: Priority class of sweeps that name none, in the policy that ships.
USUAL_CLASS = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How much of everything; None: without limit, or unknown."""

    cpu: float | None = None  #: cores
    memory_bytes: int | None = None
    gpu: int | None = None  #: devices in all
    #: Devices by type; of a capacity: all that there are, so that others can never be had.
    gpu_types: Mapping[str, int] = field(default_factory=dict[str, int])
    trials: int | None = None  #: at a time

    @property
    def is_open(self) -> bool:
        """Whether nothing is bounded."""
        return self == Amounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityClass:
    """How urgent trials are, and what that entitles them to."""

    name: str
    value: int  #: classes of a higher one go first
    tenants: tuple[str, ...] | None = None  #: that may use it; None: all of them
    users: tuple[str, ...] | None = None  #: owners who may use it; None: all of them
    max_trials: int | None = None  #: of one tenant at a time
    max_share: float = 1.0  #: of the capacity that its trials hold together, at most
    raised_after: dt.timedelta | None = None  #: of waiting: treated like the next higher class

    def is_for(self, tenant: str) -> bool:
        """Whether anybody of a tenant may use it."""
        return self.tenants is None or tenant in self.tenants

    def refusal(self, *, tenant: str, user: str) -> str | None:
        """Why somebody may not use it; None: they may."""
        if not self.is_for(tenant):
            return f"priority {self.name!r} is not for tenant {tenant!r}"
        if self.users is not None and user not in self.users:
            return f"priority {self.name!r} is not for {user!r}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantQuota:
    """What one tenant may hold, and its part of what everybody wants."""

    weight: float = 1.0
    limits: Amounts = field(default_factory=Amounts)
    storage_bytes: int | None = None  #: in the artifact store
    users: Mapping[str, float] = field(default_factory=dict[str, float])  #: weights; others: 1
    experiments: Mapping[str, float] = field(default_factory=dict[str, float])  #: likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRule:
    """How much what was used before counts against what is wanted now."""

    half_life: dt.timedelta = dt.timedelta(days=7)
    influence: float = 1.0  #: 0: only what is held now counts


_NORMAL = PriorityClass(name=USUAL_CLASS, value=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The whole policy."""

    classes: Mapping[str, PriorityClass] = field(default_factory=lambda: {USUAL_CLASS: _NORMAL})
    usual_class: str = USUAL_CLASS
    capacity: Amounts = field(default_factory=Amounts)
    reserved_share: float = 0.0  #: of the capacity, which only `reserved_for` may use
    reserved_for: tuple[str, ...] = ()  #: classes
    usage: UsageRule = field(default_factory=UsageRule)
    backfills: bool = True  #: small trials may start while the first in the queue waits
    tenants: Mapping[str, TenantQuota] = field(default_factory=dict[str, TenantQuota])
    others: TenantQuota = field(default_factory=TenantQuota)  #: tenants that are not named
    escalation: tuple[EscalationStep, ...] = USUAL_STEPS  #: who is told of a violation, and when

    def of_tenant(self, name: str) -> TenantQuota:
        """The quota of a tenant."""
        return self.tenants.get(name, self.others)

    def path_of(self, name: str) -> str:
        """Where a tenant's limits are in the file: ``tenants.vision.limits``."""
        return f"tenants.{name}.limits" if name in self.tenants else "other_tenants.limits"

    def of_class(self, name: str | None) -> PriorityClass:
        """The class of that name; the usual one when there is none of that name any more."""
        return self.classes.get(name or self.usual_class) or self.classes[self.usual_class]
