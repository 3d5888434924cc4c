"""What those who look after trials know of tenants."""

import pytest

from governance.cluster.policies import PodPolicy
from governance.tenants import TenantDirectory, parse_tenants
from orchestration.cluster.settings import ClusterSettings
from orchestration.cluster.tenant_policies import TenantPolicies
from sweeps.errors import LauncherUnavailable

FILE = "tenants: [{name: vision, cluster: {namespace: team-vision, pods: {volumes: []}}}]"


def policies(text: str) -> TenantPolicies:
    return TenantPolicies(ClusterSettings(), lambda: parse_tenants(text, source="tenants.yaml"))


def test_trials_run_where_the_tenant_file_says() -> None:
    known = policies(FILE)

    assert known.namespace_of("vision") == "team-vision"
    assert known.pods_of("vision") == PodPolicy(volumes=(), queue="")


def test_sweeps_of_a_tenant_that_the_file_forgot_go_on() -> None:
    known = policies(FILE)

    assert known.namespace_of("gone") == "sweepworks-gone"
    assert known.pods_of("gone") == PodPolicy(queue="")


QUOTA = "quota: {cpu: 1, memory: 1Gi}"


@pytest.mark.parametrize(
    ("admission", "set_to", "queue"),
    [
        ("", "", ""),
        ("", "team", "team"),
        ("admission: none, ", "team", ""),
        ("admission: kueue, ", "", "sweepworks"),
        ("admission: kueue, ", "team", "team"),
    ],
)
def test_jobs_wait_where_the_tenant_or_else_the_platform_says(
    admission: str, set_to: str, queue: str
) -> None:
    text = f"tenants: [{{name: vision, cluster: {{{admission}{QUOTA}}}}}]"
    settings = ClusterSettings(queue=set_to)

    known = TenantPolicies(settings, lambda: parse_tenants(text, source="x"))

    assert known.pods_of("vision").queue == queue


def test_trials_wait_while_the_file_has_mistakes() -> None:
    with pytest.raises(LauncherUnavailable, match=r"tenants.yaml.*unknown key"):
        policies("{tenants: [], teams: 1}").namespace_of("vision")


def test_many_launches_do_not_read_the_file_as_often() -> None:
    read: list[int] = []

    def count() -> TenantDirectory:
        read.append(1)
        return TenantDirectory()

    known = TenantPolicies(ClusterSettings(), count)
    for _ in range(100):
        known.pods_of("vision")

    assert len(read) == 1
