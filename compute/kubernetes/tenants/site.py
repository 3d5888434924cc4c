"""Where a tenant's objects are, and what they are called."""

from dataclasses import dataclass
from typing import Any

from compute.kubernetes import names
from governance.cluster.policies import ClusterPolicy

NAME = "sweepworks"  #: of what there is one of in a namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A tenant's place in the cluster."""

    tenant: str
    namespace: str  #: also the name of its ClusterQueue: one of that name is in a cluster
    installation: str
    policy: ClusterPolicy
    queue: str = ""  #: that its Jobs wait in; empty: none

    @property
    def counts_in_queue(self) -> bool:
        """Whether its quota is that of a queue, which has to count what every pod asks for."""
        quota = self.policy.quota
        return bool(self.queue) and quota.cpu is not None and quota.memory_bytes is not None

    def labels(self) -> dict[str, str]:
        """By which its objects are found again."""
        return {
            **shared_labels(self.installation),
            names.TENANT: names.label_value(self.tenant),
        }

    def metadata(self, name: str = NAME) -> dict[str, Any]:
        """Of an object in its namespace."""
        return {"name": name, "namespace": self.namespace, "labels": self.labels()}


def shared_labels(installation: str) -> dict[str, str]:
    """Of objects that belong to no tenant."""
    return {
        names.MANAGED_BY: names.MANAGER,
        names.INSTALLATION: names.label_value(installation),
    }
