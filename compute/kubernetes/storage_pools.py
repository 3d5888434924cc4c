"""Storage pools in the Jobs of trials: their volumes, what scripts are told, and nodes near them. Pure.

A pool is the platform's, not the sweep's: what it adds to a Job is added after what the sweep lays
over it, is never lost to that, and is no choice of nodes that the tenant would have to allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from compute.kubernetes import names
from compute.kubernetes.objects import KubeObject, items, part
from governance.cluster.mounts import place_of
from governance.cluster.pools import Nearness, NearPool, StoragePool
from sweeps.datasets import variable_of
from sweeps.ids import AttemptId
from sweeps.specs import VolumeMount

#: As much as anything may weigh: reading from afar costs more than what else a scheduler looks at.
_WEIGHT = 100
_DATA = "SWEEPWORKS_DATA_"
_NEAR = "SWEEPWORKS_NEAR_"


class PoolDesk(Protocol):
    """Decides whether attempts have to run near their pools, for all controllers together.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def place(
        self, attempt_id: AttemptId, pools: Sequence[StoragePool], *, bound: Mapping[str, str]
    ) -> Mapping[str, Nearness]:
        """By pool; what was decided once stays. `NoCapacity`, `HeldBack`.

        Args:
            bound: Labels that the attempt's nodes have in any case.
        """
        ...

    def withdraw(self, attempt_id: AttemptId) -> None:
        """It was not launched: when it is, that is decided anew."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolVolume:
    """The volume of a pool in a pod."""

    name: str
    mount: VolumeMount

    def as_volume(self) -> dict[str, Any]:
        """Of the pod; read-only here holds of all of its mounts, also those that a sweep adds."""
        claim = {"claimName": self.mount.claim, "readOnly": True}
        return {"name": self.name, "persistentVolumeClaim": claim}

    def as_mount(self) -> dict[str, Any]:
        """Of its container."""
        return {"name": self.name, "mountPath": self.mount.path, "readOnly": True}


def volumes(pools: Sequence[NearPool]) -> list[PoolVolume]:
    """Those of the pools that have one."""
    return [
        PoolVolume(name=f"pool-{near.pool.name}", mount=near.pool.volume)
        for near in pools
        if near.pool.volume is not None
    ]


def variables(pools: Sequence[NearPool]) -> dict[str, str]:
    """``SWEEPWORKS_NEAR_<NAME>`` for every dataset that is in a mounted pool: where that is."""
    return {
        _NEAR + variable_of(dataset).removeprefix(_DATA): near.pool.volume.path
        for near in pools
        if near.pool.volume is not None
        for dataset in near.datasets
    }


def taken_paths(job: KubeObject, pools: Sequence[NearPool]) -> list[str]:
    """Paths of the pools' volumes where the trial has something else, too."""
    # The trial's own; others may mount as they like.
    container = items(_pod_of(job), "containers")[0]
    mounted = [
        place_of(str(mount.get("mountPath", ""))) for mount in items(container, "volumeMounts")
    ]
    paths = [volume.mount.path for volume in volumes(pools)]
    return [path for path in paths if mounted.count(place_of(path)) > 1]


def bound_labels(job: KubeObject) -> Mapping[str, str]:
    """Labels that the nodes of its pods have in any case."""
    return cast("Mapping[str, str]", part(_pod_of(job), "nodeSelector"))


def near(job: KubeObject, pools: Sequence[NearPool], placed: Mapping[str, Nearness]) -> KubeObject:
    """The Job with affinity to the nodes of its pools, besides any that its sweep asks for.

    Args:
        placed: What was decided, by pool.
    """
    wanted = [
        _expressions(one.pool) for one in pools if placed[one.pool.name] is Nearness.PREFERRED
    ]
    needed = [_expressions(one.pool) for one in pools if placed[one.pool.name] is Nearness.REQUIRED]
    pod = _pod_of(job)
    affinity = part(pod, "affinity")
    nodes = dict(part(affinity, "nodeAffinity"))
    if wanted:
        nodes[_PREFERRED] = [
            *items(nodes, _PREFERRED),
            *({"weight": _WEIGHT, "preference": {"matchExpressions": one}} for one in wanted),
        ]
    if needed:
        every = [expression for one in needed for expression in one]
        nodes[_REQUIRED] = {"nodeSelectorTerms": _narrowed(part(nodes, _REQUIRED), every)}
    changed = {**pod, "affinity": {**affinity, "nodeAffinity": nodes}}
    template = {**job["spec"]["template"], "spec": changed}
    metadata = job["metadata"]
    if needed:
        only = ",".join(name for name, word in placed.items() if word is Nearness.REQUIRED)
        annotations = {**part(metadata, "annotations"), names.ONLY_NEAR: only}
        metadata = {**metadata, "annotations": annotations}
    return {**job, "metadata": metadata, "spec": {**job["spec"], "template": template}}


_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _narrowed(required: KubeObject, expressions: list[KubeObject]) -> list[KubeObject]:
    """The terms of the sweep, any of which is enough, each with the expressions; an empty term is none."""
    terms = items(required, "nodeSelectorTerms")
    if not terms:
        return [{"matchExpressions": expressions}]
    return [
        {**term, "matchExpressions": [*items(term, "matchExpressions"), *expressions]}
        if term.get("matchExpressions") or term.get("matchFields")
        else term
        for term in terms
    ]


def _expressions(pool: StoragePool) -> list[KubeObject]:
    return [
        {"key": label, "operator": "In", "values": [value]} for label, value in pool.nodes.items()
    ]


def _pod_of(job: KubeObject) -> KubeObject:
    return cast("KubeObject", job["spec"]["template"]["spec"])
