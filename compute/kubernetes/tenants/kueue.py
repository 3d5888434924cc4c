"""A tenant's quota as Kueue has it: a ClusterQueue, and a LocalQueue that leads there."""

from collections.abc import Mapping
from typing import Any

from compute.kubernetes.tenants.quantities import cores, count, size
from compute.kubernetes.tenants.site import NAME, Site, shared_labels
from governance.cluster.policies import Quota

#: Every Kueue since 0.3 (2023) serves it; `v1beta2` only those since 0.15 (November 2025).
API_VERSION = "kueue.x-k8s.io/v1beta1"


def resource_flavors(
    installation: str, flavors: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """One of any node, and those that the tenant file declares by labels of nodes.

    A trial whose node selector has one of these labels is counted on that flavor; one that has none
    of them takes the first flavor with room, and is bound to its nodes.
    """
    specs: dict[str, dict[str, Any]] = {
        NAME: {},
        **{_flavor(name): {"nodeLabels": dict(labels)} for name, labels in flavors.items()},
    }
    return [
        {
            "apiVersion": API_VERSION,
            "kind": "ResourceFlavor",
            "metadata": {"name": name, "labels": shared_labels(installation)},
            "spec": spec,
        }
        for name, spec in specs.items()
    ]


def cluster_queue(site: Site) -> dict[str, Any]:
    """The tenant's quota; within its cohort it lends what is idle, and gets it back."""
    cohort = site.policy.cohort
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterQueue",
        "metadata": {"name": site.namespace, "labels": site.labels()},
        "spec": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
            "queueingStrategy": "BestEffortFIFO",
            "preemption": {
                "withinClusterQueue": "LowerPriority",
                "reclaimWithinCohort": "Any" if cohort else "Never",
            },
            **({"cohort": cohort} if cohort else {}),
            "resourceGroups": _groups(site.policy.quota),
        },
    }


def local_queue(site: Site) -> dict[str, Any]:
    """What Jobs of the namespace name."""
    return {
        "apiVersion": API_VERSION,
        "kind": "LocalQueue",
        "metadata": site.metadata(site.queue),
        "spec": {"clusterQueue": site.namespace},
    }


def _groups(quota: Quota) -> list[dict[str, Any]]:
    """What any node offers, and one group for each device that is counted by flavor."""
    resources = _resources(quota)
    return [
        {
            "coveredResources": [one["name"] for one in resources],
            "flavors": [{"name": NAME, "resources": resources}],
        },
        *(
            {
                "coveredResources": [device],
                "flavors": [
                    {
                        "name": _flavor(flavor),
                        "resources": [{"name": device, "nominalQuota": count(number)}],
                    }
                    for flavor, number in counts.items()
                ],
            }
            for device, counts in sorted(quota.gpu_flavors.items())
        ),
    ]


def _flavor(name: str) -> str:
    return f"{NAME}-{name}"


def _resources(quota: Quota) -> list[dict[str, str]]:
    assert quota.cpu is not None and quota.memory_bytes is not None  # noqa: PT018  the file has both
    amounts = {
        "cpu": cores(quota.cpu),
        "memory": size(quota.memory_bytes),
        **({} if quota.pods is None else {"pods": count(quota.pods)}),
        **{
            name: count(number)
            for name, number in sorted(quota.gpu.items())
            if name not in quota.gpu_flavors
        },
    }
    return [{"name": name, "nominalQuota": amount} for name, amount in amounts.items()]
