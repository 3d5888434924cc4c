"""What an attempt had of the machines it ran on. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from compute.kubernetes import names
from compute.kubernetes.node_facts import NodeFacts
from compute.kubernetes.objects import KubeObject, annotation, items, part
from compute.kubernetes.sighting import Sighting, n_nodes
from compute.kubernetes.telling_pod import telling_pod
from sweeps.ports import AttemptStatus


def node_of(seen: Sighting) -> str:
    """The node of the pod that says most; empty while it has none."""
    pod = telling_pod(seen)
    return "" if pod is None else _node(pod)


def on_machine(
    status: AttemptStatus, seen: Sighting, nodes: Mapping[str, NodeFacts]
) -> AttemptStatus:
    """The status with what is known of the attempt's node, and of the devices that it was given.

    Pods of one attempt ask for the same, and are taken to get it on nodes of the same kind.
    """
    pod = telling_pod(seen)
    if pod is None or not _node(pod):
        return status
    facts = nodes.get(_node(pod), NodeFacts())
    resource = annotation(pod, names.GPU_RESOURCE)
    n_gpus = _devices(pod, resource) * n_nodes(seen.job)
    return replace(
        status,
        gpu_count=n_gpus,
        gpu_model=facts.gpu_model(resource) if n_gpus else "",
        capacity=facts.capacity,
        region=facts.region,
        instance_type=facts.instance_type,
    )


def _node(pod: KubeObject) -> str:
    return str(part(pod, "spec").get("nodeName") or "")


def _devices(pod: KubeObject, resource: str) -> int:
    """Of all of its containers: limits of devices are whole numbers, and requests the same."""
    if not resource:
        return 0
    containers = items(part(pod, "spec"), "containers")
    limits = [str(part(part(one, "resources"), "limits").get(resource)) for one in containers]
    return sum(int(limit) for limit in limits if limit.isdecimal())
