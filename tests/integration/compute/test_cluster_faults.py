"""Whatever goes wrong in a cluster: no orphan, no attempt launched twice, and no hang."""

from collections.abc import Generator

import pytest

from compute.kubernetes import names
from compute.kubernetes.objects import annotation, name_of, status
from storage.database import Pool, open_pool
from tests.cluster_under_test import HUGE, ClusterUnderTest
from tests.fake_cluster.server import FakeCluster
from tests.integration.compute.cluster_sweep import ClusterSweep
from tests.plugins.postgres import Database

pytestmark = pytest.mark.timeout(600)

LONG = "import time; time.sleep(60)"


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url) as pool:
        yield pool


@pytest.mark.parametrize("outage", [3, pytest.param(120, marks=pytest.mark.slow)])
def test_the_api_server_is_down_for_a_time(
    cluster: ClusterUnderTest, pool: Pool, outage: int
) -> None:
    sweep = ClusterSweep(cluster, pool, trials=4)
    sweep.run(until=sweep.n_running)

    with cluster.proxy.down():
        sweep.run_for(outage)
        n_launched = cluster.proxy.created.total()
    assert n_launched == 2
    sweep.run()

    assert sweep.states() == {"completed": 4}
    sweep.check()


def test_the_api_server_is_slow(cluster: ClusterUnderTest, pool: Pool) -> None:
    sweep = ClusterSweep(cluster, pool)
    cluster.proxy.fail(status=0, delay=0.3, times=10_000)

    sweep.run()

    assert sweep.states() == {"completed": 3}
    sweep.check()


def test_who_is_told_when_to_ask_again_does_not_ask_before(
    cluster: ClusterUnderTest, pool: Pool
) -> None:
    sweep = ClusterSweep(cluster, pool)
    cluster.proxy.fail(verb="create", status=429, retry_after=2, message="slow down")

    sweep.run()

    first, second, *_ = (at for at, what in cluster.proxy.requests if what == "create jobs")
    assert second - first >= 2
    assert "slow down" in sweep.outages[0]
    assert sweep.states() == {"completed": 3}
    sweep.check()


def test_a_watch_that_is_told_when_to_ask_again_does_not_ask_before(
    cluster: ClusterUnderTest, pool: Pool
) -> None:
    sweep = ClusterSweep(cluster, pool, trials=1, code="import time; time.sleep(2.5)")
    cluster.proxy.fail(verb="watch", plural="pods", status=429, retry_after=2)

    sweep.run()

    first, second, *_ = (at for at, what in cluster.proxy.requests if what == "watch pods")
    assert second - first >= 2
    assert sweep.states() == {"completed": 1}


@pytest.mark.parametrize("has_effect", [False, True])
def test_the_api_server_fails(cluster: ClusterUnderTest, pool: Pool, *, has_effect: bool) -> None:
    sweep = ClusterSweep(cluster, pool)
    cluster.proxy.fail(status=500, times=2, after=has_effect)

    sweep.run()

    assert any("500" in outage for outage in sweep.outages)
    assert sweep.states() == {"completed": 3}
    sweep.check()


@pytest.mark.parametrize("trouble", ["cut_watches", "expire_watches"])
def test_the_watches_end(cluster: ClusterUnderTest, pool: Pool, trouble: str) -> None:
    sweep = ClusterSweep(cluster, pool, trials=4)

    for n in (1, 2):
        sweep.run(until=lambda n=n: len(cluster.jobs()) > n and len(cluster.proxy.watches) == 2)
        assert getattr(cluster.proxy, trouble)() == 2
    sweep.run()

    assert sweep.states() == {"completed": 4}
    sweep.check()


@pytest.mark.parametrize("point", ["before launch", "after launch"])
def test_the_controller_is_killed_between_row_and_job_and_record(
    cluster: ClusterUnderTest, pool: Pool, database: Database, point: str
) -> None:
    sweep = ClusterSweep(cluster, pool)

    sweep.run_elsewhere(dsn=database.url, killed_at=point)
    assert len(sweep.snapshot().attempts) == 2
    assert len(cluster.jobs()) == (0 if point == "before launch" else 1)
    sweep.run()

    assert sweep.states() == {"completed": 3}
    assert all(sweep.reasons(number) == ["completed"] for number in (1, 2, 3))
    sweep.check()


def test_a_job_is_deleted_by_hand(cluster: ClusterUnderTest, pool: Pool) -> None:
    sweep = ClusterSweep(cluster, pool, trials=1, code=LONG)
    sweep.run(until=sweep.n_running)

    cluster.delete_job(sweep.attempts()[0].attempt_id)
    sweep.run(until=sweep.reasons)
    sweep.skip(6)  # it rests
    sweep.run(until=sweep.n_running)

    assert sweep.reasons() == ["deleted"]
    assert len(sweep.attempts()) == 2
    sweep.cancel()
    sweep.run()
    sweep.check()


def test_a_node_is_drained(cluster: ClusterUnderTest, pool: Pool) -> None:
    sweep = ClusterSweep(cluster, pool, trials=1, code=LONG)
    sweep.run(until=sweep.n_running)

    (pod,) = cluster.pods()
    cluster.evict(name_of(pod))
    sweep.run(until=sweep.reasons)
    sweep.skip(6)
    sweep.run(until=sweep.n_running)

    assert sweep.reasons() == ["evicted"]
    sweep.cancel()
    sweep.run()
    sweep.check()


def test_spot_nodes_are_taken_back_more_often_than_machines_may_fail(
    cluster: ClusterUnderTest, pool: Pool, fake: FakeCluster
) -> None:
    labels = {"karpenter.sh/capacity-type": "spot"}
    fake.nodes.append({"metadata": {"name": "node-1", "labels": labels}})
    last = "os.environ['SWEEPWORKS_ATTEMPT_ID'].endswith('-a6')"
    code = f"import os, time; time.sleep(0 if {last} else 60)"
    sweep = ClusterSweep(cluster, pool, trials=1, parallel=1, code=code)

    for number in range(1, 6):
        sweep.run(until=lambda n=number: sweep.n_running() and len(sweep.attempts()) == n)
        (pod,) = (pod for pod in cluster.pods() if status(pod).get("phase") == "Running")
        cluster.evict(name_of(pod))
        sweep.run(until=lambda n=number: len(sweep.reasons()) == n)
        sweep.skip(400)
    sweep.run()

    assert sweep.reasons() == ["evicted"] * 5 + ["completed"]
    assert {one.capacity for one in sweep.attempts()[:5]} == {"spot"}
    sweep.check()


def test_a_quota_is_exceeded_at_create(cluster: ClusterUnderTest, pool: Pool) -> None:
    sweep = ClusterSweep(cluster, pool)

    with cluster.quota({"count/jobs.batch": "0"}):
        sweep.run_for(1)
        assert cluster.jobs() == []
        assert sweep.states() == {"queued": 2}
    sweep.run()

    assert sweep.states() == {"completed": 3}
    sweep.check()


def test_the_namespace_is_missing(cluster: ClusterUnderTest, pool: Pool) -> None:
    missing = f"{cluster.namespace}-missing"
    sweep = ClusterSweep(cluster, pool, namespace_of=lambda _: missing)

    sweep.run_for(1)
    assert missing in sweep.outages[0]
    assert "failed" not in sweep.states(), "it may be made yet"
    sweep.new_controller(cluster.launcher())
    sweep.run()

    assert sweep.states() == {"completed": 3}
    sweep.check()


def test_the_image_is_missing(cluster: ClusterUnderTest, pool: Pool) -> None:
    sweep = ClusterSweep(cluster, pool, trial={"image": "registry.invalid/none:1"})

    sweep.run()

    assert set(sweep.states()) == {"failed"}
    assert "its image cannot be had" in sweep.snapshot().trials[0].reason
    assert sweep.reasons() == ["image_pull_failed"]
    sweep.check()


def test_the_command_does_not_exist(cluster: ClusterUnderTest, pool: Pool) -> None:
    sweep = ClusterSweep(cluster, pool, trial={"command": ("/no/such/program",)})

    sweep.run()

    assert set(sweep.states()) == {"failed"}
    assert "/no/such/program" in sweep.snapshot().trials[0].reason
    assert sweep.reasons() == ["launch_failed"]
    sweep.check()


@pytest.mark.parametrize("name", ["n" * 100, "Определение скорости обучения: -_.~/\\"])
def test_experiments_are_called_what_people_type(
    cluster: ClusterUnderTest, pool: Pool, name: str
) -> None:
    sweep = ClusterSweep(cluster, pool, trials=1, experiment=name)

    sweep.run()

    assert sweep.states() == {"completed": 1}
    (job,) = cluster.jobs()
    assert annotation(job, names.EXPERIMENT) == name
    sweep.check()


def test_a_sweep_is_cancelled_while_fifty_pods_are_pending(
    cluster: ClusterUnderTest, pool: Pool
) -> None:
    sweep = ClusterSweep(cluster, pool, trials=50, parallel=50, trial={"resources": HUGE})
    sweep.run(until=lambda: len(cluster.pods()) == 50)

    sweep.cancel()
    sweep.run()

    assert sweep.states() == {"cancelled": 50}
    sweep.check()
    assert cluster.pods() == []
