"""All objects of tenants, in the order in which one needs the other. Nothing is looked up."""

from collections.abc import Mapping, Sequence
from typing import Any

from compute.kubernetes.tenants.access import (
    node_readers,
    role,
    role_binding,
    service_account,
)
from compute.kubernetes.tenants.kueue import cluster_queue, local_queue, resource_flavors
from compute.kubernetes.tenants.network import network_policy
from compute.kubernetes.tenants.priorities import priority_classes, workload_priority_classes
from compute.kubernetes.tenants.quotas import limit_range, resource_quotas
from compute.kubernetes.tenants.site import Site
from governance.cluster.policies import Egress, Subject


def tenant_objects(
    site: Site, *, subjects: Sequence[Subject], egress: Sequence[Egress]
) -> list[dict[str, Any]]:
    """Of one tenant; the first is its namespace.

    Args:
        subjects: Accounts of the platform that look after its trials; none: it gets no rights.
        egress: What its pods may reach besides DNS and what its policy says.
    """
    return [
        _namespace(site),
        *resource_quotas(site),
        limit_range(site),
        network_policy(site, egress),
        service_account(site),
        role(site),
        *([role_binding(site, subjects)] if subjects else []),
        *([cluster_queue(site), local_queue(site)] if site.counts_in_queue else []),
    ]


def shared_objects(
    installation: str,
    sites: Sequence[Site],
    flavors: Mapping[str, Mapping[str, str]],
    *,
    subjects: Sequence[Subject],
) -> list[dict[str, Any]]:
    """That tenants have in common.

    Args:
        flavors: Kinds of nodes by name, with their labels.
        subjects: As of tenants.
    """
    with_queues = any(site.counts_in_queue for site in sites)
    queues = [*resource_flavors(installation, flavors), *workload_priority_classes(installation)]
    return [
        *priority_classes(installation),
        *(node_readers(installation, subjects) if subjects else []),
        *(queues if with_queues else []),
    ]


def _namespace(site: Site) -> dict[str, Any]:
    level = site.policy.pod_security
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": site.namespace,
            "labels": {
                **site.labels(),
                **{f"pod-security.kubernetes.io/{mode}": level for mode in _MODES},
            },
        },
    }


_MODES = ("enforce", "warn", "audit")
