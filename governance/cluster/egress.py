"""What pods may reach: the list `egress`."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from governance.cluster.kinds import LABEL, LABEL_VALUE, Cidr, MappingOf, PortNumber
from governance.cluster.policies import Egress
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SLUG, Text
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.sections import Field, Section, Several

_EGRESS_FIELDS = Section(
    doc="Peers that pods may reach: `cidr`, or `namespace`.",
    fields={
        "cidr": Field(kind=Cidr(), doc="A range of addresses.", default=None),
        "except": Field(kind=Several(Cidr(), ["10.20.1.0/24"]), doc="Parts of it.", default=[]),
        "namespace": Field(
            kind=Text("mlflow", 63, SLUG), doc="The namespace of pods.", default=None
        ),
        "pods": Field(
            kind=MappingOf(
                Text("app", 317, LABEL), Text("mlflow", 63, LABEL_VALUE), "{app: mlflow}"
            ),
            doc="Their labels; without, all of the namespace.",
            default={},
        ),
        "ports": Field(kind=Several(PortNumber(), [443, "53/udp"]), doc="Ports.", default=[]),
    },
)


@dataclass(frozen=True, slots=True)
class _Egress:
    def read(self, reader: Reader, path: Path, value: object) -> Egress | None:
        read = _EGRESS_FIELDS.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        cidr, namespace = read["cidr"], read["namespace"]
        if (cidr is None) == (namespace is None):
            hint = "write for example {cidr: 10.20.0.0/16, ports: [443]}, or {namespace: mlflow}"
            reader.problem(path, "it needs either `cidr` or `namespace`", hint)
        elif cidr is None and read["except"]:
            reader.problem((*path, "except"), "it belongs to `cidr`", "remove it")
        elif namespace is None and read["pods"]:
            reader.problem((*path, "pods"), "they belong to `namespace`", "remove them")
        for index, part in enumerate(read["except"]):
            if cidr is not None and not _is_part(part, cidr):
                at: Path = (*path, "except", index)
                reader.problem(at, f"{part} is no part of {cidr}", "name a smaller range within it")
        if reader.is_noted_within(path):
            return None
        return Egress(
            cidr=cidr,
            except_cidrs=read["except"],
            namespace=namespace,
            pods=read["pods"],
            ports=read["ports"],
        )

    def schema(self) -> dict[str, Any]:
        return _EGRESS_FIELDS.schema()


def _is_part(part: str, whole: str) -> bool:
    inner, outer = ipaddress.ip_network(part), ipaddress.ip_network(whole)
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner != outer and inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner != outer and inner.subnet_of(outer)
    return False


EGRESS = Field(
    kind=Several(_Egress(), [{"cidr": "10.20.0.0/16", "ports": [443]}]),
    doc="What pods may reach besides DNS, the gateway and the object store.",
    default=[],
)
