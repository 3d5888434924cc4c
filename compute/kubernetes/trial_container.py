"""What the container of a trial is given: variables, resources, time."""

from typing import Any

from compute.kubernetes import multi_node
from governance.cluster.mounts import FOLDER
from sweeps.specs import Resources
from sweeps.trials import LaunchRequest


def deadline(request: LaunchRequest, *, pull_seconds: int) -> dict[str, int]:
    """For when no controller looks: of the pod, since a Job's counts while it waits for a node."""
    if request.timeout is None:
        return {}
    seconds = round(request.timeout.total_seconds()) + pull_seconds
    return {"activeDeadlineSeconds": max(1, seconds)}


def environment(request: LaunchRequest) -> dict[str, str | dict[str, Any]]:
    """Variables by name: texts, or where Kubernetes takes them from."""
    here = {"HOME": FOLDER, "SWEEPWORKS_SPOOL_DIR": f"{FOLDER}/spool"}
    nodes = multi_node.variables(request.attempt_id, request.pods.nodes, gpus=request.resources.gpu)
    # A spool folder in the request is one of the controller's machine.
    asked = {name: value for name, value in request.environment.items() if name not in here}
    return {
        **here,
        **nodes,
        **asked,
        **{k: v for k, v in request.environment.items() if k == "HOME"},
    }


def resources(asked: Resources, *, gpu_resource: str) -> dict[str, Any]:
    """Requests and limits."""
    requests = {"cpu": f"{round(asked.cpu * 1000)}m"}
    limits: dict[str, str] = {}
    if asked.memory_bytes:
        # Equal: a pod that may take more than it asked for is the first that a full node evicts.
        requests["memory"] = limits["memory"] = str(asked.memory_bytes)
    if asked.gpu:
        requests[gpu_resource] = limits[gpu_resource] = str(asked.gpu)
    return {"requests": requests, **({"limits": limits} if limits else {})}
