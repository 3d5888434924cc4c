"""An inventory of tenants: who they are, what they need, and what bounds them. Pure.

Every piece comes from who owns it; nothing is worked out here.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.budgets.report import document as budget_document
from governance.budgets.spending import BudgetPosition
from governance.cluster.policies import Quota
from governance.contacts import Contact
from governance.policy_parts import class_part
from governance.quotas.escalations import Escalation, contact_document
from governance.quotas.escalations import document as escalation_document
from governance.quotas.quota import PriorityClass
from governance.scheduling.report import TenantUse, bytes_words
from sweeps.errors import PermanentError
from sweeps.ids import SweepId


class TenantNotFound(PermanentError):
    """There is no such tenant, or not for who asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSweep:
    """A sweep that has not ended."""

    sweep_id: SweepId
    tenant_id: str
    experiment: str
    owner: str
    state: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAs:
    """By which class of retention experiments go."""

    experiments: str  #: a pattern, of those that no earlier one has; ``*``: all others
    retention_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBytes:
    """How much experiments may keep."""

    experiments: str  #: a pattern
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlace:
    """Where trials run in a cluster."""

    namespace: str | None  #: None: as the platform is set, which who asks does not know
    queue: str | None  #: that admits Jobs there; empty: none; None: likewise
    quota: Quota
    pools: Sequence[str] = ()  #: storage pools that its trials may read from


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantEntry:
    """One tenant."""

    name: str
    is_declared: bool  #: by the tenant file; others have sweeps from when one named them, or limits
    contacts: Sequence[Contact]
    members: Sequence[Contact]  #: empty: everybody
    use: TenantUse
    classes: Sequence[PriorityClass]  #: that somebody of it may use
    budgets: Sequence[BudgetPosition]
    kept_as: Sequence[KeptAs]
    kept_bytes: Sequence[KeptBytes]
    cluster: ClusterPlace | None  #: None: trials run on this machine
    sweeps: Sequence[LiveSweep]  #: the newest first
    escalations: Sequence[Escalation]  #: that are open


def own_part(entry: TenantEntry, *, reader: str) -> TenantEntry:
    """An entry as its own tenant may read it: classes of priority without names of others.

    Args:
        reader: Who asks, which is somebody of that tenant.
    """
    users = {reader, *(member.name for member in entry.members)}
    classes = [class_part(one, tenant=entry.name, users=users) for one in entry.classes]
    return replace(entry, classes=classes)


def document(entry: TenantEntry) -> dict[str, Any]:
    """One for programs."""
    return {
        "name": entry.name,
        "declared": entry.is_declared,
        "contacts": [contact_document(one) for one in entry.contacts],
        "members": [contact_document(one) for one in entry.members] or None,
        "use": entry.use,
        "classes": entry.classes,
        "budgets": [budget_document(one) for one in entry.budgets],
        "retention": {"classes": entry.kept_as, "max_bytes": entry.kept_bytes},
        "cluster": entry.cluster,
        "sweeps": entry.sweeps,
        "escalations": [escalation_document(one) for one in entry.escalations],
    }


def class_words(one: PriorityClass) -> str:
    """``urgent, for ana, at most 4 trials at a time``."""
    parts = [one.name]
    if one.users is not None:
        parts.append(f"for {' and '.join(one.users) or 'nobody'}")
    if one.max_trials is not None:
        parts.append(f"at most {one.max_trials} trials at a time")
    if one.max_share < 1:
        parts.append(f"at most {one.max_share:.3g} of the capacity for all of it")
    return ", ".join(parts)


def kept_words(entry: TenantEntry) -> str:
    """``digits-*: short; others: standard; at most 2 TiB``."""
    kept = [
        f"{'others' if one.experiments == '*' else one.experiments}: {one.retention_class}"
        for one in entry.kept_as
    ]
    bounds = [
        f"{'all' if one.experiments == '*' else one.experiments}: at most {bytes_words(one.max_bytes)}"
        for one in entry.kept_bytes
    ]
    return "; ".join([*kept, *bounds])


def cluster_words(place: ClusterPlace) -> str:
    """``namespace sweepworks-vision, 64 cores, 512 GiB, 8 nvidia.com/gpu, 100 pods``."""
    quota = place.quota
    parts = [f"namespace {place.namespace or 'as the platform is set'}"]
    if place.queue:
        parts.append(f"admitted by queue {place.queue}")
    bounds = [] if quota.cpu is None else [f"{quota.cpu:g} cores"]
    bounds += [] if quota.memory_bytes is None else [bytes_words(quota.memory_bytes)]
    for device, count in quota.gpu.items():
        flavors = quota.gpu_flavors.get(device, {})
        of_these = ", ".join(f"{n} {flavor}" for flavor, n in flavors.items())
        bounds.append(f"{count} {device}{f' ({of_these})' if of_these else ''}")
    bounds += [] if quota.pods is None else [f"{quota.pods} pods"]
    if quota.storage_bytes is not None:
        bounds.append(f"{bytes_words(quota.storage_bytes)} of volumes")
    pools = [f"storage pools {' and '.join(place.pools)}"] if place.pools else []
    return ", ".join([*parts, *(bounds or ["no quota"]), *pools])
