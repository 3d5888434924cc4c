"""Jobs that a queue admits, and takes back."""

import datetime as dt
import time
from collections.abc import Callable, Generator

import pytest

from compute.kubernetes import names
from compute.kubernetes.hindrance import Patience
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.trial_job import PodDefaults
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.specs import PodOptions
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP, TrialLauncherContract, wait_for
from tests.fake_cluster.server import FakeCluster
from tests.integration.compute.pods import launchers, pod_request, until
from tests.plugins.cluster import NAMESPACE


def a_request(number: int, code: str = "import time; time.sleep(60)") -> LaunchRequest:
    return pod_request(number, code)


@pytest.fixture
def cluster(fake: FakeCluster) -> FakeCluster:
    return fake


class Clock:
    """Runs ahead of the cluster's."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta(0)

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(
    cluster: FakeCluster, clock: Clock
) -> Generator[Callable[[], KubernetesLauncher], None, None]:
    with launchers(
        cluster,
        defaults=PodDefaults(image="trainer:1", grace_seconds=1, queue="sweepworks"),
        patience=Patience(unschedulable=dt.timedelta(minutes=10)),
        clock=clock,
    ) as make:
        yield make


@pytest.fixture
def launcher(make: Callable[[], KubernetesLauncher]) -> KubernetesLauncher:
    return make()


@pytest.fixture
def quick() -> Callable[[int], LaunchRequest]:
    return lambda number: a_request(number, "pass")


@pytest.fixture
def broken() -> Callable[[int], LaunchRequest]:
    return lambda number: a_request(number, "print('boom'); raise SystemExit(3)")


@pytest.fixture
def long() -> Callable[[int], LaunchRequest]:
    return a_request


@pytest.fixture
def sleep() -> Callable[[float], None]:
    return time.sleep


class TestQueuedLauncher(TrialLauncherContract):
    """The contract, on Jobs that wait in a queue."""


def status_of(launcher: KubernetesLauncher, request: LaunchRequest) -> AttemptStatus:
    return launcher.poll(SWEEP, [request.attempt_id])[request.attempt_id]


def exit_of(launcher: KubernetesLauncher, request: LaunchRequest) -> tuple[ExitReason, str]:
    status = wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    return status.exit.reason, status.exit.message


def test_a_job_is_made_suspended_for_its_queue(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    cluster.controllers.kueue.quota = 0
    request = a_request(1)
    pods = PodOptions(
        priority_class="sweepworks-low", overrides={"job_spec_config": {"suspend": False}}
    )

    launcher.launch(LaunchRequest(**{**_fields(request), "pods": pods}))  # pyright: ignore[reportArgumentType]

    (job,) = cluster.jobs()
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "sweepworks"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "sweepworks-low"


def _fields(request: LaunchRequest) -> dict[str, object]:
    return {name: getattr(request, name) for name in request.__dataclass_fields__}


def test_what_is_not_admitted_waits_for_its_queue_as_long_as_that_takes(
    launcher: KubernetesLauncher, cluster: FakeCluster, clock: Clock
) -> None:
    cluster.controllers.kueue.quota = 1
    first, second = a_request(1), a_request(2, "pass")
    launcher.launch(first)
    wait_for(launcher, first.attempt_id, AttemptPhase.RUNNING)
    launcher.launch(second)
    until(lambda: len(cluster.controllers.kueue.workloads) == 2)
    until(lambda: any(w.pending for w in cluster.controllers.kueue.workloads.values()))

    clock.ahead = dt.timedelta(hours=5)
    status = status_of(launcher, second)

    assert status.phase is AttemptPhase.PENDING
    assert status.waits_for == (
        "waits for its queue to admit it: insufficient unused quota: 1 asked, 0 free"
    )
    clock.ahead = dt.timedelta(0)
    launcher.stop(first.attempt_id, reason=ExitReason.STOPPED)
    assert exit_of(launcher, second)[0] is ExitReason.COMPLETED


def test_the_time_in_the_queue_is_no_time_without_a_node(
    launcher: KubernetesLauncher, cluster: FakeCluster, clock: Clock
) -> None:
    cluster.controllers.kueue.quota = 0
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}}  # once it is admitted
    cluster.store.create("resourcequotas", NAMESPACE, quota)
    request = a_request(1, "pass")
    launcher.launch(request)
    key = ("jobs", NAMESPACE, request.attempt_id)
    cluster.store.update(
        key, lambda job: job["metadata"].update(creationTimestamp="2026-01-01T00:00:00Z")
    )

    cluster.controllers.kueue.quota = 1
    until(lambda: "startTime" in cluster.jobs()[0].get("status", {}))
    until(lambda: request.attempt_id in cluster.controllers.complaints)  # asked once a minute
    until(lambda: "no pod yet" in status_of(launcher, request).waits_for)
    assert status_of(launcher, request).phase is AttemptPhase.PENDING
    clock.ahead = dt.timedelta(minutes=11)

    assert exit_of(launcher, request)[0] is ExitReason.UNSCHEDULABLE


def test_an_execution_that_the_queue_ends_is_preempted_and_does_not_start_again(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request(1)
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    cluster.controllers.kueue.quota = 0  # whoever preempted it has its place for a while
    cluster.controllers.kueue.preempt(NAMESPACE, request.attempt_id, "Preempted by trial 9")

    assert exit_of(launcher, request) == (ExitReason.PREEMPTED, "Preempted by trial 9")
    # Kueue admits it again, as what it is now: nothing.
    cluster.controllers.kueue.quota = 1
    until(lambda: not cluster.jobs()[0]["spec"]["suspend"])
    time.sleep(0.3)
    assert cluster.pods() == []
    assert exit_of(launcher, request)[0] is ExitReason.PREEMPTED


def test_a_controller_that_comes_later_sees_that_it_was_preempted(
    make: Callable[[], KubernetesLauncher], cluster: FakeCluster
) -> None:
    request = a_request(1)
    first = make()
    first.launch(request)
    wait_for(first, request.attempt_id, AttemptPhase.RUNNING)
    first.close()
    cluster.controllers.kueue.quota = 0
    cluster.controllers.kueue.preempt(NAMESPACE, request.attempt_id)
    until(lambda: not cluster.pods())

    assert exit_of(make(), request) == (ExitReason.PREEMPTED, "Preempted")


def test_what_the_queue_has_started_again_meanwhile_goes_on(
    make: Callable[[], KubernetesLauncher], cluster: FakeCluster
) -> None:
    request = a_request(1)
    first = make()
    first.launch(request)
    wait_for(first, request.attempt_id, AttemptPhase.RUNNING)
    first.close()
    (before,) = cluster.pods()
    cluster.controllers.kueue.preempt(NAMESPACE, request.attempt_id)
    uid = before["metadata"]["uid"]
    until(
        lambda: [
            pod
            for pod in cluster.pods()
            if pod["metadata"]["uid"] != uid and pod["status"]["phase"] == "Running"
        ]
    )

    second = make()

    wait_for(second, request.attempt_id, AttemptPhase.RUNNING)
    assert not any(names.STOP_REASON in j["metadata"]["annotations"] for j in cluster.jobs())


def test_what_had_not_begun_waits_on_as_the_same_attempt(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    cluster.controllers.unpullable.add("trainer:1")
    request = a_request(1, "pass")
    launcher.launch(request)
    until(lambda: "ImagePullBackOff" in status_of(launcher, request).waits_for)
    cluster.controllers.kueue.quota = 0

    cluster.controllers.kueue.preempt(NAMESPACE, request.attempt_id)
    until(lambda: status_of(launcher, request).waits_for.startswith("waits for its queue"))
    cluster.controllers.unpullable.clear()
    cluster.controllers.kueue.quota = 1

    assert exit_of(launcher, request)[0] is ExitReason.COMPLETED


def test_what_the_queue_has_given_up_ends(
    launcher: KubernetesLauncher, cluster: FakeCluster, clock: Clock
) -> None:
    cluster.controllers.kueue.quota = 0
    request = a_request(1)
    launcher.launch(request)
    until(lambda: cluster.controllers.kueue.workloads)

    cluster.controllers.kueue.deactivate(NAMESPACE, request.attempt_id)
    clock.ahead = dt.timedelta(minutes=1)

    assert exit_of(launcher, request) == (ExitReason.PREEMPTED, "its queue has given it up")


def test_reasons_are_asked_for_seldom_and_done_without(
    launcher: KubernetesLauncher, cluster: FakeCluster, clock: Clock
) -> None:
    cluster.controllers.kueue.quota = 0
    requests = [a_request(number) for number in range(1, 21)]
    for request in requests:
        launcher.launch(request)
    launcher.poll(SWEEP, [])  # lists the pods, which is not what is to fail
    clock.ahead = dt.timedelta(minutes=1)
    cluster.fail(verb="list", status=403, times=1)
    cluster.requests.clear()

    for _ in range(10):
        statuses = launcher.poll(SWEEP, [request.attempt_id for request in requests])
        assert all(s.waits_for == "waits for its queue to admit it" for s in statuses.values())

    assert cluster.requests.count("list workloads") <= 2


def test_a_sweep_that_waits_in_its_queue_is_cancelled(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    cluster.controllers.kueue.quota = 2
    requests = [a_request(number) for number in range(1, 11)]
    for request in requests:
        launcher.launch(request)
    wait_for(launcher, requests[1].attempt_id, AttemptPhase.RUNNING)

    assert launcher.reap(SWEEP) == 10

    time.sleep(0.3)
    assert cluster.pods() == []
