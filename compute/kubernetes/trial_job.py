"""The Job of an attempt: what is asked of the cluster, and what its pods must not do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compute.kubernetes import multi_node, names, storage_pools
from compute.kubernetes.admission import queue_labels
from compute.kubernetes.gpu_flavor import flavor_labels
from compute.kubernetes.overrides import merge, with_overrides
from compute.kubernetes.pod_policy import violations
from compute.kubernetes.tenant_pod_policy import forbidden_overrides
from compute.kubernetes.trial_container import deadline, environment, resources
from governance.cluster.mounts import FOLDER, SHARED_MEMORY
from governance.cluster.policies import PodPolicy
from governance.cluster.pools import pools_near
from sweeps.errors import LaunchRejected
from sweeps.trials import LaunchRequest

_FOLDER_VOLUME = "sweepworks"
_SHM_VOLUME = "shm"
_GRACE_SECONDS = 30
_ANY = PodPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDefaults:
    """What is the same for all trials of a place, unless their sweep says otherwise."""

    image: str = ""  #: of trials that name none
    gpu_resource: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    run_as_user: int = 1000  #: many images name no user, and root is refused
    read_only_root: bool = False
    shm_bytes: int = 0  #: of /dev/shm; 0: what the container runtime gives, often 64 MiB
    grace_seconds: int = _GRACE_SECONDS  #: from SIGTERM to SIGKILL
    pull_seconds: int = 900  #: that an image may take, beyond a trial's own time
    #: How long finished Jobs stay for a controller that is away; the reaper removes them sooner.
    kept_seconds: int = 24 * 3600
    queue: str = ""  #: Kueue's local queue that admits Jobs; empty: they start at once
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()


def trial_job(
    request: LaunchRequest,
    *,
    defaults: PodDefaults,
    installation: str,
    policy: PodPolicy = _ANY,
) -> dict[str, Any]:
    """The Job of an attempt as a manifest.

    Its pods, one as a rule, are never started a second time: whether there is another attempt, and
    when, the controller decides.

    Args:
        policy: What the tenant allows.

    Raises:
        LaunchRejected: No image is known, or the sweep asks for what it may not have.
    """
    image = request.image or defaults.image
    if not image:
        raise LaunchRejected(
            f"{request.attempt_id}: no image is given; write `image:` in the trial of the sweep "
            "file, or set SWEEPWORKS_K8S_IMAGE"
        )
    if sections := forbidden_overrides(request.pods.overrides, policy):
        raise LaunchRejected(
            f"{request.attempt_id}: sweeps of this tenant may not have {', '.join(sections)}"
        )
    labels = labels_of(request, installation=installation)
    gpu_resource = request.pods.gpu_resource or defaults.gpu_resource
    of_pods = {"labels": labels, "annotations": {names.GPU_RESOURCE: gpu_resource}}
    queue = queue_labels(
        defaults.queue if policy.queue is None else policy.queue, request.pods.priority_class
    )
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": request.attempt_id,
            "labels": {**labels, **queue},
            "annotations": {names.EXPERIMENT: request.experiment},  # as it was typed
        },
        "spec": {
            "backoffLimit": 0,
            **multi_node.job_fields(request.pods.nodes),
            "ttlSecondsAfterFinished": defaults.kept_seconds,
            "template": {
                "metadata": of_pods,
                "spec": _pod_spec(request, image, defaults, policy, gpu_resource=gpu_resource),
            },
        },
    }
    changed = with_overrides(job, request.pods.overrides)
    # What finds it again, and what starts it no second time, is not for a sweep to change.
    kept: dict[str, Any] = {
        "metadata": {"name": request.attempt_id, "labels": {**labels, **queue}},
        "spec": {
            "suspend": bool(queue),
            "backoffLimit": 0,
            **multi_node.job_fields(request.pods.nodes),
            "template": {"metadata": of_pods, "spec": {"restartPolicy": "Never"}},
        },
    }
    changed = merge(changed, kept)
    if forbidden := violations(changed["spec"]["template"]["spec"], policy):
        raise LaunchRejected(
            f"{request.attempt_id}: a sweep may not set {', '.join(forbidden)} of its pods"
        )
    pools = pools_near(request.datasets, policy.pools)
    if taken := storage_pools.taken_paths(changed, pools):
        raise LaunchRejected(
            f"{request.attempt_id}: a sweep may mount nothing at {', '.join(taken)}, where a storage "
            "pool of its data is"
        )
    return changed


def labels_of(request: LaunchRequest, *, installation: str) -> dict[str, str]:
    """By which the attempt's objects are found again."""
    return {
        names.MANAGED_BY: names.MANAGER,
        names.INSTALLATION: names.label_value(installation),
        names.SWEEP: names.label_value(request.sweep_id),
        names.RUN: names.label_value(request.run_id),
        names.ATTEMPT: names.label_value(request.attempt_id),
        names.TENANT: names.label_value(request.tenant_id),
        names.EXPERIMENT: names.label_value(request.experiment),
    }


def _pod_spec(
    request: LaunchRequest,
    image: str,
    defaults: PodDefaults,
    policy: PodPolicy,
    *,
    gpu_resource: str,
) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"name": _FOLDER_VOLUME, "mountPath": FOLDER}]
    volumes: list[dict[str, Any]] = [{"name": _FOLDER_VOLUME, "emptyDir": {}}]
    options = request.pods
    if shm_bytes := options.shm_bytes or defaults.shm_bytes:
        mounts.append({"name": _SHM_VOLUME, "mountPath": SHARED_MEMORY})
        memory = {"medium": "Memory", "sizeLimit": str(shm_bytes)}
        volumes.append({"name": _SHM_VOLUME, "emptyDir": memory})
    for number, volume in enumerate(options.volumes):
        mount = {"name": f"claim-{number}", "mountPath": volume.path}
        mounts.append({**mount, "readOnly": True} if volume.is_read_only else mount)
        claim = {"claimName": volume.claim, "readOnly": volume.is_read_only}
        volumes.append({"name": f"claim-{number}", "persistentVolumeClaim": claim})
    pools = pools_near(request.datasets, policy.pools)
    of_pools = [pool for pool in storage_pools.volumes(pools) if pool.mount not in options.volumes]
    mounts += [pool.as_mount() for pool in of_pools]
    volumes += [pool.as_volume() for pool in of_pools]
    container: dict[str, Any] = {
        "name": names.CONTAINER,
        "image": image,
        "command": list(request.command),
        "env": [
            {"name": name, "value": value}
            if isinstance(value, str)
            else {"name": name, "valueFrom": value}
            for name, value in {
                **environment(request),
                **storage_pools.variables(pools),
            }.items()
        ],
        "resources": resources(request.resources, gpu_resource=gpu_resource),
        "volumeMounts": mounts,
        # The last lines of the log come with the pod's state, without a request of their own.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": defaults.read_only_root or policy.read_only_root,
        },
    }
    sources = [{"secretRef": {"name": name}} for name in options.secrets]
    sources += [{"configMapRef": {"name": name}} for name in options.config_maps]
    if sources:
        container["envFrom"] = sources
    if request.working_folder:
        container["workingDir"] = request.working_folder
    if defaults.image_pull_policy:
        container["imagePullPolicy"] = defaults.image_pull_policy
    node_selector = {
        **defaults.node_selector,
        **flavor_labels(request.resources, policy.flavors),
        **options.node_selector,
    }
    return {
        "restartPolicy": "Never",
        **({"subdomain": multi_node.service_name(request.attempt_id)} if options.nodes > 1 else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": defaults.grace_seconds,
        **deadline(request, pull_seconds=defaults.pull_seconds),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": defaults.run_as_user,
            "runAsGroup": defaults.run_as_user,
            "fsGroup": defaults.run_as_user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"serviceAccountName": policy.service_account} if policy.service_account else {}),
        **({"nodeSelector": node_selector} if node_selector else {}),
        **({"tolerations": list(options.tolerations)} if options.tolerations else {}),
        **({"priorityClassName": options.priority_class} if options.priority_class else {}),
        **(
            {"imagePullSecrets": [{"name": name} for name in defaults.image_pull_secrets]}
            if defaults.image_pull_secrets
            else {}
        ),
        "containers": [container],
        "volumes": volumes,
    }
