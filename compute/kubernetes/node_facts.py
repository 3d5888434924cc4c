"""What the labels of a node say of the machine that it is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_SPOT, _ON_DEMAND = "spot", "on_demand"
#: Who makes nodes says in these words whether they may be taken away.
_CAPACITY = (
    "karpenter.sh/capacity-type",
    "eks.amazonaws.com/capacityType",
    "cloud.google.com/gke-provisioning",
    "kubernetes.azure.com/scalesetpriority",
    "node.kubernetes.io/lifecycle",
)
_SPOT_WORDS = {"spot", "preemptible", "low", "low-priority"}
#: Labels that only nodes of that kind have.
_SPOT_MARKS = ("cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible")
#: Nodes of these clouds without any of the above are ordinary ones.
_ORDINARY_MARKS = ("cloud.google.com/gke-nodepool", "kubernetes.azure.com/cluster")
_REGION = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_INSTANCE_TYPE = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
#: GPU models, as those who discover hardware and those who rent it out call them.
_MODELS = (
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "beta.amd.com/gpu.product-name",
    "gpu.intel.com/product",
    "gpu.nvidia.com/model",
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "karpenter.azure.com/sku-gpu-name",
    "cloud.google.com/gke-accelerator",
)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node, by its labels."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def capacity(self) -> str:
        """``spot``, ``on_demand``, or empty when nobody says."""
        if any(self.labels.get(mark) == "true" for mark in _SPOT_MARKS):
            return _SPOT
        told = self._first(_CAPACITY).lower().replace("_", "-")
        if told:
            return _SPOT if told in _SPOT_WORDS else _ON_DEMAND
        return _ON_DEMAND if any(mark in self.labels for mark in _ORDINARY_MARKS) else ""

    @property
    def region(self) -> str:
        """Such as ``eu-central-1``."""
        return self._first(_REGION)

    @property
    def instance_type(self) -> str:
        """Such as ``p4d.24xlarge``."""
        return self._first(_INSTANCE_TYPE)

    def gpu_model(self, resource: str) -> str:
        """Of the devices that are asked for by that name, such as ``nvidia.com/mig-1g.5gb``."""
        return self._first((f"{resource}.product", *_MODELS))

    def _first(self, names: tuple[str, ...]) -> str:
        return next((self.labels[name] for name in names if self.labels.get(name)), "")
