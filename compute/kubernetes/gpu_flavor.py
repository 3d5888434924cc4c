"""Which nodes have GPUs of a type: the flavor of that name in the tenant file."""

from collections.abc import Mapping

from governance.gpu_types import gpu_type, is_gpu_type
from sweeps.errors import LaunchRejected
from sweeps.specs import Resources

_WHERE = "cluster: {flavors: {a100: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}}}"


def flavor_labels(
    resources: Resources, flavors: Mapping[str, Mapping[str, str]]
) -> Mapping[str, str]:
    """Labels that a node has to have; none when any GPU will do.

    Raises:
        LaunchRejected: No flavor is of that type, or several are and none is called so.
    """
    asked = resources.gpu_type
    if not asked or resources.gpu == 0:
        return {}
    same = [name for name in flavors if gpu_type(name) == gpu_type(asked)]
    found = same or [name for name in flavors if is_gpu_type(asked, name)]
    if len(found) == 1:
        return flavors[found[0]]
    known = ", ".join(sorted(flavors))
    if found:
        hint = f"write one of {', '.join(sorted(found))}"
    elif known:
        hint = f"known: {known}"
    else:
        hint = f"the tenant file declares none; add for example {_WHERE}"
    raise LaunchRejected(f"resources.gpu_type {asked!r} names no flavor of the cluster: {hint}")
