"""What the labels of nodes say, and what an attempt had of them."""

import datetime as dt

import pytest

from compute.kubernetes.attempt_status import status_of
from compute.kubernetes.machine import node_of, on_machine
from compute.kubernetes.node_facts import NodeFacts
from compute.kubernetes.objects import KubeObject
from compute.kubernetes.sighting import Sighting
from sweeps.ids import AttemptId
from sweeps.ports import AttemptStatus

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("labels", "capacity"),
    [
        ({}, ""),
        ({"karpenter.sh/capacity-type": "spot"}, "spot"),
        ({"karpenter.sh/capacity-type": "on-demand"}, "on_demand"),
        ({"karpenter.sh/capacity-type": "reserved"}, "on_demand"),
        ({"eks.amazonaws.com/capacityType": "SPOT"}, "spot"),
        ({"eks.amazonaws.com/capacityType": "ON_DEMAND"}, "on_demand"),
        ({"cloud.google.com/gke-spot": "true", "cloud.google.com/gke-nodepool": "a"}, "spot"),
        ({"cloud.google.com/gke-preemptible": "true"}, "spot"),
        ({"cloud.google.com/gke-provisioning": "preemptible"}, "spot"),
        ({"cloud.google.com/gke-provisioning": "standard"}, "on_demand"),
        ({"cloud.google.com/gke-nodepool": "a"}, "on_demand"),
        ({"kubernetes.azure.com/scalesetpriority": "spot"}, "spot"),
        ({"kubernetes.azure.com/cluster": "c"}, "on_demand"),
        ({"node.kubernetes.io/lifecycle": "spot"}, "spot"),
        ({"cloud.google.com/gke-spot": "false"}, ""),
    ],
)
def test_capacity_is_told_by_who_makes_the_nodes(labels: dict[str, str], capacity: str) -> None:
    assert NodeFacts(labels).capacity == capacity


@pytest.mark.parametrize(
    ("resource", "labels", "model"),
    [
        ("nvidia.com/gpu", {"nvidia.com/gpu.product": "NVIDIA-L4"}, "NVIDIA-L4"),
        ("amd.com/gpu", {"amd.com/gpu.product-name": "AMD_Instinct_MI300X"}, "AMD_Instinct_MI300X"),
        # A slice is called after itself, not after its GPU.
        (
            "nvidia.com/mig-1g.5gb",
            {"nvidia.com/mig-1g.5gb.product": "A100-MIG-1g.5gb", "nvidia.com/gpu.product": "A100"},
            "A100-MIG-1g.5gb",
        ),
        # Without those who discover hardware, those who rent it out know it.
        ("nvidia.com/gpu", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, "nvidia-l4"),
        ("nvidia.com/gpu", {}, ""),
    ],
)
def test_a_model_is_that_of_the_devices(resource: str, labels: dict[str, str], model: str) -> None:
    assert NodeFacts(labels).gpu_model(resource) == model


def seen(*, gpus: str | None = "2", nodes: int = 1, node: str = "n1") -> Sighting:
    limits = {} if gpus is None else {"example.org/gpu": gpus}
    pod: KubeObject = {
        "metadata": {"name": "p", "annotations": {"sweepworks.io/gpu-resource": "example.org/gpu"}},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "trial", "resources": {"limits": limits}}],
        },
    }
    job: KubeObject = {"metadata": {"name": "a"}, "spec": {"completions": nodes}}
    return Sighting(job=job, pods=[pod])


def status(sighting: Sighting, **labels: str) -> AttemptStatus:
    facts = NodeFacts({"topology.kubernetes.io/region": "eu", **labels})
    found = status_of(AttemptId("a"), sighting, now=NOW)
    return on_machine(found, sighting, {"n1": facts})


def test_an_attempt_had_the_devices_of_all_of_its_nodes() -> None:
    found = status(seen(nodes=4), **{"nvidia.com/gpu.product": "A100"})

    assert (found.gpu_count, found.gpu_model, found.region) == (8, "A100", "eu")


def test_who_has_no_gpu_has_none_of_its_node() -> None:
    found = status(seen(gpus=None), **{"nvidia.com/gpu.product": "A100"})

    assert (found.gpu_count, found.gpu_model, found.region) == (0, "", "eu")


def test_devices_are_counted_when_nothing_is_known_of_the_node() -> None:
    sighting = seen(node="n2")

    assert node_of(sighting) == "n2"
    assert (status(sighting).gpu_count, status(sighting).region) == (2, "")


def test_a_pod_without_a_node_has_nothing_yet() -> None:
    assert status(seen(node="")).gpu_count == 0
