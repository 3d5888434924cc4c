"""People and places that are told: of the installation, of a tenant, of a member. Pure."""

from dataclasses import dataclass
from typing import Any

from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Text
from sweeps.sweep_files.reading import Reader, as_mapping
from sweeps.sweep_files.sections import Field, Section

_EMAIL = r"[^\s@<>,;\x00-\x1f\x7f]{1,64}@[^\s@<>,;\x00-\x1f\x7f]{1,253}"
_CHANNEL = r"[^\s,;\x00-\x1f\x7f]+"
_URL = r"https?://[^\s<>\x00-\x1f\x7f]+"
_NAME = Text("ana", 100, is_one_line=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody, or a place where several read; with at least one address unless it is a member."""

    name: str
    email: str | None = None
    channel: str | None = None  #: of a chat: ``#vision``
    url: str | None = None  #: such as a board or a rota
    role: str = ""  #: for people: ``lead``, ``on call``

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of them, what is read first being the first."""
        return tuple(one for one in (self.email, self.channel, self.url) if one is not None)

    @property
    def words(self) -> str:
        """``ana, lead (ana@example.org)``."""
        named = f"{self.name}, {self.role}" if self.role else self.name
        return f"{named} ({', '.join(self.addresses)})" if self.addresses else named


def _optional(kind: Text, doc: str) -> Field:
    return Field(kind=kind, doc=doc, default=None)


_ADDRESSES = {
    "email": _optional(Text("ana@example.org", 320, _EMAIL), "Address of electronic mail."),
    "channel": _optional(Text("#vision", 100, _CHANNEL), "Channel of a chat."),
    "url": _optional(Text("https://example.org/vision", 500, _URL), "Page of a board or a rota."),
}
_CONTACT = Section(
    doc="Who is told when something is in a tenant's way.",
    fields={
        "name": Field(kind=_NAME, doc="Whose address it is."),
        **_ADDRESSES,
        "role": _optional(Text("lead", 100, is_one_line=True), "What they do there."),
    },
)
_MEMBER = Section(
    doc="A member with an address.",
    fields={"name": Field(kind=_NAME, doc="As the owner of sweeps."), **_ADDRESSES},
)


@dataclass(frozen=True, slots=True)
class ContactKind:
    """A contact of a tenant, or of the installation."""

    def read(self, reader: Reader, path: Path, value: object) -> Contact | None:
        """The contact, or None when anything about it is wrong."""
        read = _CONTACT.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        contact = Contact(**{**read, "role": read["role"] or ""})
        if not contact.addresses:
            hint = "add for example email: ana@example.org, channel: '#vision' or url: https://…"
            reader.problem(path, f"{contact.name!r} has no address", hint)
            return None
        return contact

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return _CONTACT.schema()


@dataclass(frozen=True, slots=True)
class MemberKind:
    """A member: a name, or a mapping with it and addresses."""

    def read(self, reader: Reader, path: Path, value: object) -> Contact | None:
        """The member, or None when anything about it is wrong."""
        if as_mapping(value) is None:
            name = _NAME.read(reader, path, value)
            return None if name is None else Contact(name=name)
        read = _MEMBER.read(reader, path, value)
        return None if read is None or reader.is_noted_within(path) else Contact(**read)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"anyOf": [_NAME.schema(), _MEMBER.schema()]}
