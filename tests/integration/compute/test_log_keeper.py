"""Logs of pods are kept once they end, whatever happens to pods, stores and controllers."""

import threading
import time
from collections.abc import Callable, Generator

import pytest

from compute.kubernetes.cluster_logs import ClusterLogs
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.log_keeper import LogKeeper
from compute.kubernetes.pod_logs import PodLogs
from compute.kubernetes.trial_job import PodDefaults
from sweeps.errors import StateConflict, StorageUnavailable
from sweeps.ids import AttemptId, TenantId
from sweeps.ports import AttemptPhase
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP, wait_for
from tests.fake_cluster.server import FakeCluster
from tests.integration.compute.pods import api_of, launchers, pod_request, until
from tests.plugins.cluster import NAMESPACE

TENANT = TenantId("default")


class Archive:
    """A `LogArchive` in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[AttemptId, int], bytes] = {}
        self.failures: list[Exception] = []
        self.is_free = threading.Event()
        self.is_free.set()

    def has(
        self,
        tenant_id: TenantId,
        attempt_id: AttemptId,
        *,
        node: int = 0,
    ) -> bool:
        self.is_free.wait()
        return (attempt_id, node) in self.kept

    def keep(
        self,
        tenant_id: TenantId,
        attempt_id: AttemptId,
        content: bytes,
        *,
        node: int = 0,
    ) -> None:
        if self.failures:
            raise self.failures.pop()
        self.kept[attempt_id, node] = content

    def read(
        self,
        tenant_id: TenantId,
        attempt_id: AttemptId,
        *,
        node: int = 0,
    ) -> bytes | None:
        return self.kept.get((attempt_id, node))


@pytest.fixture
def cluster(fake: FakeCluster) -> FakeCluster:
    return fake


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def make(cluster: FakeCluster) -> Generator[Callable[..., KubernetesLauncher], None, None]:
    with launchers(cluster, defaults=PodDefaults(image="trainer:1", grace_seconds=5)) as make:
        yield make


@pytest.fixture
def launcher(make: Callable[..., KubernetesLauncher]) -> KubernetesLauncher:
    return make()


def a_keeper(
    cluster: FakeCluster,
    launcher: KubernetesLauncher,
    archive: Archive,
    *,
    patience_seconds: float = 30,
) -> LogKeeper:
    keeper = LogKeeper(
        api_of(cluster), archive, tenant_of=lambda _: TENANT, patience_seconds=patience_seconds
    )
    launcher.observe(keeper)
    return keeper


def ended(launcher: KubernetesLauncher, request: LaunchRequest) -> AttemptId:
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    return request.attempt_id


def wait_until_kept(keeper: LogKeeper, attempt_id: AttemptId) -> None:
    until(lambda: attempt_id not in keeper.unsent(TENANT, [attempt_id]))


def test_the_log_of_a_pod_that_has_ended_is_kept_for_one_request(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)

    attempt_id = ended(launcher, pod_request(1, "print('epoch 1'); raise SystemExit(3)"))
    for _ in range(5):
        launcher.poll(SWEEP, [attempt_id])
    wait_until_kept(keeper, attempt_id)

    assert archive.kept == {(attempt_id, 0): b"epoch 1\n"}
    assert cluster.requests.count("get pods/log") == 1


def test_the_log_of_a_pod_that_goes_between_two_looks_is_kept(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('epoch 1')"
    request = pod_request(1, f"{stubborn}; time.sleep(60)")
    launcher.launch(request)
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)
    launcher.poll(SWEEP, [request.attempt_id])  # watches from now on
    (pod,) = cluster.pods()
    until(cluster.controllers.logs["pods", NAMESPACE, pod["metadata"]["name"]].content)

    cluster.controllers.delete_pod(("pods", NAMESPACE, pod["metadata"]["name"]), grace=3)
    until(lambda: not cluster.pods())

    until(lambda: archive.kept)  # and nobody has looked meanwhile
    assert archive.kept == {(request.attempt_id, 0): b"epoch 1\n"}
    wait_until_kept(keeper, request.attempt_id)


def test_a_log_too_long_to_keep_keeps_both_ends(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    code = "for n in range(6000): print(n, 'x' * 1000)"

    attempt_id = ended(launcher, pod_request(1, code))
    wait_until_kept(keeper, attempt_id)

    log = archive.kept[attempt_id, 0]
    assert log.startswith(b"0 x")
    assert b"bytes are missing here" in log
    assert log.rstrip().splitlines()[-1].startswith(b"5999 x")
    assert len(log) < 4.1 * 2**20


def test_what_a_stopped_pod_prints_at_last_is_kept(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    code = (
        "import os, signal, sys, time\n"
        "def end(*_): time.sleep(0.5); os.write(1, b'saved\\n'); sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, end); os.write(1, b'begun\\n'); time.sleep(60)"
    )
    request = pod_request(1, code)
    launcher.launch(request)
    until(lambda: any(log.content() for log in cluster.controllers.logs.values()))
    wait_for(launcher, request.attempt_id, AttemptPhase.RUNNING)

    launcher.stop(request.attempt_id, reason=ExitReason.STOPPED)
    wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    wait_until_kept(keeper, request.attempt_id)

    assert not cluster.pods()
    assert archive.kept == {(request.attempt_id, 0): b"begun\nsaved\n"}


def test_what_a_drained_pod_prints_at_last_is_kept(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    code = (
        "import os, signal, sys, time\n"
        "def end(*_): time.sleep(1); os.write(1, b'drained\\n'); sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, end); os.write(1, b'begun\\n'); time.sleep(60)"
    )
    request = pod_request(1, code)
    launcher.launch(request)
    until(lambda: any(log.content() for log in cluster.controllers.logs.values()))

    cluster.controllers.evict(("pods", NAMESPACE, cluster.pods()[0]["metadata"]["name"]))
    wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)
    wait_until_kept(keeper, request.attempt_id)

    assert archive.kept == {(request.attempt_id, 0): b"begun\ndrained\n"}


def test_ticks_do_not_wait_for_the_archive(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    archive.is_free.clear()
    attempt_id = ended(launcher, pod_request(1, "print('epoch 1')"))

    begun = time.monotonic()
    launcher.poll(SWEEP, [attempt_id])
    unsent = keeper.unsent(TENANT, [attempt_id])

    assert time.monotonic() - begun < 0.2
    assert unsent == {attempt_id}
    archive.is_free.set()
    wait_until_kept(keeper, attempt_id)


def test_the_next_controller_finds_what_is_kept_and_keeps_what_is_not(
    cluster: FakeCluster,
    make: Callable[..., KubernetesLauncher],
    archive: Archive,
) -> None:
    first = make()
    attempt_ids = [ended(first, pod_request(n, f"print('trial {n}')")) for n in (1, 2)]
    archive.keep(TENANT, attempt_ids[0], b"trial 1\n")
    second = make()
    keeper = a_keeper(cluster, second, archive)

    second.poll(SWEEP, attempt_ids)
    for attempt_id in attempt_ids:
        wait_until_kept(keeper, attempt_id)

    assert [archive.kept[a, 0] for a in attempt_ids] == [b"trial 1\n", b"trial 2\n"]
    assert cluster.requests.count("get pods/log") == 1


def test_outages_of_the_store_cost_no_second_request(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    archive.failures.append(StorageUnavailable("away"))

    attempt_id = ended(launcher, pod_request(1, "print('epoch 1')"))
    wait_until_kept(keeper, attempt_id)

    assert archive.kept == {(attempt_id, 0): b"epoch 1\n"}
    assert cluster.requests.count("get pods/log") == 1


def test_outages_of_the_server_are_waited_out(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    cluster.fail(verb="get", status=503, times=2)

    attempt_id = ended(launcher, pod_request(1, "print('epoch 1')"))
    wait_until_kept(keeper, attempt_id)

    assert archive.kept == {(attempt_id, 0): b"epoch 1\n"}


def test_what_cannot_be_kept_is_given_up(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    archive.failures.append(StateConflict("run", current="sealed", asked="given an artifact"))

    attempt_id = ended(launcher, pod_request(1, "print('epoch 1')"))
    wait_until_kept(keeper, attempt_id)

    assert archive.kept == {}


def test_a_pod_that_never_began_is_not_asked(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    keeper = a_keeper(cluster, launcher, archive)
    cluster.controllers.unpullable.add("trainer:1")
    request = pod_request(1, "pass")
    launcher.launch(request)
    until(lambda: launcher.poll(SWEEP, [request.attempt_id])[request.attempt_id].waits_for)

    launcher.stop(request.attempt_id, reason=ExitReason.STOPPED)
    wait_for(launcher, request.attempt_id, AttemptPhase.EXITED)

    assert not keeper.unsent(TENANT, [request.attempt_id])
    assert "get pods/log" not in cluster.requests


def logs_of(cluster: FakeCluster, archive: Archive) -> ClusterLogs:
    pods = PodLogs(api_of(cluster), namespace_of=lambda _: NAMESPACE, installation="here")
    return ClusterLogs(pods, archive, tenant_of=lambda _: TENANT)


def test_a_log_is_read_from_its_pod_and_then_from_the_archive(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    attempt_id = ended(launcher, pod_request(1, "print('one'); print('two'); print('three')"))
    from_pod = logs_of(cluster, archive)
    assert from_pod.read(attempt_id, "stdout", offset=0, limit=99) == b"one\ntwo\nthree\n"
    assert from_pod.tail(attempt_id, "stdout", lines=1) == 8
    archive.keep(TENANT, attempt_id, b"one\ntwo\nthree\n")

    cluster.store.remove(("pods", NAMESPACE, cluster.pods()[0]["metadata"]["name"]))

    for logs in (from_pod, logs_of(cluster, archive)):
        assert logs.exists(attempt_id)
        assert logs.read(attempt_id, "stdout", offset=4, limit=3) == b"two"
        assert logs.tail(attempt_id, "stdout", lines=2) == 4
    assert not logs_of(cluster, archive).exists(AttemptId(f"{SWEEP}-00009-a1"))


def test_following_a_log_is_not_told_from_its_beginning_at_every_look(
    cluster: FakeCluster, launcher: KubernetesLauncher, archive: Archive
) -> None:
    code = (
        "import time\n"
        "for n in range(3000): print(n, 'x' * 1000)\n"
        "time.sleep(4)\n"
        "for n in range(10): print(n); time.sleep(0.2)"
    )
    request = pod_request(1, code)
    launcher.launch(request)
    logs, printed = logs_of(cluster, archive), b""

    while True:
        status = launcher.poll(SWEEP, [request.attempt_id])[request.attempt_id]
        while piece := logs.read(request.attempt_id, "stdout", offset=len(printed), limit=2**20):
            printed += piece
        if status.phase is AttemptPhase.EXITED:
            break
        time.sleep(0.5)

    (log,) = cluster.controllers.logs.values()
    assert printed == log.content()
    # Its first second is told again until it is long over, and not at all of the looks.
    assert cluster.log_bytes < 8 * len(printed)
