"""What a namespace may use, and what one container gets."""

from typing import Any

from compute.kubernetes.tenants.quantities import cores, count, size
from compute.kubernetes.tenants.site import NAME, Site
from governance.cluster.policies import PRIORITY_CLASSES, Quota

_SYSTEM_CLASSES = ("system-cluster-critical", "system-node-critical")


def resource_quotas(site: Site) -> list[dict[str, Any]]:
    """The namespace's quota, and one that forbids priority classes."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": site.metadata(),
            "spec": {"hard": _hard(site)},
        },
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": site.metadata(f"{NAME}-priority-classes"),
            "spec": {
                "hard": {"pods": "0"},
                "scopeSelector": {
                    "matchExpressions": [
                        {
                            "scopeName": "PriorityClass",
                            "operator": "In",
                            "values": _forbidden_classes(site),
                        }
                    ]
                },
            },
        },
    ]


def limit_range(site: Site) -> dict[str, Any]:
    """Without it a quota refuses pods that do not say what they need."""
    limits = site.policy.limits
    default = {"memory": size(limits.memory_limit_bytes)}
    most: dict[str, str] = {}
    if limits.max_cpu is not None:
        # The API server would write the default itself.
        most["cpu"] = default["cpu"] = cores(limits.max_cpu)
    if limits.max_memory_bytes is not None:
        most["memory"] = size(limits.max_memory_bytes)
    container = {
        "type": "Container",
        "default": default,
        "defaultRequest": {
            "cpu": cores(limits.cpu_request),
            "memory": size(limits.memory_request_bytes),
        },
        **({"max": most} if most else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": site.metadata(),
        "spec": {"limits": [container]},
    }


def _hard(site: Site) -> dict[str, str]:
    quota = site.policy.quota
    # Trials listen to nobody outside.
    hard = {"services.loadbalancers": "0", "services.nodeports": "0"}
    if quota.storage_bytes is not None:
        hard["requests.storage"] = size(quota.storage_bytes)
    # A queue counts the others, and what it borrows would be refused here.
    return hard if site.counts_in_queue else {**hard, **_pods(quota)}


def _pods(quota: Quota) -> dict[str, str]:
    hard = {f"requests.{name}": count(number) for name, number in sorted(quota.gpu.items())}
    if quota.cpu is not None:
        hard["requests.cpu"] = cores(quota.cpu)
    if quota.memory_bytes is not None:
        hard["requests.memory"] = hard["limits.memory"] = size(quota.memory_bytes)
    if quota.pods is not None:
        hard["pods"] = count(quota.pods)
    return hard


def _forbidden_classes(site: Site) -> list[str]:
    allowed = site.policy.pods.priority_classes
    ours = [name for name in PRIORITY_CLASSES if allowed is not None and name not in allowed]
    return [*ours, *_SYSTEM_CLASSES]
