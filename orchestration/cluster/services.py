"""What works in a cluster, from its settings."""

from collections.abc import Callable

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.cluster_logs import ClusterLogs
from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.image_pinning import ImagePinning
from compute.kubernetes.image_registry import ImageRegistry
from compute.kubernetes.launch_rate import LaunchRate
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.log_keeper import LogKeeper
from compute.kubernetes.pod_logs import PodLogs
from compute.kubernetes.storage_pools import PoolDesk
from compute.kubernetes.trial_job import PodDefaults
from orchestration.cluster.settings import ClusterSettings
from orchestration.cluster.tenant_policies import TenantPolicies
from sweeps.ids import SweepId
from sweeps.ports import ImagePins, LogArchive

TenantOf = Callable[[SweepId], str]


def cluster_api(settings: ClusterSettings) -> ClusterApi:
    """The API server.

    Raises:
        LauncherUnavailable: There are no usable credentials.
    """
    return ClusterApi(connect(address_of(settings)))


def address_of(settings: ClusterSettings) -> ClusterAddress:
    """Where the API server is, and the way in."""
    return ClusterAddress(
        url=settings.url,
        token_file=settings.token_file,
        ca_file=settings.ca_file,
        kubeconfig=settings.kubeconfig,
        context=settings.context,
        is_inside=settings.is_inside,
    )


def trial_launcher(
    settings: ClusterSettings,
    api: ClusterApi,
    tenant_of: TenantOf,
    *,
    policies: TenantPolicies,
    pins: ImagePins | None = None,
    pools: PoolDesk | None = None,
) -> KubernetesLauncher:
    """Executes trials, each tenant's in its namespace.

    Args:
        pins: Remembers which images were looked up; None: only this process does.
        pools: Decides which attempts have to run near their data; None: none has to.
    """
    return KubernetesLauncher(
        api,
        namespace_of=lambda sweep_id: policies.namespace_of(tenant_of(sweep_id)),
        installation=settings.installation,
        defaults=PodDefaults(
            image=settings.image, gpu_resource=settings.gpu_resource, queue=settings.queue
        ),
        rate=LaunchRate(settings.launches_per_second),
        images=ImagePinning(settings.image_policy, ImageRegistry(settings.registry_config), pins),
        policy_of=policies.pods_of,
        pools=pools,
    )


def pod_logs(
    settings: ClusterSettings,
    api: ClusterApi,
    tenant_of: TenantOf,
    *,
    policies: TenantPolicies,
) -> PodLogs:
    """What trials have printed, as far as the cluster knows it."""
    return PodLogs(
        api,
        namespace_of=lambda sweep_id: policies.namespace_of(tenant_of(sweep_id)),
        installation=settings.installation,
    )


def cluster_logs(
    settings: ClusterSettings,
    api: ClusterApi,
    archive: LogArchive,
    tenant_of: TenantOf,
    *,
    policies: TenantPolicies,
) -> ClusterLogs:
    """What trials have printed, also those whose pods are gone."""
    pods = pod_logs(settings, api, tenant_of, policies=policies)
    return ClusterLogs(pods, archive, tenant_of=tenant_of)


def log_keeper(
    launcher: KubernetesLauncher, api: ClusterApi, archive: LogArchive, tenant_of: TenantOf
) -> LogKeeper:
    """Keeps the logs of the attempts that the launcher looks after."""
    keeper = LogKeeper(api, archive, tenant_of=tenant_of)
    launcher.observe(keeper)
    return keeper
