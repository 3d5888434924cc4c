"""The keys of a tenant's `cluster:` section."""

from governance.cluster.egress import EGRESS
from governance.cluster.kinds import DEVICE, DOMAIN, LABEL, LABEL_VALUE, DeviceCount, MappingOf
from governance.cluster.policies import PRIORITY_CLASSES, Admission
from governance.cluster.pool_section import NAME as POOL
from sweeps.sweep_files.kinds import SLUG, Boolean, Integer, Kind, OneOf, Text
from sweeps.sweep_files.pod_section import OVERRIDES
from sweeps.sweep_files.quantities import Cpu, Memory
from sweeps.sweep_files.sections import Field, Section, Several

_NAMESPACE = Text("team-vision", 63, rf"(?!kube-){SLUG}")
_NAME = Text("mlflow", 253, DOMAIN)
_MOST_COUNT = 10**9
#: Types of volumes that the level `restricted` allows.
VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
           "projected", "secret")  # fmt: skip


def _optional(kind: Kind, doc: str) -> Field:
    return Field(kind=kind, doc=doc, default=None)


_BY_FLAVOR = MappingOf(
    Text("a100", 52, SLUG), Integer(0, _MOST_COUNT), "{a100: 8, l4: 16}", most=15
)
_QUOTA = Section(
    doc="What its pods may ask for in all; what is left out has no limit.",
    fields={
        "cpu": _optional(Cpu(), "Cores."),
        "memory": _optional(Memory(), "Memory."),
        "gpu": Field(
            kind=MappingOf(
                Text("nvidia.com/gpu", 253, DEVICE),
                DeviceCount(_MOST_COUNT, _BY_FLAVOR),
                "{nvidia.com/gpu: 8}",
                most=13,  # and CPU, memory and pods: Kueue counts 16 in a queue
            ),
            doc="Devices, by what the cluster calls them; with Kueue also by flavor.",
            default={},
        ),
        "pods": _optional(Integer(0, _MOST_COUNT), "Pods that have not ended."),
        "storage": _optional(Memory(), "Volume claims together."),
    },
)
_CPU_AND_MEMORY = {"cpu": _optional(Cpu(), "Cores."), "memory": _optional(Memory(), "Memory.")}
_DEFAULT = Section(
    doc="Limit of containers that name none.",
    fields={"memory": _CPU_AND_MEMORY["memory"]},
)
_DEFAULT_REQUEST = Section(doc="Request of containers that name none.", fields=_CPU_AND_MEMORY)
_MAX = Section(doc="The most that a container may ask for.", fields=_CPU_AND_MEMORY)
_LIMITS = Section(
    doc="Of one container, as a LimitRange has them.",
    fields={
        "default_request": Field(kind=_DEFAULT_REQUEST, doc=_DEFAULT_REQUEST.doc, default={}),
        "default": Field(kind=_DEFAULT, doc=_DEFAULT.doc, default={}),
        "max": Field(kind=_MAX, doc=_MAX.doc, default={}),
    },
)
_PODS = Section(
    doc="What its sweeps may give their pods; what is left out is as for all.",
    fields={
        "overrides": _optional(
            Several(OneOf(OVERRIDES), ["container_config"]),
            "Sections that may be laid over the manifest; [] for none.",
        ),
        "volumes": _optional(
            Several(OneOf(VOLUMES), ["persistentVolumeClaim"]), "Types of volumes besides emptyDir."
        ),
        "node_selectors": _optional(
            MappingOf(
                Text("nvidia.com/gpu.product", 317, LABEL),
                Several(Text("NVIDIA-L4", 63, LABEL_VALUE), ["NVIDIA-L4"]),
                "{nvidia.com/gpu.product: [NVIDIA-L4]}",
            ),
            "Labels of nodes that may be asked for, and their values.",
        ),
        "runtime_classes": _optional(Several(_NAME, ["nvidia"]), "Runtime classes."),
        "service_account": _optional(
            Text("sweepworks-trial", 253, DOMAIN), "Account that they run as, without its token."
        ),
        "read_only_root_filesystem": Field(
            kind=Boolean(), doc="Containers cannot write to their image.", default=False
        ),
    },
)
CLUSTER = Section(
    doc="Its part of the cluster.",
    fields={
        "namespace": _optional(_NAMESPACE, "Where its trials run; by default as the platform is set."),
        "admission": _optional(
            OneOf(tuple(Admission)), "Who lets Jobs start; by default as the platform is set."
        ),
        "cohort": _optional(
            Text("research", 253, DOMAIN), "Kueue's queues that lend each other what is idle."
        ),
        "pod_security": Field(
            kind=OneOf(("restricted", "baseline")),
            doc="Level of the Pod Security Standards.",
            default="restricted",
        ),
        "quota": Field(kind=_QUOTA, doc=_QUOTA.doc, default={}),
        "limits": Field(kind=_LIMITS, doc=_LIMITS.doc, default={}),
        "egress": EGRESS,
        "pod_to_pod": Field(
            kind=Boolean(),
            doc="Pods of the namespace reach each other; trials of several pods need it.",
            default=False,
        ),
        "priority_classes": _optional(
            Several(_NAME, list(PRIORITY_CLASSES[:2])), "Priority classes that its pods may have."
        ),
        "pools": Field(
            kind=Several(POOL, ["ssd-west"]),
            doc="Storage pools that its trials may read from; of two with the same data the first.",
            default=[],
        ),
        "pods": Field(kind=_PODS, doc=_PODS.doc, default={}),
    },
)  # fmt: skip
