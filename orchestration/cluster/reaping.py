"""The cluster's reaper with the rows of this installation."""

from typing import TYPE_CHECKING

from compute.kubernetes.reaper import ClusterReaper, Reaped
from sweeps.errors import PermanentError

if TYPE_CHECKING:
    from orchestration.platform import Platform


def reap_cluster(platform: "Platform", *, dry_run: bool = False) -> list[Reaped]:
    """Put every tenant's namespace in order.

    Raises:
        PermanentError: Trials do not run in a cluster here.
        LauncherUnavailable: The API server does not answer.
        StorageUnavailable: The database does not.
    """
    from storage.queue.live_attempts import LiveAttempts

    cluster = platform.settings.cluster
    if cluster is None:
        raise PermanentError("trials run on this machine; set SWEEPWORKS_LAUNCHER=kubernetes")
    live = LiveAttempts(platform.pool)
    reaper = ClusterReaper(
        platform.cluster_api, installation=cluster.installation, live_among=live.among
    )
    namespaces = {platform.tenant_policies.namespace_of(tenant_id) for tenant_id in live.tenants()}
    return reaper.reap(sorted(namespaces), dry_run=dry_run)
