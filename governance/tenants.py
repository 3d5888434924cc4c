"""Tenants: who they are, who belongs to them, and what their sweeps default to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeps.errors import AccessDenied, InvalidSweepFile, Problem, UnknownTenant
from sweeps.sweep_files import kinds
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
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
        given = as_list(value)
        if given is None or not all(isinstance(name, str) for name in given):
            reader.problem(
                path, f"{shown(value)} is no list of names", "write for example [ana, ben]"
            )
            return None
        return tuple(str(name) for name in given)

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
    given = (as_mapping(document.value) or {}).get("tenants")
    listed = as_list(given)
    if listed is None:
        problem = Problem(
            path="tenants",
            message=f"{shown(given)} is no list",
            hint="write tenants: [{name: vision, members: [ana]}]",
            line=document.line(("tenants",)),
        )
        raise InvalidSweepFile(source, [problem])
    tenants: dict[str, Tenant] = {}
    for index, entry in enumerate(listed):
        path: Path = ("tenants", index)
        read = _TENANT.read(reader, path, entry)
        name = read["name"]
        if name in tenants:
            reader.problem((*path, "name"), f"{name!r} appears twice", "keep one of them")
        elif name is not None:
            defaults = as_mapping((as_mapping(entry) or {}).get("defaults")) or {}
            tenants[name] = Tenant(name=name, members=read["members"] or (), defaults=defaults)
    if reader.problems:
        raise InvalidSweepFile(source, reader.problems)
    return TenantDirectory(tenants=tenants)
