"""Priority classes: a few, the same for every tenant of every installation in the cluster."""

from typing import Any

from compute.kubernetes.tenants.kueue import API_VERSION
from compute.kubernetes.tenants.site import shared_labels
from governance.cluster.policies import PRIORITY_CLASSES

#: All below 0, which is what pods have that name none: services go first.
_VALUES = dict(zip(PRIORITY_CLASSES, (-1000, -500, -100), strict=True))
_LEAST = PRIORITY_CLASSES[0]


def priority_classes(installation: str) -> list[dict[str, Any]]:
    """Who goes first at the scheduler, and who makes room."""
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name, "labels": shared_labels(installation)},
            "value": value,
            "globalDefault": False,
            "preemptionPolicy": "Never" if name == _LEAST else "PreemptLowerPriority",
            "description": "Trials of sweeps.",
        }
        for name, value in _VALUES.items()
    ]


def workload_priority_classes(installation: str) -> list[dict[str, Any]]:
    """Who goes first in Kueue's queues; by the same names."""
    return [
        {
            "apiVersion": API_VERSION,
            "kind": "WorkloadPriorityClass",
            "metadata": {"name": name, "labels": shared_labels(installation)},
            "value": value,
            "description": "Trials of sweeps.",
        }
        for name, value in _VALUES.items()
    ]
