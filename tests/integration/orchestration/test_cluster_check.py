"""A look at a cluster: credentials, quotas, GPUs, and a Job from its making to its removal."""

from collections.abc import Callable, Iterator

import pytest

from governance.tenants import TenantDirectory, parse_tenants
from orchestration.cluster.check import examine_cluster
from orchestration.cluster.settings import ClusterSettings
from orchestration.cluster.tenant_policies import TenantPolicies
from orchestration.findings import Finding
from tests.fake_cluster.server import FakeCluster
from tests.plugins.cluster import OF_THE_DEFAULT_TENANT as NAMESPACE


def examine(
    settings: ClusterSettings,
    *,
    wait: float,
    gpus: int = 0,
    tenants: Callable[[], TenantDirectory] = TenantDirectory,
) -> Iterator[Finding]:
    return examine_cluster(
        settings,
        policies=TenantPolicies(settings, tenants),
        tenant_id="default",
        image="",
        gpus=gpus,
        wait_seconds=wait,
    )


def look(fake: FakeCluster, *, wait: float = 20, gpus: int = 0) -> list[Finding]:
    settings = ClusterSettings(url=fake.url, image="trainer:1")
    return list(examine(settings, gpus=gpus, wait=wait))


def wrong(findings: list[Finding]) -> dict[str, str]:
    return {one.subject: one.says for one in findings if not one.is_good}


def test_a_cluster_in_order_is_good_all_through(fake: FakeCluster) -> None:
    quota = {
        "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "10"}},
        "status": {"hard": {"pods": "10"}, "used": {"pods": "3"}},
    }
    fake.store.create("resourcequotas", NAMESPACE, quota)
    labels = {"nvidia.com/gpu.product": "A100"}
    for _ in range(2):
        fake.nodes.append(
            {"metadata": {"name": "n", "labels": labels},
             "status": {"allocatable": {"nvidia.com/gpu": "8"}}}
        )  # fmt: skip

    findings = look(fake)

    assert wrong(findings) == {}
    said = [f"{one.subject}: {one.says}" for one in findings]
    assert "API server: v1.33.0-fake" in said
    assert "quota of pods: 3 of 10 in use" in said
    assert "GPUs: 16 x A100" in said
    assert "test Job's log: is read" in said
    assert said[-1] == "test Job: is removed"
    assert fake.jobs(NAMESPACE) == []


def test_what_credentials_may_not_do_is_listed(fake: FakeCluster) -> None:
    fake.forbidden |= {"create jobs", "get pods", "list nodes"}

    findings = look(fake, wait=0)

    assert wrong(findings) == {"access": "may not create jobs, get pods/log"}
    assert "may not see nodes" in next(one.says for one in findings if one.subject == "GPUs")


NODES = "without GPU models, regions and kinds of the nodes of attempts (get nodes)"


@pytest.mark.parametrize(
    ("queue", "missing"),
    [
        ("", ["without trials on several nodes (create services)", NODES]),
        (
            "trials",
            [
                "without trials on several nodes (create services)",
                "without saying why Jobs wait (list workloads)",
                NODES,
            ],
        ),
    ],
)
def test_what_only_some_sweeps_need_is_told_and_no_fault(
    fake: FakeCluster, queue: str, missing: list[str]
) -> None:
    fake.forbidden |= {"create services", "list workloads", "get nodes"}
    settings = ClusterSettings(url=fake.url, image="trainer:1", queue=queue)

    findings = list(examine(settings, wait=0))

    assert wrong(findings) == {}
    assert [one.says for one in findings if one.subject == "access"][1:] == missing


def test_a_job_that_its_queue_does_not_admit_says_so(fake: FakeCluster) -> None:
    fake.controllers.kueue.quota = 0
    settings = ClusterSettings(url=fake.url, image="trainer:1", queue="trials")

    findings = list(examine(settings, wait=2))

    assert "waits for its queue to admit it" in wrong(findings)["test Job"]
    assert fake.jobs(NAMESPACE) == []


def test_a_missing_namespace_has_a_mend(fake: FakeCluster) -> None:
    fake.namespaces.clear()

    findings = look(fake, wait=0)

    (missing,) = (one for one in findings if not one.is_good)
    assert missing.says == f"{NAMESPACE} is missing"
    assert "`sweepworks tenants apply`" in missing.mend


def test_a_job_that_does_not_start_says_why_and_is_removed(fake: FakeCluster) -> None:
    findings = look(fake, wait=2, gpus=64)

    assert "no node yet: 0/1 nodes are available" in wrong(findings)["test Job"]
    assert fake.jobs(NAMESPACE) == []


def test_without_a_server_that_is_all(fake: FakeCluster) -> None:
    settings = ClusterSettings(url="http://127.0.0.1:1")

    (finding,) = examine(settings, wait=1)

    assert not finding.is_good
    assert "does not answer" in finding.says


POOLS = """\
cluster:
  pools:
    ssd-west: {nodes: {zone: west}, datasets: [digits]}
    ssd-east: {nodes: {zone: east, disk: ssd}, datasets: [iris]}
    of-others: {nodes: {zone: north}, datasets: [iris]}
tenants: [{name: default, cluster: {pools: [ssd-west, ssd-east]}}]
"""


def pools_found(fake: FakeCluster) -> list[tuple[str, bool, str]]:
    settings = ClusterSettings(url=fake.url, image="trainer:1")
    findings = examine(settings, wait=0, tenants=lambda: parse_tenants(POOLS, source="x"))
    return [
        (f.subject, f.is_good, f.says) for f in findings if f.subject.startswith("storage pool")
    ]


def test_a_pool_without_nodes_is_told(fake: FakeCluster) -> None:
    for number, zone in enumerate(["west", "west", "east", "north"]):
        fake.nodes.append({"metadata": {"name": f"n{number}", "labels": {"zone": zone}}})

    assert pools_found(fake) == [
        ("storage pool ssd-west", True, "2 nodes with zone=west"),
        ("storage pool ssd-east", False, "no nodes with zone=east, disk=ssd"),
    ]


def test_where_nodes_may_not_be_seen_nothing_is_said_against_a_pool(fake: FakeCluster) -> None:
    fake.forbidden |= {"list nodes"}

    assert pools_found(fake) == [
        (f"storage pool {name}", True, "these credentials may not see nodes")
        for name in ("ssd-west", "ssd-east")
    ]
