"""The `cluster:` section of a tenant, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.cluster.policies import (
    Admission,
    ClusterPolicy,
    ContainerLimits,
    InstallationPolicy,
    PodPolicy,
    Quota,
)
from governance.cluster.sections import CLUSTER
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader

_CLAIM = "persistentVolumeClaim"


@dataclass(frozen=True, slots=True)
class TenantCluster:
    """The section of a tenant."""

    def read(self, reader: Reader, path: Path, value: object) -> ClusterPolicy | None:
        """The policy, or None when anything about it is wrong."""
        read = CLUSTER.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        quota = _quota(read["quota"])
        admission = None if read["admission"] is None else Admission(read["admission"])
        _check_admission(reader, path, admission, read["cohort"], quota)
        _check_flavors(reader, (*path, "quota", "gpu"), quota)
        limits = _limits(reader, (*path, "limits"), read["limits"], quota)
        if reader.is_noted_within(path):
            return None
        pods: Mapping[str, Any] = read["pods"]
        return ClusterPolicy(
            namespace=read["namespace"],
            admission=admission,
            cohort=read["cohort"],
            pod_security=read["pod_security"],
            quota=quota,
            limits=limits,
            egress=read["egress"],
            is_open_inside=read["pod_to_pod"],
            pools=read["pools"],
            pods=PodPolicy(
                overrides=pods["overrides"],
                volumes=pods["volumes"],
                node_selectors=pods["node_selectors"],
                runtime_classes=pods["runtime_classes"],
                priority_classes=read["priority_classes"],
                read_only_root=pods["read_only_root_filesystem"],
                service_account=pods["service_account"],
            ),
        )

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return CLUSTER.schema()


def check_declared(
    reader: Reader, path: Path, policy: ClusterPolicy, installation: InstallationPolicy | None
) -> None:
    """Note flavors of a quota, and pools, that the installation does not declare."""
    if installation is None:  # it is wrong itself
        return
    _check_pools(reader, path, policy, installation)
    known = installation.flavors
    for device, counts in policy.quota.gpu_flavors.items():
        for flavor in counts.keys() - known.keys():
            hint = f"declare it: cluster: {{flavors: {{{flavor}: {{label: value}}}}}}"
            if known:
                hint = f"known: {', '.join(sorted(known))}; or {hint}"
            reader.problem((*path, "quota", "gpu", device, flavor), f"no flavor {flavor!r}", hint)


def _check_pools(
    reader: Reader, path: Path, policy: ClusterPolicy, installation: InstallationPolicy
) -> None:
    known = installation.pools
    allowed = policy.pods.volumes
    for index, name in enumerate(policy.pools):
        at: Path = (*path, "pools", index)
        if name not in known:
            hint = f"declare it: cluster: {{pools: {{{name}: {{nodes: …, datasets: …}}}}}}"
            if known:
                hint = f"known: {', '.join(sorted(known))}; or {hint}"
            reader.problem(at, f"no storage pool {name!r}", hint)
        elif known[name].volume is not None and allowed is not None and _CLAIM not in allowed:
            message = f"pool {name!r} mounts a claim, and `pods.volumes` allows none"
            reader.problem(at, message, f"add {_CLAIM} to it, or remove the pool")


def _quota(read: Mapping[str, Any]) -> Quota:
    devices: Mapping[str, int | Mapping[str, int]] = read["gpu"]
    by_flavor = {name: given for name, given in devices.items() if not isinstance(given, int)}
    return Quota(
        cpu=read["cpu"],
        memory_bytes=read["memory"],
        gpu={
            name: given if isinstance(given, int) else sum(given.values())
            for name, given in devices.items()
        },
        gpu_flavors=by_flavor,
        pods=read["pods"],
        storage_bytes=read["storage"],
    )


def _check_admission(
    reader: Reader, path: Path, admission: Admission | None, cohort: str | None, quota: Quota
) -> None:
    """A queue admits nothing that asks for what it does not count."""
    if admission is not Admission.KUEUE:
        if cohort is not None:
            reader.problem((*path, "cohort"), "it is Kueue's", "add admission: kueue, or remove it")
        return
    missing = [
        key
        for key, value in (("cpu", quota.cpu), ("memory", quota.memory_bytes))
        if value is None
    ]  # fmt: skip
    if missing:
        message = f"{' and '.join(missing)} missing: a queue admits only what it counts"
        hint = "add for example cpu: 64, memory: 512Gi"
        reader.problem((*path, "quota"), message, hint)


def _check_flavors(reader: Reader, path: Path, quota: Quota) -> None:
    """A queue counts one kind of device on a flavor."""
    taken: dict[str, str] = {}
    for device, counts in quota.gpu_flavors.items():
        for flavor in counts:
            other = taken.setdefault(flavor, device)
            if other != device:
                message = f"{flavor!r} counts {other} already"
                hint = "give each device flavors of its own"
                reader.problem((*path, device, flavor), message, hint)


def _limits(reader: Reader, path: Path, read: Mapping[str, Any], quota: Quota) -> ContainerLimits:
    """With defaults that fit below the quota and the most that is allowed."""
    usual = ContainerLimits()
    most, asked, limit = read["max"], read["default_request"], read["default"]
    top_cpu = _least(most["cpu"], quota.cpu)
    top_memory = _least(most["memory"], quota.memory_bytes)
    memory = limit["memory"]
    if memory is None:
        memory = _least(max(usual.memory_limit_bytes, asked["memory"] or 0), top_memory)
    limits = ContainerLimits(
        cpu_request=asked["cpu"] if asked["cpu"] is not None else _least(usual.cpu_request, top_cpu),
        memory_request_bytes=asked["memory"] if asked["memory"] is not None else memory,
        memory_limit_bytes=memory,
        max_cpu=most["cpu"],
        max_memory_bytes=most["memory"],
    )  # fmt: skip
    if limits.max_cpu is not None and limits.cpu_request > limits.max_cpu:
        _too_much(reader, (*path, "default_request"), "cpu", "max")
    if limits.memory_request_bytes > limits.memory_limit_bytes:
        _too_much(reader, (*path, "default_request"), "memory", "default")
    if limits.max_memory_bytes is not None and memory > limits.max_memory_bytes:
        _too_much(reader, (*path, "default"), "memory", "max")
    return limits


def _least(first: Any, second: Any) -> Any:
    """The smaller one, of those that are given and leave anything."""
    given = [value for value in (first, second) if value]
    return min(given) if given else first


def _too_much(reader: Reader, path: Path, key: str, above: str) -> None:
    reader.problem((*path, key), f"it is more than `{above}`", f"lower it, or raise `{above}`")
