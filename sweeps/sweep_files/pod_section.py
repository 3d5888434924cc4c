"""What the pods of trials ask of a cluster: ``trial.kubernetes``."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sweeps.specs import PodOptions, VolumeMount
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Integer, Text
from sweeps.sweep_files.quantities import Memory
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section, Several

_DNS = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_QUALIFIED = (
    r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_LABEL = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
#: A claim and where it is mounted.
VOLUME = rf"(?P<claim>{_DNS}):(?P<path>/[^:]+)(?P<mode>:ro)?"
_MOST_NODES = 1000  # three digits at the end of a host's name
_MOST_VALUES = 500
_MOST_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of nodes, by name."""

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, str] | None:
        """Names and values, both as Kubernetes has them."""
        given = as_mapping(value)
        hint = "write for example {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}"
        if given is None:
            reader.problem(path, f"{shown(value)} is no mapping", hint)
            return None
        read: dict[str, str] = {}
        for name, item in given.items():
            key = Text("disk", pattern=_QUALIFIED).read(reader, (*path, name), name)
            text = reader.spelled((*path, name), item)
            label = Text("ssd", pattern=_LABEL).read(reader, (*path, name), text or item)
            if key is not None and label is not None:
                read[key] = label
        return read if len(read) == len(given) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "examples": [{"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}],
        }


@dataclass(frozen=True, slots=True)
class FreeMapping:
    """What Kubernetes reads, and not we: any mapping of a sensible size."""

    example: Mapping[str, Any]

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """The mapping, plain JSON."""
        if as_mapping(value) is None:
            hint = f"write for example {dict(self.example)}"
            reader.problem(path, f"{shown(value)} is no mapping", hint)
            return None
        counted = [0]
        if not _is_plain(value, _MOST_DEPTH, counted):
            message = f"{shown(value)} is too deep, too large, or no JSON"
            hint = f"at most {_MOST_VALUES} values, {_MOST_DEPTH} deep; texts and finite numbers"
            reader.problem(path, message, hint)
            return None
        return cast("dict[str, Any]", value)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "object", "examples": [dict(self.example)]}


def _is_plain(value: object, depth: int, counted: list[int]) -> bool:
    counted[0] += 1
    if depth < 0 or counted[0] > _MOST_VALUES:
        return False
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return all(
            isinstance(key, str) and _is_plain(item, depth - 1, counted)
            for key, item in mapping.items()
        )
    if isinstance(value, (list, tuple)):
        return all(_is_plain(i, depth - 1, counted) for i in cast("list[object]", value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (str, int))


def _free(doc: str, example: Mapping[str, Any]) -> Field:
    return Field(kind=FreeMapping(example), doc=doc, default={})


KUBERNETES = Section(
    doc="What its pods ask of a cluster; elsewhere it says nothing.",
    fields={
        "nodes": Field(
            kind=Integer(1, _MOST_NODES),
            doc="Pods of one trial, each with the trial's resources; the first one reports.",
            default=1,
        ),
        "gpu_resource": Field(
            kind=Text("nvidia.com/gpu", 253, pattern=_QUALIFIED),
            doc="What a GPU is called; by default as the platform is set.",
            default=None,
        ),
        "node_selector": Field(kind=Labels(), doc="Labels that a node must have.", default={}),
        "tolerations": Field(
            kind=Several(
                FreeMapping({"key": "gpu", "operator": "Exists"}),
                [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            ),
            doc="Taints of nodes that do not keep it away.",
            default=[],
        ),
        "priority_class": Field(
            kind=Text("batch-low", 253, pattern=_DNS), doc="Who goes first.", default=None
        ),
        "shm": Field(kind=Memory(), doc="Size of /dev/shm; 0: as the node has it.", default=0),
        "volumes": Field(
            kind=Several(Text("datasets:/data:ro", 600, pattern=VOLUME), ["datasets:/data:ro"]),
            doc="Claims of volumes and where they are mounted, read-only with :ro.",
            default=[],
        ),
        "secrets": Field(
            kind=Several(Text("api-keys", 253, pattern=_DNS), ["api-keys"]),
            doc="Secrets whose keys become variables of the environment.",
            default=[],
        ),
        "config_maps": Field(
            kind=Several(Text("settings", 253, pattern=_DNS), ["settings"]),
            doc="Config maps whose keys become variables of the environment.",
            default=[],
        ),
        "container_config": _free(
            "Over the container's fields, as in dagster-k8s/config.", {"working_dir": "/app"}
        ),
        "pod_spec_config": _free(
            "Over the pod's fields, as in dagster-k8s/config.", {"runtime_class_name": "nvidia"}
        ),
        "pod_template_spec_metadata": _free(
            "Over the pod's metadata, as in dagster-k8s/config.", {"labels": {"team": "vision"}}
        ),
        "job_metadata": _free(
            "Over the Job's metadata, as in dagster-k8s/config.", {"annotations": {"why": "test"}}
        ),
        "job_spec_config": _free(
            "Over the Job's fields, as in dagster-k8s/config.", {"ttl_seconds_after_finished": 60}
        ),
    },
)


def pod_options(read: Mapping[str, Any]) -> PodOptions:
    """The options that a section says."""
    volumes: list[VolumeMount] = []
    for text in read["volumes"]:
        match = re.fullmatch(VOLUME, text)
        assert match is not None  # its kind has looked
        volumes.append(
            VolumeMount(claim=match["claim"], path=match["path"], is_read_only=bool(match["mode"]))
        )
    return PodOptions(
        nodes=read["nodes"],
        gpu_resource=read["gpu_resource"],
        node_selector=read["node_selector"],
        tolerations=read["tolerations"],
        priority_class=read["priority_class"],
        shm_bytes=read["shm"],
        volumes=tuple(volumes),
        secrets=read["secrets"],
        config_maps=read["config_maps"],
        overrides={name: read[name] for name in OVERRIDES if read[name]},
    )


OVERRIDES: tuple[str, ...] = (
    "container_config",
    "pod_spec_config",
    "pod_template_spec_metadata",
    "job_metadata",
    "job_spec_config",
)
