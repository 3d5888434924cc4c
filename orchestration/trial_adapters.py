"""Adapters for trials: who admits, launches, hears and ends them, on this machine or in a cluster."""

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from orchestration.policy_stores import PolicyStores
from orchestration.settings import inherited_environment
from sweeps.ids import AttemptId, SweepId

if TYPE_CHECKING:
    from compute.kubernetes.api import ClusterApi
    from compute.kubernetes.launcher import KubernetesLauncher
    from compute.kubernetes.log_keeper import LogKeeper
    from compute.local_launcher import LocalLauncher
    from compute.spool_courier import SpoolCourier
    from governance.tenant_inventory import ClusterPlace
    from governance.tenants import TenantDirectory
    from orchestration.cluster.tenant_policies import TenantPolicies
    from orchestration.gateway_credentials import GatewayCredentials
    from storage.queue.admissions import PostgresAdmissionDesk
    from storage.queue.pool_placements import PostgresPoolDesk
    from storage.sweeps.trials import PostgresTrialStore
    from storage.tenant_inventory import TenantInventory
    from sweeps.ports import LogArchive, LogReader, TrialLauncher


class TrialAdapters(PolicyStores):
    """Each is made when it is first used."""

    @functools.cached_property
    def trial_store(self) -> "PostgresTrialStore":
        """Sweeps as their controllers see them."""
        from storage.lineage.origins import Launching
        from storage.sweeps.trials import PostgresTrialStore

        cluster = self.settings.cluster
        launching = (
            Launching(launcher="local", image=self.settings.image)
            if cluster is None
            else Launching(launcher="kubernetes", image=cluster.image or None)
        )
        return PostgresTrialStore(self.pool, launching=launching)

    @functools.cached_property
    def desk(self) -> "PostgresAdmissionDesk":
        """Who lets attempts start."""
        from storage.queue.admissions import PostgresAdmissionDesk

        return PostgresAdmissionDesk(
            self.pool,
            self.policies,
            predict=self.predictor,
            predict_rerun=self.predictor.of_rerun,
            budgets=self.budgets,
            is_elsewhere=self.is_admitted_by_kueue,
        )

    def is_admitted_by_kueue(self, tenant_id: str) -> bool:
        """Whether a queue of the cluster admits what a tenant starts."""
        return self.settings.cluster is not None and bool(self.tenant_policies.queue_of(tenant_id))

    @functools.cached_property
    def inventory(self) -> "TenantInventory":
        """Tenants with what they have, need and may have."""
        from storage.queue.live_attempts import LiveAttempts
        from storage.tenant_file import TenantFile
        from storage.tenant_inventory import TenantInventory

        return TenantInventory(
            tenants=TenantFile(self.settings.tenants_file).read,
            policies=self.policies,
            queue=self.queue,
            budgets=self.budgets,
            escalations=self.escalations,
            sweeps=self.catalog,
            attempts=LiveAttempts(self.pool),
            place_of=self._place_of,
        )

    def _place_of(self, directory: "TenantDirectory", tenant_id: str) -> "ClusterPlace | None":
        """Where a tenant's trials run in the cluster, if they do."""
        from governance.tenant_inventory import ClusterPlace
        from orchestration.cluster.tenant_policies import TenantPolicies

        if self.settings.cluster is None:
            return None
        own = directory.cluster_of(tenant_id)
        policies = TenantPolicies(self.settings.cluster, lambda: directory)
        return ClusterPlace(
            namespace=policies.namespace_of(tenant_id),
            queue=policies.queue_of(tenant_id),
            quota=own.quota,
            pools=own.pools,
        )

    @functools.cached_property
    def launcher(self) -> "TrialLauncher":
        """Executes trials, on this machine or in a cluster."""
        if self.settings.cluster is None:
            return self.launcher_with(inherited_environment())
        return self.cluster_launcher

    @functools.cached_property
    def cluster_launcher(self) -> "KubernetesLauncher":
        """Executes trials in the cluster."""
        from orchestration.cluster.services import trial_launcher

        assert self.settings.cluster is not None  # whoever asks has looked
        launcher = trial_launcher(
            self.settings.cluster,
            self.cluster_api,
            self.tenant_of,
            policies=self.tenant_policies,
            pins=self.catalog,
            pools=self.pool_placements,
        )
        self._stack.callback(launcher.close)
        return launcher

    @functools.cached_property
    def pool_placements(self) -> "PostgresPoolDesk":
        """Who decides which attempts in the cluster have to run near their data."""
        from storage.queue.pool_placements import PostgresPoolDesk

        return PostgresPoolDesk(self.pool)

    @functools.cached_property
    def cluster_api(self) -> "ClusterApi":
        """The API server of the cluster that trials run in."""
        from orchestration.cluster.services import cluster_api

        assert self.settings.cluster is not None  # whoever asks has looked
        return cluster_api(self.settings.cluster)

    @functools.cached_property
    def tenant_policies(self) -> "TenantPolicies":
        """What the tenant file says of trials in the cluster."""
        from orchestration.cluster.tenant_policies import TenantPolicies
        from storage.tenant_file import TenantFile

        assert self.settings.cluster is not None  # whoever asks has looked
        return TenantPolicies(self.settings.cluster, TenantFile(self.settings.tenants_file).read)

    @functools.cache  # noqa: B019  as long as the process
    def tenant_of(self, sweep_id: SweepId) -> str:
        """Whose sweep it is."""
        return self.catalog.get(sweep_id).spec.tenant

    def launcher_with(self, environment: Mapping[str, str]) -> "LocalLauncher":
        """Executes on this machine what inherits another environment than this process'."""
        from orchestration.this_machine import local_launcher

        return local_launcher(self.settings, environment)

    @functools.cached_property
    def logs(self) -> "LogReader":
        """What trials have printed."""
        if self.settings.cluster is not None:
            from orchestration.cluster.services import cluster_logs

            return cluster_logs(
                self.settings.cluster,
                self.cluster_api,
                self.log_archive,
                self.tenant_of,
                policies=self.tenant_policies,
            )
        from compute.local_logs import LocalLogs

        return LocalLogs(self.settings.home.runs)

    @functools.cached_property
    def log_archive(self) -> "LogArchive":
        """What trials had printed when they ended, where their machines are not this one."""
        from storage.artifacts.log_archive import ArtifactLogs

        return ArtifactLogs(self.artifacts, self.artifact_store)

    @functools.cached_property
    def log_keeper(self) -> "LogKeeper":
        """Fills the archive, in a controller of trials in a cluster."""
        from orchestration.cluster.services import log_keeper

        return log_keeper(self.cluster_launcher, self.cluster_api, self.log_archive, self.tenant_of)

    @functools.cached_property
    def credentials(self) -> "GatewayCredentials":
        """Run tokens for trials."""
        from orchestration.gateway_credentials import GatewayCredentials

        return GatewayCredentials(self.settings)

    @functools.cached_property
    def courier(self) -> "SpoolCourier":
        """Sends what trials on this machine could not send before they ended."""
        from compute.spool_courier import SpoolCourier

        return SpoolCourier(self.settings.home.spool, credentials=self.credentials)

    def live_attempts(self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]) -> set[AttemptId]:
        """Those of the attempts that have not ended."""
        statuses = self.launcher.poll(sweep_id, attempt_ids)
        return {attempt_id for attempt_id, status in statuses.items() if status.exit is None}
