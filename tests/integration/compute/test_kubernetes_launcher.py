"""The Kubernetes launcher against a cluster of processes: the contract, and what goes wrong."""

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Generator

import pytest

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.hindrance import Patience
from compute.kubernetes.image_pinning import ImagePinning
from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.image_registry import ImageRegistry
from compute.kubernetes.launch_rate import LaunchRate
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.trial_job import PodDefaults
from sweeps.errors import LauncherUnavailable, LaunchRejected, NoCapacity
from sweeps.ids import AttemptId, RunId
from sweeps.ports import AttemptPhase
from sweeps.specs import PodOptions, Resources
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP, TrialLauncherContract, wait_for
from tests.fake_cluster.server import FakeCluster, fake_cluster
from tests.fake_registry import fake_registry

NAMESPACE = "trials"
INIT_CONTAINER = {
    "name": "prepare",
    "image": "other:1",
    "security_context": {"allow_privilege_escalation": False},
}


def request_for(number: int, code: str, **changes: object) -> LaunchRequest:
    run_id = RunId(f"{SWEEP}-{number:05d}")
    fields: dict[str, object] = {
        "attempt_id": AttemptId(f"{run_id}-a1"),
        "run_id": run_id,
        "sweep_id": SWEEP,
        "command": (sys.executable, "-S", "-c", code),
        "environment": {},
        "resources": Resources(),
        "source_dir": "",
    }
    return LaunchRequest(**{**fields, **changes})  # pyright: ignore[reportArgumentType]


@pytest.fixture
def cluster() -> Generator[FakeCluster, None, None]:
    with fake_cluster(NAMESPACE) as cluster:
        yield cluster


@pytest.fixture
def make(cluster: FakeCluster) -> Generator[Callable[..., KubernetesLauncher], None, None]:
    """Launchers as other processes would have them."""
    made: list[KubernetesLauncher] = []

    def make(**options: object) -> KubernetesLauncher:
        launcher = KubernetesLauncher(
            ClusterApi(connect(ClusterAddress(url=cluster.url))),
            namespace_of=lambda _: NAMESPACE,
            installation="here",
            defaults=PodDefaults(image="trainer:1", grace_seconds=1, pull_seconds=0),
            **options,  # pyright: ignore[reportArgumentType]
        )
        made.append(launcher)
        return launcher

    yield make
    for launcher in made:
        launcher.close()


@pytest.fixture
def launcher(make: Callable[..., KubernetesLauncher]) -> KubernetesLauncher:
    return make()


@pytest.fixture
def quick() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "pass")


@pytest.fixture
def broken() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "print('boom'); raise SystemExit(3)")


@pytest.fixture
def long() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "import time; time.sleep(60)")


@pytest.fixture
def sleep() -> Callable[[float], None]:
    return time.sleep


class TestKubernetesLauncher(TrialLauncherContract):
    """The contract, on Jobs."""


def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def exit_of(launcher: KubernetesLauncher, request: LaunchRequest) -> tuple[ExitReason, str]:
    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    return status.exit.reason, status.exit.message


def test_pods_may_not_do_what_they_need_not(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
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


def test_gpus_and_memory_are_asked_for(launcher: KubernetesLauncher, cluster: FakeCluster) -> None:
    resources = Resources(cpu=2.5, memory_bytes=1024, gpu=2)

    launcher.launch(request_for(1, "pass", resources=resources))

    asked = cluster.jobs()[0]["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert asked == {
        "requests": {"cpu": "2500m", "memory": "1024", "nvidia.com/gpu": "2"},
        "limits": {"memory": "1024", "nvidia.com/gpu": "2"},
    }


def test_a_look_costs_nothing_while_the_watch_is_up(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    for number in range(1, 6):
        launcher.launch(long(number))
    wait_for(launcher, long(5).attempt_id, AttemptPhase.RUNNING)
    cluster.requests.clear()

    for _ in range(20):
        statuses = launcher.poll(SWEEP, [long(number).attempt_id for number in range(1, 6)])
        assert len(statuses) == 5

    assert cluster.requests == []


def test_another_launcher_sees_what_there_is(
    make: Callable[..., KubernetesLauncher], long: Callable[[int], LaunchRequest]
) -> None:
    first, second = make(), make()
    first.launch(long(1))
    wait_for(first, long(1).attempt_id, AttemptPhase.RUNNING)

    status = wait_for(second, long(1).attempt_id, AttemptPhase.RUNNING)

    assert status.node == "node-1"
    second.stop(long(1).attempt_id, reason=ExitReason.STOPPED)
    assert exit_of(first, long(1)) == (ExitReason.STOPPED, "")


@pytest.mark.parametrize("verb", ["list", "create"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_now_is_an_outage(
    launcher: KubernetesLauncher,
    cluster: FakeCluster,
    long: Callable[[int], LaunchRequest],
    verb: str,
    status: int,
) -> None:
    cluster.fail(verb=verb, status=status)

    with pytest.raises(LauncherUnavailable, match=str(status)):
        launcher.launch(long(1))

    assert cluster.jobs() == []


def test_what_cannot_be_stopped_now_is_an_outage(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    cluster.fail(verb="patch", status=500)

    with pytest.raises(LauncherUnavailable, match="500"):
        launcher.stop(long(1).attempt_id, reason=ExitReason.STOPPED)


def test_a_create_whose_answer_was_lost_is_no_second_job(
    launcher: KubernetesLauncher, cluster: FakeCluster, quick: Callable[[int], LaunchRequest]
) -> None:
    cluster.fail(verb="create", status=503, after=True)
    with pytest.raises(LauncherUnavailable):
        launcher.launch(quick(1))

    launcher.launch(quick(1))

    assert exit_of(launcher, quick(1))[0] is ExitReason.COMPLETED
    assert len(cluster.jobs()) == 1


def test_watches_that_are_cut_go_on(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    cluster.cut.set()
    time.sleep(0.3)
    cluster.cut.clear()

    launcher.stop(long(1).attempt_id, reason=ExitReason.STOPPED)

    assert exit_of(launcher, long(1))[0] is ExitReason.STOPPED


def test_a_version_that_is_too_old_leads_to_a_new_list(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = request_for(1, "import time; time.sleep(1)")
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    cluster.store.forget()

    assert exit_of(launcher, request)[0] is ExitReason.COMPLETED


def test_a_job_deleted_while_nobody_could_look_was_deleted(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)

    with cluster.store.changed:
        cluster.store.remove(("jobs", NAMESPACE, long(1).attempt_id))
        cluster.controllers.delete_pod(("pods", NAMESPACE, cluster.pods()[0]["metadata"]["name"]))
        cluster.store.forget()

    reason, _ = exit_of(launcher, long(1))
    assert reason is ExitReason.DELETED


def test_a_pod_deleted_by_hand_is_told_apart(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)

    cluster.controllers.delete_pod(("pods", NAMESPACE, cluster.pods()[0]["metadata"]["name"]))

    reason, message = exit_of(launcher, long(1))
    assert reason is ExitReason.DELETED
    assert "somebody else" in message
    assert reason.is_infrastructure


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("PreemptionByScheduler", ExitReason.PREEMPTED),
        ("EvictionByEvictionAPI", ExitReason.EVICTED),
        ("TerminationByKubelet", ExitReason.EVICTED),
        ("DeletionByTaintManager", ExitReason.NODE_LOST),
        ("DeletionByPodGC", ExitReason.NODE_LOST),
    ],
)
def test_disruptions_are_told_apart(
    launcher: KubernetesLauncher,
    cluster: FakeCluster,
    long: Callable[[int], LaunchRequest],
    condition: str,
    reason: ExitReason,
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    pod = ("pods", NAMESPACE, cluster.pods()[0]["metadata"]["name"])

    cluster.controllers.evict(pod, condition)

    assert exit_of(launcher, long(1))[0] is reason


def test_an_image_that_cannot_be_pulled_ends_the_attempt(
    make: Callable[..., KubernetesLauncher],
    cluster: FakeCluster,
    quick: Callable[[int], LaunchRequest],
) -> None:
    launcher = make(patience=Patience(image_pull=dt.timedelta(seconds=0)))
    cluster.controllers.unpullable.add("trainer:1")

    launcher.launch(quick(1))

    reason, message = exit_of(launcher, quick(1))
    assert reason is ExitReason.IMAGE_PULL_FAILED
    assert "'trainer:1' cannot be pulled" in message
    until(lambda: not cluster.pods())


def test_what_fits_nowhere_says_what_the_scheduler_says(
    make: Callable[..., KubernetesLauncher],
) -> None:
    launcher = make(patience=Patience(unschedulable=dt.timedelta(seconds=1)))
    request = request_for(1, "pass", resources=Resources(gpu=99))

    launcher.launch(request)

    assert exit_of(launcher, request) == (
        ExitReason.UNSCHEDULABLE,
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
    )


def test_a_command_that_does_not_exist_says_so(launcher: KubernetesLauncher) -> None:
    request = request_for(1, "", command=("/no/such/program",))

    launcher.launch(request)

    reason, message = exit_of(launcher, request)
    assert reason is ExitReason.LAUNCH_FAILED
    assert "/no/such/program" in message


def test_an_attempt_ends_at_its_deadline(launcher: KubernetesLauncher) -> None:
    request = request_for(1, "import time; time.sleep(60)", timeout=dt.timedelta(seconds=1))

    launcher.launch(request)

    assert exit_of(launcher, request)[0] is ExitReason.TIMED_OUT


def test_a_namespace_that_is_missing_is_named(
    launcher: KubernetesLauncher, cluster: FakeCluster, quick: Callable[[int], LaunchRequest]
) -> None:
    cluster.namespaces.clear()

    with pytest.raises(LauncherUnavailable, match=NAMESPACE):
        launcher.launch(quick(1))


def test_an_exceeded_quota_waits_like_a_slot(
    launcher: KubernetesLauncher, cluster: FakeCluster, quick: Callable[[int], LaunchRequest]
) -> None:
    cluster.fail(verb="create", status=403, message='jobs "x" is forbidden: exceeded quota: q')

    with pytest.raises(NoCapacity, match="exceeded quota"):
        launcher.launch(quick(1))


def test_a_quota_that_lets_no_pod_be_made_is_told(
    make: Callable[..., KubernetesLauncher],
    cluster: FakeCluster,
    quick: Callable[[int], LaunchRequest],
) -> None:
    later = [dt.timedelta(0)]
    launcher = make(clock=lambda: dt.datetime.now(dt.UTC) + later[0])
    cluster.controllers.quota = "exceeded quota: gpus, requested: 1, used: 8, limited: 8"
    launcher.launch(quick(1))
    until(lambda: cluster.controllers.complaints)

    later[0] = dt.timedelta(seconds=30)
    status = launcher.poll(SWEEP, [quick(1).attempt_id])[quick(1).attempt_id]

    assert status.phase is AttemptPhase.PENDING
    assert status.waits_for == f"no pod yet: {cluster.controllers.quota}"
    cluster.controllers.quota = ""
    assert exit_of(launcher, quick(1))[0] is ExitReason.COMPLETED


def test_an_attempt_that_never_gets_a_pod_ends(
    make: Callable[..., KubernetesLauncher],
    cluster: FakeCluster,
    quick: Callable[[int], LaunchRequest],
) -> None:
    launcher = make(patience=Patience(unschedulable=dt.timedelta(seconds=1)))
    cluster.controllers.quota = "exceeded quota"

    launcher.launch(quick(1))

    reason, message = exit_of(launcher, quick(1))
    assert reason is ExitReason.UNSCHEDULABLE
    assert message.startswith("no pod was made for it")


def test_what_the_server_finds_wrong_is_rejected(
    launcher: KubernetesLauncher, cluster: FakeCluster, quick: Callable[[int], LaunchRequest]
) -> None:
    cluster.fail(verb="create", status=422, message="spec.template: Invalid value")

    with pytest.raises(LaunchRejected, match="Invalid value"):
        launcher.launch(quick(1))


def test_launches_above_the_rate_wait_without_sleeping(
    make: Callable[..., KubernetesLauncher], quick: Callable[[int], LaunchRequest]
) -> None:
    now = [0.0]
    launcher = make(rate=LaunchRate(1, clock=lambda: now[0]))
    launcher.launch(quick(1))
    launcher.launch(quick(2))

    with pytest.raises(NoCapacity, match="a second"):
        launcher.launch(quick(3))
    now[0] += 1

    launcher.launch(quick(3))


def test_a_sweep_is_cancelled_while_its_pods_are_pending(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    requests = [request_for(n, "pass", resources=Resources(gpu=99)) for n in range(1, 31)]
    for request in requests:
        launcher.launch(request)
    until(lambda: len(cluster.pods()) == len(requests))

    assert launcher.reap(SWEEP) == len(requests)

    assert cluster.pods() == []


def test_objects_of_others_are_left_alone(
    launcher: KubernetesLauncher, cluster: FakeCluster, long: Callable[[int], LaunchRequest]
) -> None:
    launcher.launch(long(1))
    wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)
    (job,) = cluster.jobs()
    foreign = json.loads(json.dumps(job))
    foreign["metadata"] = {"name": "foreign", "labels": {"app": "other"}}
    foreign["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    cluster.store.create("jobs", NAMESPACE, foreign)

    launcher.reap(SWEEP)

    assert not cluster.store.get(("jobs", NAMESPACE, "foreign"))["spec"].get("suspend")  # pyright: ignore[reportOptionalSubscript]


def test_without_an_image_nothing_is_launched(
    cluster: FakeCluster, quick: Callable[[int], LaunchRequest]
) -> None:
    launcher = KubernetesLauncher(
        ClusterApi(connect(ClusterAddress(url=cluster.url))),
        namespace_of=lambda _: NAMESPACE,
        installation="here",
        defaults=PodDefaults(),
    )

    with pytest.raises(LaunchRejected, match="SWEEPWORKS_K8S_IMAGE"):
        launcher.launch(quick(1))


def test_a_tag_runs_as_the_digest_that_it_means(
    make: Callable[..., KubernetesLauncher], cluster: FakeCluster
) -> None:
    with fake_registry() as registry:
        digest = registry.push("trainer", "1", "one")
        launcher = make(images=ImagePinning(ImagePolicy.RESOLVE, ImageRegistry()))
        requests = [request_for(n, "pass", image=f"{registry.host}/trainer:1") for n in (1, 2)]
        launcher.launch(requests[0])
        registry.push("trainer", "1", "two")

        launcher.launch(requests[1])

    images = {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in cluster.jobs()}
    assert images == {f"{registry.host}/trainer@{digest}"}


@pytest.mark.parametrize(
    "overrides",
    [
        {"container_config": {"image": "other:1"}},
        {"pod_spec_config": {"init_containers": [INIT_CONTAINER]}},
    ],
)
def test_no_image_is_named_by_a_tag_behind_the_back_of_the_policy(
    make: Callable[..., KubernetesLauncher], overrides: dict[str, dict[str, object]]
) -> None:
    launcher = make(images=ImagePinning(ImagePolicy.REQUIRE_DIGEST, ImageRegistry()))
    request = request_for(
        1, "pass", image=f"a@sha256:{'0' * 64}", pods=PodOptions(overrides=overrides)
    )

    with pytest.raises(LaunchRejected, match="'other:1' is named by a tag"):
        launcher.launch(request)
