"""Kinds of values in a tenant's `cluster:` section."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from governance.cluster.policies import Port
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Integer, Kind, Text
from sweeps.sweep_files.reading import Reader, as_mapping, shown

_PART = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
DOMAIN = rf"{_PART}(?:\.{_PART})*"  #: a DNS subdomain: what most objects are called
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
LABEL = rf"(?:{DOMAIN}/)?{_WORD}"  #: name of a label
LABEL_VALUE = rf"(?:{_WORD})?"
#: A device: always of a domain, and never of Kubernetes' own.
DEVICE = rf"(?!(?:[-a-z0-9.]+\.)?kubernetes\.io/)(?!requests\.){DOMAIN}/{_WORD}"
_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?", re.IGNORECASE)
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class MappingOf:
    """A mapping whose keys are names of one form, and whose values are of one kind."""

    key: Text
    value: Kind
    example: str
    most: int = 50

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """The mapping, or None when anything in it is wrong."""
        given = as_mapping(value)
        hint = f"write for example {self.example}"
        if given is None:
            reader.problem(path, f"{shown(value)} is no mapping", hint)
            return None
        if len(given) > self.most:
            reader.problem(path, f"{len(given)} are too many", f"at most {self.most} fit")
            return None
        read: dict[str, Any] = {}
        for name, item in given.items():
            key = self.key.read(reader, (*path, name), name)
            found = self.value.read(reader, (*path, name), item)
            if key is not None and found is not None:
                read[key] = found
        return read if len(read) == len(given) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "object",
            "maxProperties": self.most,
            "propertyNames": {"pattern": f"^(?:{self.key.pattern})$"},
            "additionalProperties": self.value.schema(),
        }


@dataclass(frozen=True, slots=True)
class DeviceCount:
    """Devices in all, or by the flavor of their nodes."""

    most: int
    flavors: MappingOf

    def read(self, reader: Reader, path: Path, value: object) -> int | dict[str, int] | None:
        """The number, or numbers by flavor."""
        if as_mapping(value):
            return self.flavors.read(reader, path, value)
        return Integer(0, self.most).read(reader, path, value)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"anyOf": [Integer(0, self.most).schema(), self.flavors.schema()]}


@dataclass(frozen=True, slots=True)
class Cidr:
    """A range of addresses."""

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        """The range as it is written in short."""
        try:
            return str(ipaddress.ip_network(value if isinstance(value, str) else ""))
        except ValueError:
            message = f"{shown(value)} is no range of addresses"
            reader.problem(path, message, "write for example 10.20.0.0/16, or 10.20.3.4/32")
            return None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "string", "examples": ["10.20.0.0/16"]}


@dataclass(frozen=True, slots=True)
class PortNumber:
    """A port, of TCP unless it says otherwise."""

    def read(self, reader: Reader, path: Path, value: object) -> Port | None:
        """The port."""
        match = None if isinstance(value, bool) else _PORT.fullmatch(str(value))
        if match is None or not 1 <= int(match[1]) <= _LAST_PORT:
            reader.problem(path, f"{shown(value)} is no port", "write for example 443 or 53/udp")
            return None
        return Port(number=int(match[1]), protocol=(match[2] or "tcp").upper())

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        number = Integer(1, _LAST_PORT).schema()
        text = {"type": "string", "pattern": "^[0-9]{1,5}(/(tcp|udp|TCP|UDP))?$"}
        return {"anyOf": [number, text], "examples": [443, "53/udp"]}
