"""Attempts of several pods."""

import sys
from collections.abc import Callable, Generator

import pytest

from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.trial_job import PodDefaults
from sweeps.errors import LauncherUnavailable
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.specs import PodOptions, Resources
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP, wait_for
from tests.fake_cluster.server import FakeCluster
from tests.integration.compute.pods import launchers, pod_request, until
from tests.plugins.cluster import NAMESPACE

WAIT = "import time; time.sleep(60)"


@pytest.fixture
def cluster(fake: FakeCluster) -> FakeCluster:
    return fake


@pytest.fixture
def make(cluster: FakeCluster) -> Generator[Callable[[], KubernetesLauncher], None, None]:
    with launchers(cluster, defaults=PodDefaults(image="trainer:1", grace_seconds=1)) as make:
        yield make


@pytest.fixture
def launcher(make: Callable[[], KubernetesLauncher]) -> KubernetesLauncher:
    return make()


def a_request(code: str, *, nodes: int = 3, gpu: int = 0) -> LaunchRequest:
    return pod_request(
        1,
        f"import os; rank = os.environ['RANK']\n{code}",
        resources=Resources(gpu=gpu),
        pods=PodOptions(nodes=nodes),
    )


def ended(launcher: KubernetesLauncher, request: LaunchRequest) -> AttemptStatus:
    return wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)


def test_every_pod_knows_which_one_it_is_and_where_the_first_one_is(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request("print(*(os.environ[n] for n in %r))" % (  # noqa: UP031
        ["NODE_RANK", "RANK", "WORLD_SIZE", "NNODES", "MASTER_ADDR", "MASTER_PORT",
         "PET_NODE_RANK", "PET_NNODES", "PET_NPROC_PER_NODE"],
    ))  # fmt: skip

    launcher.launch(request)
    status = ended(launcher, request)

    assert status.exit is not None
    assert status.exit.reason is ExitReason.COMPLETED
    said = sorted(log.content().decode().strip() for log in cluster.controllers.logs.values())
    service = request.attempt_id
    assert said == [f"{n} {n} 3 3 {service}-0.{service} 29500 {n} 3 1" for n in range(3)]
    (job,) = cluster.jobs()
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["template"]["spec"]["subdomain"] == service


def test_a_service_gives_the_pods_names_and_goes_with_the_job(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request(WAIT)
    launcher.launch(request)

    (service,) = cluster.services()
    (job,) = cluster.jobs()
    assert service["metadata"]["name"] == request.attempt_id
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    (owner,) = service["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", job["metadata"]["uid"])


def test_an_attempt_of_one_pod_has_no_service(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request("pass", nodes=1)
    request = LaunchRequest(
        **{
            **{name: getattr(request, name) for name in request.__dataclass_fields__},
            "command": (sys.executable, "-S", "-c", "import os; assert 'RANK' not in os.environ"),
        }
    )

    launcher.launch(request)

    status = ended(launcher, request)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.COMPLETED
    assert "create services" not in cluster.requests


def test_whoever_comes_after_a_kill_makes_the_service(
    make: Callable[[], KubernetesLauncher], cluster: FakeCluster
) -> None:
    request = a_request(WAIT)
    make().launch(request)
    (service,) = cluster.services()
    cluster.store.remove(("services", NAMESPACE, service["metadata"]["name"]))
    second = make()

    for _ in range(3):
        second.poll(SWEEP, [request.attempt_id])

    assert [one["metadata"]["name"] for one in cluster.services()] == [request.attempt_id]
    assert cluster.requests.count("create services") == 2


def test_a_service_that_cannot_be_made_now_is_made_at_the_next_look(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request(WAIT)
    cluster.fail(verb="create", plural="services", status=503)
    with pytest.raises(LauncherUnavailable):
        launcher.launch(request)
    assert cluster.services() == []

    launcher.launch(request)
    launcher.poll(SWEEP, [request.attempt_id])

    assert len(cluster.jobs()) == 1
    assert len(cluster.services()) == 1


def test_one_pod_that_fails_ends_them_all_and_says_why(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request(
        "import time\n"
        "if rank == '1': time.sleep(1); print('out of luck'); raise SystemExit(3)\n"
        "time.sleep(60)"
    )
    launcher.launch(request)

    status = ended(launcher, request)

    assert status.exit is not None
    assert (status.exit.reason, status.exit.code) == (ExitReason.SCRIPT_FAILED, 3)
    assert "out of luck" in status.exit.message
    until(lambda: not cluster.controllers.processes)


def test_an_attempt_runs_when_its_last_pod_does(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    cluster.controllers.gpus = 2
    request = a_request(WAIT, gpu=1)
    launcher.launch(request)
    until(lambda: len(cluster.controllers.processes) == 2)
    until(lambda: "Insufficient" in str(cluster.pods()))

    status = launcher.poll(SWEEP, [request.attempt_id])[request.attempt_id]
    assert status.phase is AttemptPhase.PENDING
    assert "Insufficient nvidia.com/gpu" in status.waits_for
    cluster.controllers.gpus = 3

    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)


def test_a_node_that_is_drained_is_why_the_attempt_ends(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    request = a_request(WAIT)
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    cluster.controllers.evict(("pods", NAMESPACE, cluster.pods()[1]["metadata"]["name"]))

    status = ended(launcher, request)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.EVICTED


def test_stopping_ends_every_pod(launcher: KubernetesLauncher, cluster: FakeCluster) -> None:
    request = a_request(WAIT)
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    launcher.stop(request.attempt_id, reason=ExitReason.STOPPED)

    status = ended(launcher, request)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.STOPPED
    until(lambda: cluster.pods() == [])
