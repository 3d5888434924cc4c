"""The `cluster:` section of a tenant file itself: what is the same for all tenants."""

import re
from dataclasses import dataclass
from typing import Any

from governance.cluster.egress import EGRESS
from governance.cluster.kinds import DOMAIN, LABEL, LABEL_VALUE, MappingOf
from governance.cluster.mounts import check_pool_mounts
from governance.cluster.policies import InstallationPolicy, Subject
from governance.cluster.pool_section import POOLS
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SLUG, OneOf, Text
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.sections import Field, Section, Several

_SUBJECT = Section(
    doc="An account of the platform in the cluster.",
    fields={
        "kind": Field(
            kind=OneOf(("ServiceAccount", "User", "Group")), doc="Its kind.",
            default="ServiceAccount",
        ),
        "name": Field(kind=Text("sweepworks", 253, r"\S+"), doc="Its name."),
        "namespace": Field(
            kind=Text("sweepworks", 63, SLUG), doc="Of a service account.", default=None
        ),
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Subject:
    def read(self, reader: Reader, path: Path, value: object) -> Subject | None:
        read = _SUBJECT.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        if (read["kind"] == "ServiceAccount") == (read["namespace"] is None):
            hint = "write for example {name: sweepworks, namespace: sweepworks}"
            reader.problem(path, "only a service account has a namespace, and has to", hint)
            return None
        if read["namespace"] is not None and not re.fullmatch(DOMAIN, read["name"]):
            message = f"{read['name']!r} is no name of a service account"
            reader.problem((*path, "name"), message, "write for example sweepworks")
            return None
        return Subject(**read)

    def schema(self) -> dict[str, Any]:
        return _SUBJECT.schema()


_INSTALLATION = Section(
    doc="What is the same for all tenants.",
    fields={
        "subjects": Field(
            kind=Several(_Subject(), [{"name": "sweepworks", "namespace": "sweepworks"}]),
            doc="Accounts of the platform that look after trials.",
            default=[],
        ),
        "egress": EGRESS,
        "flavors": Field(
            kind=MappingOf(
                Text("a100", 52, SLUG),
                MappingOf(
                    Text("nvidia.com/gpu.product", 317, LABEL),
                    Text("NVIDIA-A100-SXM4-80GB", 63, LABEL_VALUE),
                    "{nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}",
                    most=8,
                ),
                "{a100: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}}",
            ),
            doc="Kinds of nodes by the labels that they have, as Kueue's quotas tell them apart.",
            default={},
        ),
        "pools": POOLS,
    },
)


@dataclass(frozen=True, slots=True)
class InstallationCluster:
    """The section of the installation."""

    def read(self, reader: Reader, path: Path, value: object) -> InstallationPolicy | None:
        """The policy, or None when anything about it is wrong."""
        read = _INSTALLATION.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        check_pool_mounts(reader, (*path, "pools"), read["pools"])
        if reader.is_noted_within(path):
            return None
        return InstallationPolicy(
            subjects=read["subjects"],
            egress=read["egress"],
            flavors=read["flavors"],
            pools=read["pools"],
        )

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return _INSTALLATION.schema()
