"""Which nodes a type of GPUs means."""

import pytest

from compute.kubernetes.gpu_flavor import flavor_labels
from sweeps.errors import LaunchRejected
from sweeps.specs import Resources

_FLAVORS = {
    "a100-40gb": {"product": "A100-40"},
    "a100-80gb": {"product": "A100-80"},
    "l4": {"product": "L4"},
}


@pytest.mark.parametrize(
    ("resources", "labels"),
    [
        (Resources(gpu=1), {}),
        (Resources(gpu=0, gpu_type="l4"), {}),
        (Resources(gpu=1, gpu_type="L4"), {"product": "L4"}),
        (Resources(gpu=2, gpu_type="NVIDIA A100 80GB"), {"product": "A100-80"}),
    ],
)
def test_a_type_is_a_flavor(resources: Resources, labels: dict[str, str]) -> None:
    assert flavor_labels(resources, _FLAVORS) == labels


@pytest.mark.parametrize(
    ("asked", "words"),
    [("h100", "known: a100-40gb, a100-80gb, l4"), ("a100", "write one of a100-40gb, a100-80gb")],
)
def test_no_flavor_and_several_are_refused_with_a_way_out(asked: str, words: str) -> None:
    with pytest.raises(LaunchRejected, match=words):
        flavor_labels(Resources(gpu=1, gpu_type=asked), _FLAVORS)


def test_without_flavors_it_says_how_to_declare_them() -> None:
    with pytest.raises(LaunchRejected, match=r"nvidia\.com/gpu\.product"):
        flavor_labels(Resources(gpu=1, gpu_type="l4"), {})
