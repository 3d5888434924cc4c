"""The Kubernetes launcher against a cluster: the contract, and what goes wrong."""

import datetime as dt
import json
import time
from collections.abc import Callable

import pytest

from compute.kubernetes.hindrance import Patience
from compute.kubernetes.image_pinning import ImagePinning
from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.image_registry import ImageRegistry
from compute.kubernetes.launch_rate import LaunchRate
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.objects import name_of
from compute.kubernetes.trial_job import PodDefaults
from governance.cluster.policies import PodPolicy
from sweeps.errors import LauncherUnavailable, LaunchRejected, NoCapacity
from sweeps.ports import AttemptPhase
from sweeps.specs import PodOptions, Resources
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest
from tests.cluster_under_test import HUGE, ClusterUnderTest
from tests.contracts.launcher_contract import SWEEP, TrialLauncherContract, wait_for
from tests.fake_cluster.server import FakeCluster
from tests.fake_registry import fake_registry
from tests.plugins.cluster import NAMESPACE

INIT_CONTAINER = {
    "name": "prepare",
    "image": "other:1",
    "security_context": {
        "allow_privilege_escalation": False,
        "capabilities": {"drop": ["ALL"]},
    },
}


@pytest.fixture
def make(cluster: ClusterUnderTest) -> Callable[..., KubernetesLauncher]:
    """Launchers as other processes would have them."""
    return cluster.launcher


@pytest.fixture
def launcher(make: Callable[..., KubernetesLauncher]) -> KubernetesLauncher:
    return make()


@pytest.fixture
def quick(cluster: ClusterUnderTest) -> Callable[[int], LaunchRequest]:
    return lambda number: cluster.request_for(number, "pass")


@pytest.fixture
def broken(cluster: ClusterUnderTest) -> Callable[[int], LaunchRequest]:
    return lambda number: cluster.request_for(number, "print('boom'); raise SystemExit(3)")


@pytest.fixture
def long(cluster: ClusterUnderTest) -> Callable[[int], LaunchRequest]:
    return lambda number: cluster.request_for(number, "import time; time.sleep(60)")


@pytest.fixture
def sleep() -> Callable[[float], None]:
    return time.sleep


class TestKubernetesLauncher(TrialLauncherContract):
    """The contract, on Jobs."""


def exit_of(launcher: KubernetesLauncher, request: LaunchRequest) -> tuple[ExitReason, str]:
    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED, seconds=90)
    assert status.exit is not None
    return status.exit.reason, status.exit.message


def test_pods_may_not_do_what_they_need_not(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))

    (job,) = cluster.jobs()
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["spec"]["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_gpus_and_memory_are_asked_for(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    resources = Resources(cpu=2.5, memory_bytes=1024, gpu=2)

    launcher.launch(cluster.request_for(1, "pass", resources=resources))

    asked = cluster.jobs()[0]["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert asked == {
        "requests": {"cpu": "2500m", "memory": "1024", "nvidia.com/gpu": "2"},
        "limits": {"memory": "1024", "nvidia.com/gpu": "2"},
    }


def test_a_look_costs_nothing_while_the_watch_is_up(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    for number in range(1, 6):
        launcher.launch(long(number))
    wait_for(launcher, long(5).attempt_id, AttemptPhase.RUNNING)
    cluster.proxy.requests.clear()

    for _ in range(20):
        statuses = launcher.poll(SWEEP, [long(number).attempt_id for number in range(1, 6)])
        assert len(statuses) == 5

    assert cluster.requests == []


def test_the_first_look_is_two_lists_and_the_second_begins_to_watch(
    make: Callable[..., KubernetesLauncher],
    cluster: ClusterUnderTest,
    long: Callable[[int], LaunchRequest],
) -> None:
    make().launch(long(1))
    cluster.proxy.requests.clear()
    adopting = make()

    adopting.poll(SWEEP, [long(1).attempt_id])
    time.sleep(0.1)
    assert cluster.requests == ["list jobs", "list pods"]
    adopting.launch(long(1))
    cluster.until(lambda: len(cluster.requests) == 3)

    assert cluster.requests[2:] == ["watch jobs"], "more than three requests in a first tick"


def test_an_attempt_has_what_its_node_is(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, fake: FakeCluster
) -> None:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-L4",
        "karpenter.sh/capacity-type": "spot",
        "node.kubernetes.io/instance-type": "g6.12xlarge",
        "topology.kubernetes.io/region": "eu-central-1",
    }
    fake.nodes.append({"metadata": {"name": "node-1", "labels": labels}})
    fake.controllers.gpus = 4
    gpus = Resources(cpu=0.1, gpu=2)
    first, second = (
        cluster.request_for(n, "import time; time.sleep(60)", resources=gpus) for n in (1, 2)
    )
    launcher.launch(first)
    launcher.launch(second)
    status = wait_for(launcher, first.attempt_id, AttemptPhase.RUNNING)
    wait_for(launcher, second.attempt_id, AttemptPhase.RUNNING)

    assert (status.gpu_count, status.gpu_model) == (2, "NVIDIA-L4")
    assert (status.capacity, status.instance_type) == ("spot", "g6.12xlarge")
    assert status.region == "eu-central-1"
    assert cluster.requests.count("get nodes") == 1
    assert "list nodes" not in cluster.requests


def test_who_may_not_read_nodes_launches_all_the_same(
    launcher: KubernetesLauncher,
    cluster: ClusterUnderTest,
    fake: FakeCluster,
    long: Callable[[int], LaunchRequest],
) -> None:
    fake.forbidden |= {"get nodes", "list nodes"}
    launcher.launch(long(1))

    status = wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    launcher.poll(SWEEP, [long(1).attempt_id])

    assert status.region == ""
    assert cluster.requests.count("get nodes") == 1


def test_another_launcher_sees_what_there_is(
    make: Callable[..., KubernetesLauncher], long: Callable[[int], LaunchRequest]
) -> None:
    first, second = make(), make()
    first.launch(long(1))
    wait_for(first, long(1).attempt_id, AttemptPhase.RUNNING)

    status = wait_for(second, long(1).attempt_id, AttemptPhase.RUNNING)

    assert status.node
    second.stop(long(1).attempt_id, reason=ExitReason.STOPPED)
    assert exit_of(first, long(1)) == (ExitReason.STOPPED, "")


@pytest.mark.parametrize("verb", ["list", "create"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_now_is_an_outage(
    launcher: KubernetesLauncher,
    cluster: ClusterUnderTest,
    long: Callable[[int], LaunchRequest],
    verb: str,
    status: int,
) -> None:
    cluster.proxy.fail(verb=verb, status=status)

    with pytest.raises(LauncherUnavailable, match=str(status)):
        launcher.launch(long(1))

    assert cluster.jobs() == []


def test_what_cannot_be_stopped_now_is_an_outage(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    cluster.proxy.fail(verb="patch", status=500)

    with pytest.raises(LauncherUnavailable, match="500"):
        launcher.stop(long(1).attempt_id, reason=ExitReason.STOPPED)


def test_a_create_whose_answer_was_lost_is_no_second_job(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, quick: Callable[[int], LaunchRequest]
) -> None:
    cluster.proxy.fail(verb="create", status=503, after=True)
    with pytest.raises(LauncherUnavailable):
        launcher.launch(quick(1))

    launcher.launch(quick(1))

    assert exit_of(launcher, quick(1))[0] is ExitReason.COMPLETED
    assert len(cluster.jobs()) == 1


def watched(launcher: KubernetesLauncher, cluster: ClusterUnderTest) -> None:
    """Both watches are under way."""
    launcher.poll(SWEEP, [])
    cluster.until(lambda: len(cluster.proxy.watches) == 2)


def test_watches_that_are_cut_in_the_middle_of_a_line_go_on(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    watched(launcher, cluster)

    assert cluster.proxy.cut_watches() == 2
    launcher.stop(long(1).attempt_id, reason=ExitReason.STOPPED)

    assert exit_of(launcher, long(1))[0] is ExitReason.STOPPED


@pytest.mark.parametrize("is_at_the_start", [True, False])
def test_a_version_that_is_too_old_leads_to_a_new_list(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, *, is_at_the_start: bool
) -> None:
    request = cluster.request_for(1, "import time; time.sleep(1)")
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)
    watched(launcher, cluster)
    cluster.proxy.requests.clear()

    if is_at_the_start:
        for plural in ("jobs", "pods"):
            cluster.proxy.fail(verb="watch", plural=plural, status=410)
        cluster.proxy.cut_watches()
    else:
        cluster.proxy.expire_watches()

    cluster.until(lambda: {"list jobs", "list pods"} <= set(cluster.requests))
    assert exit_of(launcher, request)[0] is ExitReason.COMPLETED


def test_a_job_deleted_while_nobody_could_look_was_deleted(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)

    with cluster.proxy.down():
        cluster.delete_job(long(1).attempt_id)
        cluster.until(lambda: not cluster.jobs() and not cluster.pods())
        for plural in ("jobs", "pods"):
            cluster.proxy.fail(verb="watch", plural=plural, status=410)

    reason, _ = exit_of(launcher, long(1))
    assert reason is ExitReason.DELETED


def test_a_pod_deleted_by_hand_is_told_apart(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)

    (pod,) = cluster.pods()
    cluster.delete_pod(name_of(pod))

    reason, message = exit_of(launcher, long(1))
    assert reason is ExitReason.DELETED
    assert "somebody else" in message
    assert reason.is_infrastructure


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("PreemptionByScheduler", ExitReason.PREEMPTED),
        ("TerminationByKubelet", ExitReason.EVICTED),
        ("DeletionByTaintManager", ExitReason.NODE_LOST),
        ("DeletionByPodGC", ExitReason.NODE_LOST),
    ],
)
def test_disruptions_are_told_apart(
    launcher: KubernetesLauncher,
    fake: FakeCluster,
    long: Callable[[int], LaunchRequest],
    condition: str,
    reason: ExitReason,
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    (pod,) = fake.pods()

    fake.controllers.evict(("pods", NAMESPACE, name_of(pod)), condition)

    assert exit_of(launcher, long(1))[0] is reason


def test_a_drained_node_is_an_eviction(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    (pod,) = cluster.pods()

    cluster.evict(name_of(pod))

    assert exit_of(launcher, long(1))[0] is ExitReason.EVICTED


def test_an_image_that_cannot_be_pulled_ends_the_attempt(
    make: Callable[..., KubernetesLauncher], cluster: ClusterUnderTest
) -> None:
    launcher = make(patience=Patience(image_pull=dt.timedelta(seconds=0)))
    request = cluster.request_for(1, "pass", image="registry.invalid/none:1")

    launcher.launch(request)

    reason, message = exit_of(launcher, request)
    assert reason is ExitReason.IMAGE_PULL_FAILED
    assert "'registry.invalid/none:1' cannot be pulled" in message
    cluster.until(lambda: not cluster.pods())


def test_what_fits_nowhere_says_what_the_scheduler_says(
    make: Callable[..., KubernetesLauncher], cluster: ClusterUnderTest
) -> None:
    launcher = make(patience=Patience(unschedulable=dt.timedelta(seconds=2)))
    request = cluster.request_for(1, "pass", resources=HUGE)

    launcher.launch(request)

    reason, message = exit_of(launcher, request)
    assert reason is ExitReason.UNSCHEDULABLE
    assert "nodes are available" in message
    assert "Insufficient nvidia.com/gpu" in message


def test_a_command_that_does_not_exist_says_so(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    request = cluster.request_for(1, "", command=("/no/such/program",))

    launcher.launch(request)

    reason, message = exit_of(launcher, request)
    assert reason is ExitReason.LAUNCH_FAILED
    assert "/no/such/program" in message


def test_an_attempt_ends_at_its_deadline(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    request = cluster.request_for(1, "import time; time.sleep(60)", timeout=dt.timedelta(seconds=1))

    launcher.launch(request)

    assert exit_of(launcher, request)[0] is ExitReason.TIMED_OUT


def test_a_namespace_that_is_missing_is_named(
    make: Callable[..., KubernetesLauncher],
    cluster: ClusterUnderTest,
    quick: Callable[[int], LaunchRequest],
) -> None:
    missing = f"{cluster.namespace}-missing"
    launcher = make(namespace_of=lambda _: missing)

    with pytest.raises(LauncherUnavailable, match=missing):
        launcher.launch(quick(1))


def test_an_exceeded_quota_waits_like_a_slot(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, quick: Callable[[int], LaunchRequest]
) -> None:
    with (
        cluster.quota({"count/jobs.batch": "0"}),
        pytest.raises(NoCapacity, match="exceeded quota"),
    ):
        launcher.launch(quick(1))

    assert cluster.jobs() == []


def test_a_quota_that_lets_no_pod_be_made_is_told(
    make: Callable[..., KubernetesLauncher],
    cluster: ClusterUnderTest,
    quick: Callable[[int], LaunchRequest],
) -> None:
    later = dt.timedelta(seconds=30)
    launcher = make(clock=lambda: dt.datetime.now(dt.UTC) + later)

    def waits_for() -> str:
        status = launcher.poll(SWEEP, [quick(1).attempt_id])[quick(1).attempt_id]
        assert status.phase is AttemptPhase.PENDING
        return status.waits_for

    with cluster.quota({"pods": "0"}):
        launcher.launch(quick(1))
        cluster.until(lambda: cluster.api.complaint(cluster.namespace, quick(1).attempt_id))
        assert waits_for().startswith("no pod yet: Error creating: ")
        assert "exceeded quota" in waits_for()

    assert exit_of(launcher, quick(1))[0] is ExitReason.COMPLETED


def test_an_attempt_that_never_gets_a_pod_ends(
    make: Callable[..., KubernetesLauncher],
    cluster: ClusterUnderTest,
    quick: Callable[[int], LaunchRequest],
) -> None:
    launcher = make(patience=Patience(unschedulable=dt.timedelta(seconds=1)))

    with cluster.quota({"pods": "0"}):
        launcher.launch(quick(1))
        reason, message = exit_of(launcher, quick(1))

    assert reason is ExitReason.UNSCHEDULABLE
    assert message.startswith("no pod was made for it")


def test_what_the_server_finds_wrong_is_rejected(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, quick: Callable[[int], LaunchRequest]
) -> None:
    cluster.proxy.fail(verb="create", status=422, message="spec.template: Invalid value")

    with pytest.raises(LaunchRejected, match="Invalid value"):
        launcher.launch(quick(1))


def test_launches_above_the_rate_wait_without_sleeping(
    make: Callable[..., KubernetesLauncher], quick: Callable[[int], LaunchRequest]
) -> None:
    now = [0.0]
    launcher = make(rate=LaunchRate(4, clock=lambda: now[0]))
    launcher.launch(quick(1))
    launcher.launch(quick(2))

    with pytest.raises(NoCapacity, match="a second"):
        launcher.launch(quick(3))
    now[0] += 0.25

    launcher.launch(quick(3))


def test_a_sweep_is_cancelled_while_its_pods_are_pending(
    make: Callable[..., KubernetesLauncher], cluster: ClusterUnderTest
) -> None:
    launcher = make(rate=LaunchRate(1000))
    requests = [cluster.request_for(n, "pass", resources=HUGE) for n in range(1, 51)]
    for request in requests:
        launcher.launch(request)
    cluster.until(lambda: len(cluster.pods()) == len(requests))

    assert launcher.reap(SWEEP) == len(requests)

    assert cluster.pods() == []


@pytest.mark.parametrize("name", ["n" * 300, "Скорость обучения " * 20, "-_.~/\\ ", "\N{ROCKET}"])
def test_names_of_any_length_and_script_are_accepted(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, name: str
) -> None:
    request = cluster.request_for(1, "pass", experiment=name, tenant_id=name)

    launcher.launch(request)

    assert exit_of(launcher, request)[0] is ExitReason.COMPLETED


def test_objects_of_others_are_left_alone(
    launcher: KubernetesLauncher, fake: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    (job,) = fake.jobs()
    foreign = json.loads(json.dumps(job))
    foreign["metadata"] = {"name": "foreign", "labels": {"app": "other"}}
    foreign["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    fake.store.create("jobs", NAMESPACE, foreign)

    launcher.reap(SWEEP)

    left = fake.store.get(("jobs", NAMESPACE, "foreign"))
    assert left is not None
    assert not left["spec"].get("suspend")


def test_without_an_image_nothing_is_launched(
    make: Callable[..., KubernetesLauncher], quick: Callable[[int], LaunchRequest]
) -> None:
    launcher = make(defaults=PodDefaults())

    with pytest.raises(LaunchRejected, match="SWEEPWORKS_K8S_IMAGE"):
        launcher.launch(quick(1))


def test_a_tag_runs_as_the_digest_that_it_means(
    make: Callable[..., KubernetesLauncher], cluster: ClusterUnderTest, fake: FakeCluster
) -> None:
    with fake_registry() as registry:
        digest = registry.push("trainer", "1", "one")
        launcher = make(images=ImagePinning(ImagePolicy.RESOLVE, ImageRegistry()))
        requests = [
            cluster.request_for(n, "pass", image=f"{registry.host}/trainer:1") for n in (1, 2)
        ]
        launcher.launch(requests[0])
        registry.push("trainer", "1", "two")

        launcher.launch(requests[1])

    images = {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in fake.jobs()}
    assert images == {f"{registry.host}/trainer@{digest}"}


@pytest.mark.parametrize(
    "overrides",
    [
        {"container_config": {"image": "other:1"}},
        {"pod_spec_config": {"init_containers": [INIT_CONTAINER]}},
    ],
)
def test_no_image_is_named_by_a_tag_behind_the_back_of_the_policy(
    make: Callable[..., KubernetesLauncher],
    cluster: ClusterUnderTest,
    overrides: dict[str, dict[str, object]],
) -> None:
    launcher = make(images=ImagePinning(ImagePolicy.REQUIRE_DIGEST, ImageRegistry()))
    request = cluster.request_for(
        1, "pass", image=f"a@sha256:{'0' * 64}", pods=PodOptions(overrides=overrides)
    )

    with pytest.raises(LaunchRejected, match="'other:1' is named by a tag"):
        launcher.launch(request)


def test_a_tenants_policy_holds_at_every_launch(
    make: Callable[..., KubernetesLauncher], cluster: ClusterUnderTest
) -> None:
    policies = {"vision": PodPolicy(priority_classes=("low",))}
    launcher = make(policy_of=lambda tenant: policies.get(tenant, PodPolicy()))
    pods = PodOptions(priority_class="high")

    with pytest.raises(LaunchRejected, match="priorityClassName: high"):
        launcher.launch(cluster.request_for(1, "pass", tenant_id="vision", pods=pods))
    launcher.launch(cluster.request_for(2, "pass", tenant_id="speech", pods=pods))
    policies["speech"] = policies["vision"]
    with pytest.raises(LaunchRejected):
        launcher.launch(cluster.request_for(3, "pass", tenant_id="speech", pods=pods))

    assert [name_of(job) for job in cluster.jobs()] == [f"{SWEEP}-00002-a1"]
