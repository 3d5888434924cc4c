"""The `cluster:` sections of a tenant file: what they say, and what is wrong with them."""

import pytest

from governance.cluster.policies import Admission, ClusterPolicy, Egress, Port, Subject
from governance.tenants import parse_tenants
from sweeps.errors import InvalidSweepFile, Problem

FILE = """\
cluster:
  subjects: [{name: sweepworks, namespace: platform}]
tenants:
  - name: vision
    cluster:
      namespace: team-vision
      admission: kueue
      quota: {cpu: 64, memory: 512Gi, gpu: {nvidia.com/gpu: 8}}
      limits: {max: {cpu: 16, memory: 64Gi}, default: {memory: 4Gi}}
      egress: [{cidr: 10.20.0.0/16, except: [10.20.1.0/24], ports: [443]}]
      pods: {volumes: [emptyDir], overrides: [container_config]}
  - name: speech
    cluster: {}
"""


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_tenants(text, source="tenants.yaml")
    return caught.value.problems


def test_a_tenant_has_the_part_of_the_cluster_that_its_section_says() -> None:
    directory = parse_tenants(FILE, source="x")

    policy = directory.require("vision").cluster
    assert policy.namespace == "team-vision"
    assert policy.admission is Admission.KUEUE
    assert policy.quota.cpu == 64
    assert policy.quota.memory_bytes == 512 * 2**30
    assert policy.quota.gpu == {"nvidia.com/gpu": 8}
    assert policy.limits.memory_limit_bytes == policy.limits.memory_request_bytes == 4 * 2**30
    assert policy.egress == (
        Egress(cidr="10.20.0.0/16", except_cidrs=("10.20.1.0/24",), ports=(Port(number=443),)),
    )
    assert policy.pods.volumes == ("emptyDir",)
    assert directory.cluster.subjects == (
        Subject(kind="ServiceAccount", name="sweepworks", namespace="platform"),
    )


@pytest.mark.parametrize("name", ["speech", "default"])
def test_without_a_section_nothing_is_limited(name: str) -> None:
    assert parse_tenants(FILE, source="x").require(name).cluster == ClusterPolicy()


def test_what_a_container_gets_fits_below_what_there_is() -> None:
    quota = "tenants: [{name: a, cluster: {quota: {cpu: 500m, memory: 1Gi}}}]"

    limits = parse_tenants(quota, source="x").require("a").cluster.limits

    assert limits.cpu_request == 0.5
    assert limits.memory_limit_bytes == limits.memory_request_bytes == 2**30


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "message", "hint"),
    [
        ("team-vision", "kube-system", "tenants[0].cluster.namespace", 6, "cannot be", "team-vision"),
        ("team-vision", "Team", "tenants[0].cluster.namespace", 6, "cannot be", "team-vision"),
        ("kueue", "volcano", "tenants[0].cluster.admission", 7, "not known", "none, kueue"),
        ("cpu: 64, ", "", "tenants[0].cluster.quota", 8, "cpu missing", "cpu: 64"),
        ("nvidia.com/gpu: 8", "gpu: 8", "tenants[0].cluster.quota.gpu.gpu", 8, "cannot be", "nvidia.com/gpu"),
        ("nvidia.com/gpu: 8", "nvidia.com/gpu: half", "tenants[0].cluster.quota.gpu.nvidia.com/gpu", 8, "whole", "0"),
        ("cpu: 16", "cpu: none", "tenants[0].cluster.limits.max.cpu", 9, "cores", "500m"),
        ("memory: 4Gi", "memory: 65Gi", "tenants[0].cluster.limits.default.memory", 9, "more than `max`", "lower it"),
        ("nvidia.com/gpu: 8", "nvidia.com/gpu: {h100: 8}", "tenants[0].cluster.quota.gpu.nvidia.com/gpu.h100", 8, "no flavor", "declare it"),
        ("nvidia.com/gpu: 8", "nvidia.com/gpu: {h100: 8}, amd.com/gpu: {h100: 1}", "tenants[0].cluster.quota.gpu.amd.com/gpu.h100", 8, "counts nvidia.com/gpu", "its own"),
        ("nvidia.com/gpu: 8", "nvidia.com/gpu: {}", "tenants[0].cluster.quota.gpu.nvidia.com/gpu", 8, "whole number", "0"),
        ("cidr: 10.20.0.0/16", "cidr: 10.20.0.1/16", "tenants[0].cluster.egress[0].cidr", 10, "no range", "/16"),
        ("10.20.1.0/24", "10.21.1.0/24", "tenants[0].cluster.egress[0].except[0]", 10, "no part", "within it"),
        ("ports: [443]", "ports: [443/icmp]", "tenants[0].cluster.egress[0].ports[0]", 10, "no port", "53/udp"),
        ("ports: [443]", "namespace: x", "tenants[0].cluster.egress[0]", 10, "either `cidr` or `namespace`", "cidr:"),
        ("[emptyDir]", "[hostPath]", "tenants[0].cluster.pods.volumes[0]", 11, "not known", "emptyDir"),
        ("container_config", "host", "tenants[0].cluster.pods.overrides[0]", 11, "not known", "container_config"),
        ("    cluster: {}", "    cluster: {cohort: a}", "tenants[1].cluster.cohort", 13, "Kueue's", "admission"),
        ("    cluster: {}", "    cluster: {namespace: team-vision}", "tenants[1].cluster.namespace", 13, "'vision'", "its own"),
        ("    cluster: {}", "    cluster: 3", "tenants[1].cluster", 13, "no mapping", "quota"),
        (", namespace: platform", "", "cluster.subjects[0]", 2, "has to", "namespace: sweepworks"),
        ("name: sweepworks", "name: Sweep Works", "cluster.subjects[0].name", 2, "cannot be", "sweepworks"),
        ("name: sweepworks", "name: Sweepworks", "cluster.subjects[0].name", 2, "no name of", "sweepworks"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_way_out(
    old: str, new: str, path: str, line: int, message: str, hint: str
) -> None:
    assert old in FILE

    problem = problems_of(FILE.replace(old, new))[0]

    assert (problem.path, problem.line) == (path, line)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    "device", ["kubernetes.io/x", "node.kubernetes.io/x", "requests.nvidia.com/gpu", "a..b/gpu"]
)
def test_a_quota_of_what_is_no_device_is_refused(device: str) -> None:
    assert problems_of(f"tenants: [{{name: a, cluster: {{quota: {{gpu: {{{device}: 1}}}}}}}}]")
