"""Tenants: who they are, who belongs to them, and what their sweeps default to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeps.errors import AccessDenied, InvalidSweepFile, Problem, UnknownTenant
from sweeps.sweep_files import kinds
from sweeps.sweep_files.reading import Reader, shown
from sweeps.sweep_files.sections import LIMITS, Field, Section
from sweeps.sweep_files.yaml_documents import Path, read_yaml

DEFAULT = "default"  #: the tenant that exists without any file


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A unit of isolation."""

    name: str
    members: tuple[str, ...] = ()  #: owners it admits; empty: everybody
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])

    def require_member(self, owner: str) -> None:
        """Raise `AccessDenied` unless `owner` may own sweeps here."""
        if self.members and owner not in self.members:
            raise AccessDenied(
                f"{owner!r} is no member of tenant {self.name!r}; "
                f"members: {', '.join(self.members)}. Change `owner:` or the tenant file"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDirectory:
    """All tenants, by name."""

    tenants: Mapping[str, Tenant] = field(default_factory=dict[str, Tenant])

    def require(self, name: str) -> Tenant:
        """The tenant of that name.

        Raises:
            UnknownTenant: No file declares it.
        """
        if name in self.tenants:
            return self.tenants[name]
        if name == DEFAULT:
            return Tenant(name=DEFAULT)
        raise UnknownTenant(name, known=sorted({DEFAULT, *self.tenants}))


class _Members:
    """A list of names."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[str, ...] | None:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):  # pyright: ignore[reportUnknownVariableType]
            reader.problem(path, f"{shown(value)} is no list of names", "write for example [ana, ben]")  # pyright: ignore[reportUnknownArgumentType]
            return None
        return tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


#: What a tenant may default: keys of `limits`, with the rules they have in a sweep file.
_DEFAULT_LIMITS = Section(
    doc="Limits of sweeps that do not say.",
    fields={
        key: Field(kind=LIMITS.fields[key].kind, doc=LIMITS.fields[key].doc, default=None)
        for key in ("max_parallel", "deadline", "trial_timeout", "stalled_after")
    },
)
_DEFAULTS = Section(
    doc="What its sweeps default to.",
    fields={"limits": Field(kind=_DEFAULT_LIMITS, doc=_DEFAULT_LIMITS.doc, default={})},
)
_TENANT = Section(
    doc="One tenant.",
    fields={
        "name": Field(
            kind=kinds.Text("vision", 63, r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"), doc="Its name."
        ),
        "members": Field(kind=_Members(), doc="Who may own sweeps; empty: all.", default=()),
        "defaults": Field(kind=_DEFAULTS, doc=_DEFAULTS.doc, default={}),
    },
)


def parse_tenants(text: str, *, source: str) -> TenantDirectory:
    """The tenants of a tenant file: ``tenants: [{name, members, defaults}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source)
    reader = Reader(document)
    value = document.value
    listed = value.get("tenants") if isinstance(value, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not isinstance(listed, list):
        problem = Problem(
            path="tenants",
            message=f"{shown(listed)} is no list",  # pyright: ignore[reportUnknownArgumentType]
            hint="write tenants: [{name: vision, members: [ana]}]",
            line=document.line(("tenants",)),
        )
        raise InvalidSweepFile(source, [problem])
    tenants: dict[str, Tenant] = {}
    for index, entry in enumerate(listed):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        path: Path = ("tenants", index)
        read = _TENANT.read(reader, path, entry)
        name = read["name"]
        if name in tenants:
            reader.problem((*path, "name"), f"{name!r} appears twice", "keep one of them")
        elif name is not None:
            given = entry.get("defaults") or {}  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            tenants[name] = Tenant(name=name, members=read["members"] or (), defaults=given)  # pyright: ignore[reportUnknownArgumentType]
    if reader.problems:
        raise InvalidSweepFile(source, reader.problems)
    return TenantDirectory(tenants=tenants)
