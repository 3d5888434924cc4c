"""Tenants: who they are, who belongs to them, and what their sweeps default to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.cluster.installation import InstallationCluster
from governance.cluster.policies import ClusterPolicy, InstallationPolicy
from governance.cluster.tenant import TenantCluster, check_declared
from governance.contacts import Contact, ContactKind, MemberKind
from sweeps.errors import AccessDenied, UnknownTenant
from sweeps.specs import SweepSpec
from sweeps.sweep_files import parse_document
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.fields import LIMITS
from sweeps.sweep_files.kinds import SLUG, Kind, Text
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section
from sweeps.sweep_files.yaml_documents import read_yaml

DEFAULT = "default"  #: the tenant that exists without any file


class NotAMember(AccessDenied):
    """An owner that a tenant does not admit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A unit of isolation."""

    name: str
    members: tuple[str, ...] = ()  #: owners it admits; empty: everybody
    #: Sections of a sweep file with keys, as `sweep_files.parse_text` takes them.
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    cluster: ClusterPolicy = field(default_factory=ClusterPolicy)
    contacts: tuple[Contact, ...] = ()  #: who is told of what concerns all of it
    #: Addresses of members, by their names; those without any are not there.
    addresses: Mapping[str, Contact] = field(default_factory=dict[str, Contact])

    def member(self, name: str) -> Contact:
        """Somebody who owns sweeps here, with the address if there is one."""
        return self.addresses.get(name) or Contact(name=name)

    def require_member(self, owner: str) -> None:
        """Raise `NotAMember` unless `owner` may own sweeps here."""
        if self.members and owner not in self.members:
            raise NotAMember(
                f"{owner!r} is no member of tenant {self.name!r}; "
                f"members: {', '.join(self.members)}. Change `owner:` or the tenant file"
            )

    def require_own(self, owner: str, *, by: str) -> None:
        """Raise `NotAMember` if `by` is a member who submits as somebody else.

        Budgets, shares and classes go by owner. Who asks and is no member is a program, which may
        submit for any of them.
        """
        if by in self.members and owner != by:
            raise NotAMember(
                f"{by!r} submits for {by!r} only, and not for {owner!r}: write `owner: {by}`, or use "
                "a token that bears no member's name"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDirectory:
    """All tenants, by name."""

    tenants: Mapping[str, Tenant] = field(default_factory=dict[str, Tenant])
    cluster: InstallationPolicy = field(default_factory=InstallationPolicy)
    contacts: tuple[Contact, ...] = ()  #: of the installation: who applies policies, for example

    def all(self) -> list[Tenant]:
        """Every tenant that there is: those of the file, or the one that needs none."""
        return [self.require(name) for name in self.tenants or [DEFAULT]]

    def cluster_of(self, name: str) -> ClusterPolicy:
        """What a tenant has in the cluster; nothing of its own where the file does not name it."""
        tenant = self.tenants.get(name)
        return ClusterPolicy() if tenant is None else tenant.cluster

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

    def admit(self, name: str, *, owner: str) -> Tenant:
        """The tenant of that name, if `owner` may own sweeps in it.

        Raises:
            UnknownTenant: No file declares it.
            NotAMember: It has members, and `owner` is none.
        """
        tenant = self.require(name)
        tenant.require_member(owner)
        return tenant

    def check(self, document: Mapping[str, object], *, source: str = "spec") -> SweepSpec:
        """The sweep that `document` describes, with its tenant's defaults.

        Raises:
            InvalidSweepFile: Everything that is wrong with it.
            UnknownTenant: No file declares its tenant.
            NotAMember: Its owner is not one of that tenant.
        """
        first = parse_document(document, source=source)
        tenant = self.admit(first.tenant, owner=first.owner)
        return parse_document(document, source=source, defaults=tenant.defaults)


@dataclass(frozen=True, slots=True)
class _ListOf:
    """A list of one kind of thing."""

    kind: Kind
    example: str
    may_be_empty: bool = True

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Any, ...] | None:
        given = as_list(value)
        if given is None or not (given or self.may_be_empty):
            what = "no list" if given is None else "empty"
            reader.problem(path, f"{shown(value)} is {what}", f"write for example {self.example}")
            return None
        return tuple(
            self.kind.read(reader, (*path, index), item) for index, item in enumerate(given)
        )

    def schema(self) -> dict[str, Any]:
        least = 0 if self.may_be_empty else 1
        return {"type": "array", "minItems": least, "items": self.kind.schema()}


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
    fields={"limits": Field(kind=_DEFAULT_LIMITS, doc=_DEFAULT_LIMITS.doc, default=None)},
    later=("priority", "strategy", "trial"),
)
# Without a list everybody is a member; an empty one would say the opposite of what it looks like.
_MEMBERS = _ListOf(MemberKind(), "[ana, ben]", may_be_empty=False)
_CONTACTS = _ListOf(ContactKind(), "[{name: ana, email: ana@example.org, role: lead}]")
_TENANT = Section(
    doc="One tenant.",
    fields={
        "name": Field(kind=Text("vision", 63, SLUG), doc="Its name."),
        "members": Field(kind=_MEMBERS, doc="Who may own its sweeps.", default=None),
        "defaults": Field(kind=_DEFAULTS, doc=_DEFAULTS.doc, default=None),
        "contacts": Field(kind=_CONTACTS, doc="Who is told of what concerns it.", default=[]),
        "cluster": Field(kind=TenantCluster(), doc="Its part of the cluster.", default={}),
    },
    later=("quota", "quotas", "budget", "budgets"),
)
_EXAMPLE = "[{name: vision, members: [ana, ben]}]"
_FILE = Section(
    doc="Every tenant of an installation.",
    fields={
        "tenants": Field(kind=_ListOf(_TENANT, _EXAMPLE), doc="The tenants.", example=_EXAMPLE),
        "cluster": Field(
            kind=InstallationCluster(), doc="What is the same for all tenants.", default={}
        ),
        "contacts": Field(
            kind=_CONTACTS, doc="Who is told of what no tenant can mend itself.", default=[]
        ),
    },
)


def parse_tenants(text: str, *, source: str) -> TenantDirectory:
    """The tenants of a tenant file: ``tenants: [{name, members, contacts, defaults, cluster}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="tenant file")
    check_storable(document, source=source)
    reader = Reader(document)
    file = _FILE.read(reader, (), document.value) or {}
    listed = file.get("tenants") or ()
    written = as_list((as_mapping(document.value) or {}).get("tenants")) or []
    tenants: dict[str, Tenant] = {}
    namespaces: dict[str, str] = {}
    for index, (read, entry) in enumerate(zip(listed, written, strict=True)):
        name = None if read is None else read["name"]
        if name is None:
            continue
        if name in tenants:
            path: Path = ("tenants", index, "name")
            reader.problem(path, f"{name!r} appears twice", "keep one of them")
        # As written: a sweep file's own reader converts them when they are used.
        defaults = as_mapping((as_mapping(entry) or {}).get("defaults")) or {}
        policy = read["cluster"] or ClusterPolicy()
        check_declared(reader, ("tenants", index, "cluster"), policy, file["cluster"])
        if others := namespaces.get(policy.namespace or ""):
            path = ("tenants", index, "cluster", "namespace")
            message = f"{policy.namespace!r} is that of tenant {others!r}"
            reader.problem(path, message, "give each tenant its own")
        namespaces |= {policy.namespace: name} if policy.namespace else {}
        members = _members(reader, ("tenants", index, "members"), read["members"] or ())
        tenants[name] = Tenant(
            name=name,
            members=tuple(members),
            addresses={name: one for name, one in members.items() if one.addresses},
            contacts=read["contacts"] or (),
            defaults=defaults,
            cluster=policy,
        )
    reader.raise_problems(source)
    return TenantDirectory(
        tenants=tenants, cluster=file["cluster"], contacts=file["contacts"] or ()
    )


def _members(reader: Reader, path: Path, read: Sequence[Contact | None]) -> dict[str, Contact]:
    """Those that were read, by name."""
    members: dict[str, Contact] = {}
    for index, member in enumerate(read):
        if member is None:
            continue
        if member.name in members and member.addresses:  # which of the addresses would count?
            reader.problem((*path, index), f"{member.name!r} appears twice", "keep one of them")
        members.setdefault(member.name, member)
    return members
