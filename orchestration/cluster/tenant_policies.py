"""What the tenant file says about each tenant's trials in the cluster, for who looks after them."""

import time
from collections.abc import Callable
from dataclasses import replace

from governance.cluster.policies import Admission, ClusterPolicy, PodPolicy
from governance.tenants import Tenant, TenantDirectory
from orchestration.cluster.settings import QUEUE, ClusterSettings
from sweeps.errors import InvalidSweepFile, LauncherUnavailable

_KNOWN_SECONDS = 5.0  # reading the file takes as long as a launch, and there are many of these


class TenantPolicies:
    """Also of tenants that the file no longer knows: their sweeps may still run.

    Every method raises `LauncherUnavailable` while the tenant file has mistakes: trials wait for
    somebody to mend it.

    Args:
        tenants: Reads the tenant file.
    """

    def __init__(self, settings: ClusterSettings, tenants: Callable[[], TenantDirectory]) -> None:
        self._settings = settings
        self._read = tenants
        self._directory: TenantDirectory | None = None
        self._read_at = 0.0

    def namespace_of(self, tenant_id: str) -> str:
        """Where its trials run."""
        tenant = self._tenant(tenant_id)
        own = None if tenant is None else tenant.cluster.namespace
        return own or self._settings.namespace_of(tenant_id)

    def pods_of(self, tenant_id: str) -> PodPolicy:
        """What its sweeps may give their pods, and the queue that admits these."""
        tenant = self._tenant(tenant_id)
        policy = ClusterPolicy() if tenant is None else tenant.cluster
        queue = self.queue_of(tenant_id)  # reads the file if that is due
        if self._directory is None:
            return replace(policy.pods, queue=queue)
        return replace(self._directory.cluster.pods_of(policy), queue=queue)

    def queue_of(self, tenant_id: str) -> str:
        """The LocalQueue that its Jobs wait in; empty: they start at once."""
        tenant = self._tenant(tenant_id)
        match None if tenant is None else tenant.cluster.admission:
            case None:
                return self._settings.queue
            case Admission.NONE:
                return ""
            case Admission.KUEUE:
                return self._settings.queue or QUEUE

    def _tenant(self, tenant_id: str) -> Tenant | None:
        now = time.monotonic()
        if self._directory is None or now - self._read_at > _KNOWN_SECONDS:
            try:
                self._directory, self._read_at = self._read(), now
            except InvalidSweepFile as exc:
                raise LauncherUnavailable(f"the tenant file has mistakes: {exc}") from exc
        return self._directory.tenants.get(tenant_id)
