"""What nobody looks after in a cluster: Jobs without rows, rests of stopped ones, stuck pods."""

import datetime as dt
import time
from collections.abc import Collection, Generator

import pytest

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.reaper import ClusterReaper
from compute.kubernetes.trial_job import PodDefaults
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase
from sweeps.states import ExitReason
from tests.contracts.launcher_contract import SWEEP, wait_for
from tests.fake_cluster.server import FakeCluster, fake_cluster
from tests.integration.compute.test_kubernetes_launcher import NAMESPACE, request_for

LONG = request_for(1, "import time; time.sleep(60)")


@pytest.fixture
def cluster() -> Generator[FakeCluster, None, None]:
    with fake_cluster(NAMESPACE) as cluster:
        yield cluster


@pytest.fixture
def launcher(cluster: FakeCluster) -> Generator[KubernetesLauncher, None, None]:
    launcher = KubernetesLauncher(
        ClusterApi(connect(ClusterAddress(url=cluster.url))),
        namespace_of=lambda _: NAMESPACE,
        installation="here",
        defaults=PodDefaults(image="trainer:1", grace_seconds=1),
    )
    yield launcher
    launcher.close()


def reaper(
    cluster: FakeCluster,
    *,
    live: Collection[AttemptId] = (),
    later: dt.timedelta = dt.timedelta(0),
    installation: str = "here",
) -> ClusterReaper:
    return ClusterReaper(
        ClusterApi(connect(ClusterAddress(url=cluster.url))),
        installation=installation,
        live_among=lambda asked: set(asked) & set(live),
        clock=lambda: dt.datetime.now(dt.UTC) + later,
    )


def start(launcher: KubernetesLauncher) -> None:
    launcher.launch(LONG)
    wait_for(launcher, LONG.attempt_id, AttemptPhase.RUNNING)


def test_what_has_a_row_or_is_young_is_left_alone(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    start(launcher)

    hour = dt.timedelta(hours=1)
    assert reaper(cluster, live=[LONG.attempt_id], later=hour).reap([NAMESPACE]) == []
    assert reaper(cluster).reap([NAMESPACE]) == []


def test_a_job_without_a_row_is_stopped(launcher: KubernetesLauncher, cluster: FakeCluster) -> None:
    start(launcher)
    orphaned = reaper(cluster, later=dt.timedelta(minutes=3))

    (planned,) = orphaned.reap([NAMESPACE], dry_run=True)
    assert cluster.pods(), "a dry run does nothing"
    (done,) = orphaned.reap([NAMESPACE])

    assert planned == done
    assert (done.what, done.name) == ("stopped", LONG.attempt_id)
    status = wait_for(launcher, LONG.attempt_id, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.LOST


def test_a_stopped_job_stays_for_a_while_and_goes(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    start(launcher)
    launcher.stop(LONG.attempt_id, reason=ExitReason.STOPPED)
    wait_for(launcher, LONG.attempt_id, AttemptPhase.EXITED)

    assert reaper(cluster, later=dt.timedelta(minutes=4)).reap([NAMESPACE]) == []
    hour = dt.timedelta(hours=1)
    assert reaper(cluster, live=[LONG.attempt_id], later=hour).reap([NAMESPACE]) == []
    (done,) = reaper(cluster, later=hour).reap([NAMESPACE])

    assert (done.what, done.name) == ("deleted", LONG.attempt_id)
    assert cluster.jobs() == []


def test_the_mark_of_a_sweep_that_is_over_goes_after_a_day(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    launcher.reap(SWEEP)

    assert reaper(cluster, later=dt.timedelta(hours=23)).reap([NAMESPACE]) == []
    (done,) = reaper(cluster, later=dt.timedelta(hours=25)).reap([NAMESPACE])

    assert done.name == names.reaped_marker(SWEEP)
    assert cluster.jobs() == []


def test_a_pod_that_never_leaves_is_removed(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    start(launcher)
    (pod,) = cluster.pods()
    key = ("pods", NAMESPACE, pod["metadata"]["name"])
    assert cluster.loop is not None
    cluster.loop.is_paused = True  # its node does not answer
    time.sleep(0.1)
    cluster.store.update(
        key, lambda pod: pod["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z")
    )

    (done,) = reaper(cluster, live=[LONG.attempt_id]).reap([NAMESPACE])

    assert (done.what, done.name) == ("removed", pod["metadata"]["name"])
    assert "node-1" in done.why
    assert "delete pods" in cluster.requests


def test_another_installation_is_left_alone(
    launcher: KubernetesLauncher, cluster: FakeCluster
) -> None:
    start(launcher)

    other = reaper(cluster, installation="there", later=dt.timedelta(days=9))

    assert other.reap([NAMESPACE]) == []
