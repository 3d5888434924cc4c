"""What nobody looks after in a cluster: Jobs without rows, rests of stopped ones, stuck pods."""

import datetime as dt
import time
from collections.abc import Collection

import pytest

from compute.kubernetes import names
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.objects import name_of
from compute.kubernetes.reaper import ClusterReaper, Reaped
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase
from sweeps.states import ExitReason
from tests.cluster_under_test import ClusterUnderTest
from tests.contracts.launcher_contract import SWEEP, wait_for
from tests.fake_cluster.server import FakeCluster
from tests.plugins.cluster import NAMESPACE

ATTEMPT = AttemptId(f"{SWEEP}-00001-a1")


@pytest.fixture
def launcher(cluster: ClusterUnderTest) -> KubernetesLauncher:
    return cluster.launcher()


def reap(
    cluster: ClusterUnderTest,
    *,
    live: Collection[AttemptId] = (),
    later: dt.timedelta = dt.timedelta(0),
    installation: str = "",
    dry_run: bool = False,
) -> list[Reaped]:
    reaper = ClusterReaper(
        cluster.api,
        installation=installation or cluster.installation,
        live_among=lambda asked: set(asked) & set(live),
        clock=lambda: dt.datetime.now(dt.UTC) + later,
    )
    return reaper.reap([cluster.namespace], dry_run=dry_run)


def start(launcher: KubernetesLauncher, cluster: ClusterUnderTest) -> None:
    launcher.launch(cluster.request_for(1, "import time; time.sleep(60)"))
    wait_for(launcher, ATTEMPT, AttemptPhase.RUNNING)


def marked(cluster: ClusterUnderTest) -> bool:
    """Whether the mark that the sweep is over is there."""
    return cluster.api.read_job(cluster.namespace, names.reaped_marker(SWEEP)) is not None


def test_what_has_a_row_or_is_young_is_left_alone(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    start(launcher, cluster)

    assert reap(cluster, live=[ATTEMPT], later=dt.timedelta(hours=1)) == []
    assert reap(cluster) == []


def test_a_job_without_a_row_is_stopped(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    start(launcher, cluster)
    later = dt.timedelta(minutes=3)

    (planned,) = reap(cluster, later=later, dry_run=True)
    assert cluster.active(), "a dry run does nothing"
    (done,) = reap(cluster, later=later)

    assert planned == done
    assert (done.what, done.name) == ("stopped", ATTEMPT)
    status = wait_for(launcher, ATTEMPT, AttemptPhase.EXITED)
    assert status.exit is not None
    assert status.exit.reason is ExitReason.LOST


def test_a_stopped_job_stays_for_a_while_and_goes(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    start(launcher, cluster)
    launcher.stop(ATTEMPT, reason=ExitReason.STOPPED)
    cluster.until(lambda: not cluster.pods())

    assert reap(cluster, later=dt.timedelta(minutes=4)) == []
    hour = dt.timedelta(hours=1)
    assert reap(cluster, live=[ATTEMPT], later=hour) == []
    (done,) = reap(cluster, later=hour)

    assert (done.what, done.name) == ("deleted", ATTEMPT)
    cluster.until(lambda: not cluster.jobs())


def test_a_job_that_has_ended_waits_for_its_record_and_goes_an_hour_later(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    launcher.launch(cluster.request_for(1, "pass"))
    wait_for(launcher, ATTEMPT, AttemptPhase.EXITED)
    later = dt.timedelta(minutes=61)

    assert reap(cluster, later=dt.timedelta(minutes=50)) == []
    assert reap(cluster, live=[ATTEMPT], later=later) == [], (
        "its controller is still to conclude it"
    )
    (done,) = reap(cluster, later=later)

    assert (done.name, done.what, done.why) == (
        ATTEMPT,
        "deleted",
        "it has ended, and that is recorded",
    )
    cluster.until(lambda: not cluster.jobs())


def test_the_mark_of_a_sweep_that_is_over_goes_after_a_day(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    launcher.reap(SWEEP)
    assert marked(cluster)

    assert reap(cluster, later=dt.timedelta(hours=23)) == []
    (done,) = reap(cluster, later=dt.timedelta(hours=25))

    assert done.name == names.reaped_marker(SWEEP)
    cluster.until(lambda: not marked(cluster))


def test_a_pod_that_never_leaves_is_removed(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest, fake: FakeCluster
) -> None:
    start(launcher, cluster)
    (pod,) = cluster.pods()
    assert fake.loop is not None
    fake.loop.is_paused = True  # its node does not answer
    time.sleep(0.1)
    fake.store.update(
        ("pods", NAMESPACE, name_of(pod)),
        lambda pod: pod["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"),
    )

    (done,) = reap(cluster, live=[ATTEMPT])
    fake.loop.is_paused = False

    assert (done.what, done.name) == ("removed", name_of(pod))
    assert "node-1" in done.why
    assert "delete pods" in fake.requests


def test_another_installation_is_left_alone(
    launcher: KubernetesLauncher, cluster: ClusterUnderTest
) -> None:
    start(launcher, cluster)

    assert reap(cluster, installation="there", later=dt.timedelta(days=9)) == []
