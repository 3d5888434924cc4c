"""What a tenant allows the pods of its sweeps, and what no tenant can."""

from typing import Any

import pytest

from compute.kubernetes.trial_job import PodDefaults, trial_job
from governance.cluster.policies import PodPolicy
from sweeps.errors import LaunchRejected
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import PodOptions, Resources, VolumeMount
from sweeps.trials import LaunchRequest
from tests.kubernetes_schemas import check

POLICY = PodPolicy(
    overrides=("pod_spec_config", "container_config"),
    volumes=("configMap",),
    node_selectors={"gpu": ("l4", "t4")},
    runtime_classes=("nvidia",),
    priority_classes=("sweepworks-low",),
)

PLACE = PodDefaults(image="x")


def job(policy: PodPolicy, *, defaults: PodDefaults = PLACE, **options: Any) -> dict[str, Any]:
    request = LaunchRequest(
        attempt_id=AttemptId("s-00001-a1"),
        run_id=RunId("s-00001"),
        sweep_id=SweepId("s"),
        command=("python", "train.py"),
        environment={},
        resources=Resources(),
        source_dir="",
        pods=PodOptions(**options),
    )
    return trial_job(request, defaults=defaults, installation="here", policy=policy)


def pod(policy: PodPolicy, **options: Any) -> dict[str, Any]:
    return job(policy, **options)["spec"]["template"]["spec"]


def over(**pod_spec: Any) -> dict[str, Any]:
    return {"overrides": {"pod_spec_config": pod_spec}}


ALLOWED: list[dict[str, Any]] = [
    {},
    {"shm_bytes": 2**30},
    {"node_selector": {"gpu": "l4"}, "priority_class": "sweepworks-low"},
    over(runtime_class_name="nvidia"),
    over(volumes=[{"name": "v", "config_map": {"name": "settings"}}]),
]


@pytest.mark.parametrize("options", ALLOWED)
def test_what_the_tenant_allows_is_in_the_pod(options: dict[str, Any]) -> None:
    check(job(POLICY, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"priority_class": "sweepworks-high"}, r"priorityClassName: sweepworks-high \(the tenant allows sweepworks-low\)"),
        (over(priority_class_name="other"), "priorityClassName: other"),
        (over(runtime_class_name="kata"), r"runtimeClassName: kata \(the tenant allows nvidia\)"),
        ({"node_selector": {"gpu": "h100"}}, r"nodeSelector.gpu: h100 \(the tenant allows l4, t4\)"),
        ({"node_selector": {"zone": "a"}}, r"nodeSelector.zone \(the tenant allows gpu\)"),
        (over(node_name="n1"), "nodeName"),
        (over(affinity={"node_affinity": {"preferred_during_scheduling_ignored_during_execution": []}}), "affinity"),
        ({"volumes": (VolumeMount(claim="data", path="/data"),)}, r"persistentVolumeClaim \(the tenant allows configMap, emptyDir\)"),
        (over(volumes=[{"name": "v", "nfs": {"server": "s", "path": "/"}}]), "volumes.v.nfs"),
        ({"overrides": {"job_spec_config": {"suspend": True}}}, "may not have job_spec_config"),
    ],
)  # fmt: skip
def test_what_the_tenant_does_not_allow_is_refused_by_name(
    options: dict[str, Any], message: str
) -> None:
    job(PodPolicy(), **options)  # where the tenant says nothing it is allowed

    with pytest.raises(LaunchRejected, match=message):
        job(POLICY, **options)


def test_an_empty_list_allows_nothing() -> None:
    with pytest.raises(LaunchRejected, match="the tenant allows none"):
        pod(PodPolicy(priority_classes=()), priority_class="sweepworks-low")


def test_a_root_that_is_read_only_stays_so() -> None:
    policy = PodPolicy(read_only_root=True)

    (container,) = pod(policy)["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {"container_config": {"security_context": {"read_only_root_filesystem": False}}}
    with pytest.raises(LaunchRejected, match="readOnlyRootFilesystem"):
        pod(policy, overrides=writable)


def test_pods_run_as_the_tenants_account_and_as_no_other() -> None:
    policy = PodPolicy(service_account="sweepworks-trial")

    made = pod(policy)

    assert made["serviceAccountName"] == "sweepworks-trial"
    assert made["automountServiceAccountToken"] is False
    with pytest.raises(LaunchRejected, match="serviceAccountName"):
        pod(policy, **over(service_account_name="admin"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (over(volumes=[{"name": "v", "host_path": {"path": "/"}}]), "hostPath"),
        (over(priority_class_name="system-node-critical"), "priorityClassName"),
        (
            over(init_containers=[{"name": "i", "image": "x",
                                   "security_context": {"allow_privilege_escalation": False}}]),
            r"initContainers.i.securityContext.capabilities.drop \(it needs to be \[ALL\]\)",
        ),
    ],
)  # fmt: skip
def test_no_tenant_can_allow_a_way_out(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LaunchRejected, match=message):
        pod(PodPolicy(volumes=("hostPath",), priority_classes=("system-node-critical",)), **options)


@pytest.mark.parametrize(
    ("own", "of_all", "queue"), [(None, "q", "q"), ("", "q", None), ("mine", "q", "mine")]
)
def test_jobs_wait_in_the_queue_of_their_tenant(
    own: str | None, of_all: str, queue: str | None
) -> None:
    made = job(PodPolicy(queue=own), defaults=PodDefaults(image="x", queue=of_all))

    assert made["metadata"]["labels"].get("kueue.x-k8s.io/queue-name") == queue
    assert made["spec"]["suspend"] is (queue is not None)
    check(made)
