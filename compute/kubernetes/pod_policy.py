"""What no sweep may give its pods: ways out of the container, and rights of others."""

from collections.abc import Iterator
from typing import Any

from compute.kubernetes.objects import KubeObject, items, part
from compute.kubernetes.tenant_pod_policy import tenant_violations
from governance.cluster.policies import PodPolicy

_HOST = ("hostNetwork", "hostPID", "hostIPC")
_ACCOUNT = ("serviceAccountName", "serviceAccount")
_SYSTEM = "system-"  # begins the names of Kubernetes' own priority classes


def violations(pod: KubeObject, policy: PodPolicy) -> list[str]:
    """Fields of a pod's spec that are not allowed, by their paths.

    Args:
        policy: What the tenant allows of what no sweep is refused.
    """
    return [
        *_of_pod(pod, policy),
        *_of_volumes(pod),
        *_of_containers(pod),
        *tenant_violations(pod, policy),
    ]


def _of_pod(pod: KubeObject, policy: PodPolicy) -> Iterator[str]:
    yield from (name for name in _HOST if pod.get(name))
    yield from (
        name for name in _ACCOUNT if pod.get(name) not in {None, "", policy.service_account}
    )
    if str(pod.get("priorityClassName") or "").startswith(_SYSTEM):
        yield "priorityClassName"
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken"
    context = part(pod, "securityContext")
    if context.get("runAsNonRoot") is not True:
        yield "securityContext.runAsNonRoot"
    if context.get("runAsUser") == 0:
        yield "securityContext.runAsUser"
    if part(context, "seccompProfile").get("type") == "Unconfined":
        yield "securityContext.seccompProfile"
    if context.get("sysctls"):
        yield "securityContext.sysctls"


def _of_volumes(pod: KubeObject) -> Iterator[str]:
    for volume in items(pod, "volumes"):
        if "hostPath" in volume:
            yield f"volumes.{volume.get('name')}.hostPath"
        sources: Any = part(volume, "projected").get("sources")
        if any("serviceAccountToken" in source for source in sources or ()):
            yield f"volumes.{volume.get('name')}.projected.serviceAccountToken"


def _of_containers(pod: KubeObject) -> Iterator[str]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in items(pod, kind):
            where = f"{kind}.{container.get('name')}"
            context = part(container, "securityContext")
            if context.get("privileged"):
                yield f"{where}.securityContext.privileged"
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{where}.securityContext.allowPrivilegeEscalation"
            capabilities = part(context, "capabilities")
            if capabilities.get("add"):
                yield f"{where}.securityContext.capabilities.add"
            if "ALL" not in (capabilities.get("drop") or ()):
                yield f"{where}.securityContext.capabilities.drop (it needs to be [ALL])"
            if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
                yield f"{where}.securityContext.runAsUser"
            if context.get("procMount") not in {None, "Default"}:
                yield f"{where}.securityContext.procMount"
            if part(context, "seccompProfile").get("type") == "Unconfined":
                yield f"{where}.securityContext.seccompProfile"
            if any("hostPort" in port for port in items(container, "ports")):
                yield f"{where}.ports.hostPort"
