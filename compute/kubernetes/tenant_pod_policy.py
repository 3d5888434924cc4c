"""What a tenant allows the pods of its sweeps."""

from collections.abc import Collection, Iterator, Mapping

from compute.kubernetes.objects import KubeObject, items, part
from governance.cluster.policies import PodPolicy

#: Of volumes: nothing but the pod's own, and in every pod.
_OWN_VOLUME = "emptyDir"
#: Other ways to a node than its labels.
_TO_NODES = ("affinity", "nodeName")


def tenant_violations(pod: KubeObject, policy: PodPolicy) -> Iterator[str]:
    """Fields of a pod's spec that the tenant does not allow, by their paths."""
    yield from _named(pod, "priorityClassName", policy.priority_classes)
    yield from _named(pod, "runtimeClassName", policy.runtime_classes)
    if policy.node_selectors is not None:
        yield from _selectors(pod, policy.node_selectors)
    if policy.volumes is not None:
        yield from _volumes(pod, policy.volumes)
    if policy.read_only_root:
        yield from _writable(pod)


def forbidden_overrides(
    overrides: Mapping[str, Mapping[str, object]], policy: PodPolicy
) -> list[str]:
    """Sections of a sweep file that the tenant does not allow."""
    if policy.overrides is None:
        return []
    return sorted(
        name for name, given in overrides.items() if given and name not in policy.overrides
    )


def _named(pod: KubeObject, field: str, allowed: Collection[str] | None) -> Iterator[str]:
    name = pod.get(field)
    if name and allowed is not None and name not in allowed:
        yield f"{field}: {name} ({_choice(allowed)})"


def _selectors(pod: KubeObject, allowed: Mapping[str, Collection[str]]) -> Iterator[str]:
    for name, value in part(pod, "nodeSelector").items():
        if name not in allowed:
            yield f"nodeSelector.{name} ({_choice(allowed)})"
        elif value not in allowed[name]:
            yield f"nodeSelector.{name}: {value} ({_choice(allowed[name])})"
    yield from (field for field in _TO_NODES if pod.get(field))


def _volumes(pod: KubeObject, allowed: Collection[str]) -> Iterator[str]:
    for volume in items(pod, "volumes"):
        for kind in volume.keys() - {"name", _OWN_VOLUME, *allowed}:
            yield f"volumes.{volume.get('name')}.{kind} ({_choice([_OWN_VOLUME, *allowed])})"


def _writable(pod: KubeObject) -> Iterator[str]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in items(pod, kind):
            if part(container, "securityContext").get("readOnlyRootFilesystem") is not True:
                yield f"{kind}.{container.get('name')}.securityContext.readOnlyRootFilesystem"


def _choice(allowed: Collection[str]) -> str:
    names = sorted(set(allowed))
    return f"the tenant allows {', '.join(names)}" if names else "the tenant allows none"
