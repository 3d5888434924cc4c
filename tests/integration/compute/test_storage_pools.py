"""Launches near the data of trials: rows decide, Jobs have it, and nothing is counted that was not made."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.objects import KubeObject, items, part
from governance.cluster.policies import PodPolicy
from governance.cluster.pools import Peak, StoragePool
from governance.name_patterns import NamePattern
from storage.database import Pool, open_pool
from storage.queue.pool_placements import PostgresPoolDesk
from sweeps.errors import HeldBack, LauncherUnavailable, NoCapacity
from sweeps.ids import AttemptId
from sweeps.specs import PodOptions
from sweeps.states import AttemptState, ExitReason
from sweeps.trials import LaunchRequest
from tests.cluster_under_test import ClusterUnderTest
from tests.contracts.launcher_contract import SWEEP
from tests.factories import a_spec
from tests.integration.compute.cluster_sweep import ClusterSweep
from tests.integration.storage.data_world import DataWorld
from tests.integration.storage.test_admission_store import PostgresDeskWorld
from tests.plugins.postgres import Database

ONE_OUTSIDE = Peak(days=(*range(7),), begins=0, ends=24 * 60, max_outside=1)
POLICY = PodPolicy(
    pools=(
        StoragePool(
            name="west",
            nodes={"kubernetes.io/os": "linux"},  # those that every cluster has
            datasets=(NamePattern("digits"),),
            peak=ONE_OUTSIDE,
        ),
    )
)


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url) as opened:
        yield opened


@pytest.fixture
def rows(pool: Pool) -> PostgresDeskWorld:
    world = PostgresDeskWorld(pool)
    world.write(SWEEP, a_spec(max_trials=9, max_parallel=9), 6)
    return world


@pytest.fixture
def make(
    cluster: ClusterUnderTest, pool: Pool, rows: PostgresDeskWorld
) -> Callable[[], KubernetesLauncher]:
    """Launchers as other processes would have them."""
    assert rows.pool is pool
    return lambda: cluster.launcher(policy_of=lambda _: POLICY, pools=PostgresPoolDesk(pool))


def request(cluster: ClusterUnderTest, number: int, **changes: Any) -> LaunchRequest:
    fields = {"datasets": ("digits",), **changes}
    return cluster.request_for(number, "import time; time.sleep(60)", **fields)


def decided(rows: PostgresDeskWorld) -> dict[AttemptId, str]:
    return {
        AttemptId(name): word
        for name, word in rows.execute(
            "SELECT attempt_id, pools->>'west' FROM attempts WHERE pools <> '{}'"
        )
    }


def required(job: KubeObject) -> bool:
    affinity = part(part(job["spec"]["template"]["spec"], "affinity"), "nodeAffinity")
    wanted = items(affinity, "preferredDuringSchedulingIgnoredDuringExecution")
    needed = part(affinity, "requiredDuringSchedulingIgnoredDuringExecution")
    assert bool(wanted) is not bool(needed)
    return bool(needed)


def test_jobs_are_near_their_data_as_the_rows_say(
    make: Callable[[], KubernetesLauncher], cluster: ClusterUnderTest, rows: PostgresDeskWorld
) -> None:
    first, second = make(), make()

    first.launch(request(cluster, 1))
    second.launch(request(cluster, 2))
    first.launch(request(cluster, 3, datasets=()))
    make().launch(request(cluster, 1))  # by the next controller

    words = decided(rows)
    assert sorted(words.values()) == ["preferred", "required"]
    jobs = {job["metadata"]["name"]: job for job in cluster.jobs()}
    assert len(jobs) == 3
    assert {name: required(jobs[name]) for name in words} == {
        name: word == "required" for name, word in words.items()
    }
    assert "affinity" not in jobs[request(cluster, 3).attempt_id]["spec"]["template"]["spec"]


def test_what_the_cluster_has_no_quota_for_holds_no_place_outside(
    make: Callable[[], KubernetesLauncher], cluster: ClusterUnderTest, rows: PostgresDeskWorld
) -> None:
    launcher = make()

    with cluster.quota({"count/jobs.batch": "0"}), pytest.raises(NoCapacity):
        launcher.launch(request(cluster, 1))

    assert decided(rows) == {}


def test_what_may_have_been_made_keeps_what_was_decided(
    make: Callable[[], KubernetesLauncher], cluster: ClusterUnderTest, rows: PostgresDeskWorld
) -> None:
    launcher = make()
    cluster.proxy.fail(verb="create", status=500)

    with pytest.raises(LauncherUnavailable):
        launcher.launch(request(cluster, 1))
    launcher.launch(request(cluster, 2))
    launcher.launch(request(cluster, 1))

    assert [decided(rows)[request(cluster, n).attempt_id] for n in (1, 2)] == [
        "preferred", "required",
    ]  # fmt: skip


def test_who_cannot_be_near_waits_and_makes_no_job(
    make: Callable[[], KubernetesLauncher], cluster: ClusterUnderTest, rows: PostgresDeskWorld
) -> None:
    launcher, elsewhere = make(), PodOptions(node_selector={"kubernetes.io/os": "windows"})
    launcher.launch(request(cluster, 1))

    with pytest.raises(HeldBack, match="peak of storage pool west"):
        launcher.launch(request(cluster, 2, pods=elsewhere))
    rows.end(request(cluster, 1).attempt_id)
    launcher.launch(request(cluster, 2, pods=elsewhere))

    assert decided(rows)[request(cluster, 2).attempt_id] == "preferred"


def test_what_was_stopped_before_it_was_launched_takes_no_place_outside(
    make: Callable[[], KubernetesLauncher], cluster: ClusterUnderTest, rows: PostgresDeskWorld
) -> None:
    launcher = make()
    launcher.stop(request(cluster, 1).attempt_id, reason=ExitReason.CANCELLED)

    launcher.launch(request(cluster, 1))

    assert decided(rows) == {}


def test_a_sweep_at_peak_has_no_more_attempts_outside_than_its_pool_lets(
    cluster: ClusterUnderTest, pool: Pool, tmp_path: Path
) -> None:
    data = DataWorld(pool, tmp_path)
    data.register(data.file("a.csv", "x\n1\n2\n"), name="digits")
    sweep = ClusterSweep(
        cluster,
        pool,
        trials=6,
        parallel=4,
        code="import time; time.sleep(1)",
        trial={"data": ("digits",)},
        datasets=[data.get("digits").pinned()],
        policy_of=lambda _: POLICY,
        pools=PostgresPoolDesk(pool),
    )
    outside: list[int] = []

    def has_ended() -> bool:
        live = [a for a in sweep.snapshot().attempts if a.state is not AttemptState.ENDED]
        outside.append(sum(a.pools == {"west": "preferred"} for a in live))
        return sweep.states() == {"completed": 6}

    sweep.run(until=has_ended)

    attempts = sweep.snapshot().attempts
    assert max(outside) == 1
    assert {a.nearness for a in attempts} == {"near west", "only near west"}
    jobs = {job["metadata"]["name"]: job for job in cluster.jobs()}
    assert {a.attempt_id: required(jobs[a.attempt_id]) for a in attempts} == {
        a.attempt_id: a.pools == {"west": "required"} for a in attempts
    }
