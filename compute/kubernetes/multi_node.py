"""Attempts of several pods, which find each other: an indexed Job, and a Service without an address.

Each pod is told where the first one is, and which one it is itself, by the variables that torchrun
and `torch.distributed` read. Of the pods of an attempt only the first one reports. Pure.
"""

from typing import Any

from compute.kubernetes import names
from compute.kubernetes.objects import KubeObject, name_of, part

PORT = 29500  #: where the first pod listens, as torchrun has it
_INDEX: dict[str, Any] = {
    "fieldRef": {"fieldPath": f"metadata.annotations['{names.INDEX}']"},
}


def job_fields(nodes: int) -> dict[str, Any]:
    """Of a Job's spec; one pod that fails ends them all, since no other is made in its place."""
    indexed = {"completionMode": "Indexed"} if nodes > 1 else {}
    return {"completions": nodes, "parallelism": nodes, **indexed}


def service_name(attempt_id: str) -> str:
    """Of the pods' subdomain: names of Services begin with a letter."""
    return attempt_id if attempt_id[0].isalpha() else f"s-{attempt_id}"


def variables(attempt_id: str, nodes: int, *, gpus: int) -> dict[str, str | dict[str, Any]]:
    """What each pod is told, by name: a text, or where Kubernetes takes it from."""
    if nodes == 1:
        return {}
    master = f"{attempt_id}-0.{service_name(attempt_id)}"  # a Job's pods are called by their index
    return {
        "SWEEPWORKS_NODES": str(nodes),
        # One process a pod, as `torch.distributed` has it; torchrun sets them anew for its own.
        "MASTER_ADDR": master,
        "MASTER_PORT": str(PORT),
        "WORLD_SIZE": str(nodes),
        "RANK": _INDEX,
        "NNODES": str(nodes),
        "NODE_RANK": _INDEX,
        # Options of torchrun.
        "PET_MASTER_ADDR": master,
        "PET_MASTER_PORT": str(PORT),
        "PET_NNODES": str(nodes),
        "PET_NODE_RANK": _INDEX,
        "PET_NPROC_PER_NODE": str(max(1, gpus)),
    }


def service(job: KubeObject) -> dict[str, Any]:
    """Gives the Job's pods names, from before they are ready, and goes when the Job goes."""
    labels = part(job["metadata"], "labels")
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name_of(job),
        "uid": job["metadata"]["uid"],
    }
    kept = (names.MANAGED_BY, names.INSTALLATION, names.SWEEP, names.ATTEMPT)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": service_name(name_of(job)),
            "labels": {name: labels[name] for name in kept},
            "ownerReferences": [owner],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {name: labels[name] for name in (names.INSTALLATION, names.ATTEMPT)},
            "ports": [{"name": "rendezvous", "port": PORT, "targetPort": PORT}],
        },
    }
