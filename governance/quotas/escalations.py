"""Escalations: since when a violation of quotas is there, who was told, who is to be told now. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from governance.access import no_person
from governance.contacts import Contact
from governance.quotas.escalation import Audience, EscalationStep
from governance.tenants import TenantDirectory
from sweeps.errors import PermanentError

LONGEST_ACKNOWLEDGEMENT = 1000  #: characters
_FORM = "%Y-%m-%d %H:%M UTC"


class UnknownEscalation(PermanentError):
    """There is none of that number."""


class NoAcknowledger(PermanentError):
    """Nobody in particular, who looks after nothing."""


class NothingToAcknowledge(PermanentError):
    """It is over, or somebody has done so."""


class InvalidAcknowledgement(PermanentError):
    """Words that say nothing, or more than anybody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One step that was taken."""

    step: int  #: from 1
    audience: Audience
    people: tuple[Contact, ...]  #: empty: nobody is named in the tenant file
    told_at: dt.datetime

    @property
    def words(self) -> str:
        """``ben (ben@example.org), as the owner``."""
        return f"{_named(self.people)}, as the {self.audience}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A violation of quotas, from when it was noticed until it is over."""

    escalation_id: int
    kind: str  #: a `ViolationKind`
    tenant_id: str
    subject: str  #: the sweep, or the limit that is exceeded
    owner: str  #: of the sweep; empty: it is the whole tenant's
    what: str
    remedy: str
    since: dt.datetime
    ended_at: dt.datetime | None = None
    acknowledged_at: dt.datetime | None = None  #: from then on nobody is told any more
    acknowledged_by: str | None = None
    acknowledgement: str | None = None
    told: tuple[Told, ...] = ()

    @property
    def history(self) -> list[str]:
        """Who was told when, and who has acknowledged it, each a sentence."""
        lines = [f"{one.told_at:{_FORM}}: told {one.words}" for one in self.told]
        if self.acknowledged_at is not None:
            who, why = self.acknowledged_by, self.acknowledgement
            lines.append(f"{self.acknowledged_at:{_FORM}}: acknowledged by {who}: {why}")
        if self.ended_at is not None:
            lines.append(f"{self.ended_at:{_FORM}}: over")
        return lines

    @property
    def standing(self) -> str:
        """The last of these, or that nobody was told."""
        return self.history[-1] if self.history else "nobody was told yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What one step says to whom."""

    escalation: Escalation
    told: Told
    ask: tuple[Contact, ...]  #: who can change the policy; empty: nobody is named

    @property
    def sentence(self) -> str:
        """All of it for people."""
        one, whom = self.escalation, _named(self.ask) if self.ask else "who applies the policy"
        return (
            f"to {self.told.words}: {one.what}, since {one.since:{_FORM}}. {one.remedy}. "
            f"Ask {whom}. `sweepworks quotas acknowledge {one.escalation_id} -m …` stops this"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What there is to tell."""

    tellings: Sequence[Telling]
    over: Sequence[Escalation]  #: of which somebody had been told
    still_open: Sequence[Escalation]  #: all, the newest first, with what is told now
    left: int  #: steps and ends that are for the next one to tell


class Escalations(Protocol):
    """Violations of quotas as they are noticed and told. Every method raises `StorageUnavailable`."""

    def notice(self, now: dt.datetime) -> Sequence[str]:
        """Note what is a violation, and what is none any more; keys of what `telling` would give."""
        ...

    def telling(self, now: dt.datetime, *, most: int = 1000) -> AbstractContextManager[News]:
        """At most so many steps and as many ends; told once the block has ended.

        Raises:
            InvalidSweepFile: The tenant file has mistakes.
        """
        ...

    def list(
        self, *, tenant: str | None = None, with_ended: bool = False, limit: int = 1000
    ) -> Sequence[Escalation]:
        """Those that are open, or all, the newest first."""
        ...


def due_steps(
    steps: Sequence[EscalationStep], escalation: Escalation, *, now: dt.datetime
) -> list[tuple[int, EscalationStep]]:
    """Steps that are due and were not taken, with their numbers from 1."""
    if escalation.acknowledged_at is not None or escalation.ended_at is not None:
        return []
    taken = max((one.step for one in escalation.told), default=0)
    return [
        (number, step)
        for number, step in enumerate(steps, start=1)
        if number > taken and now >= escalation.since + step.after
    ]


def people_of(
    audience: Audience, escalation: Escalation, directory: TenantDirectory
) -> tuple[Contact, ...]:
    """Who is told; nobody: the tenant file names none."""
    if audience is Audience.PLATFORM:
        return directory.contacts
    tenant = directory.tenants.get(escalation.tenant_id)
    if audience is Audience.OWNER and escalation.owner:
        owner = escalation.owner
        return (Contact(name=owner) if tenant is None else tenant.member(owner),)
    if tenant is None:
        return ()
    return tenant.contacts or tuple(tenant.member(name) for name in tenant.members)


def document(escalation: Escalation) -> dict[str, Any]:
    """One for programs."""
    return {
        "id": escalation.escalation_id,
        "kind": escalation.kind,
        "tenant": escalation.tenant_id,
        "subject": escalation.subject,
        "owner": escalation.owner or None,
        "what": escalation.what,
        "remedy": escalation.remedy,
        "since": escalation.since,
        "ended_at": escalation.ended_at,
        "told": [_told_document(one) for one in escalation.told],
        "acknowledged": None
        if escalation.acknowledged_at is None
        else {
            "at": escalation.acknowledged_at,
            "by": escalation.acknowledged_by,
            "comment": escalation.acknowledgement,
        },
    }


def telling_document(telling: Telling) -> dict[str, Any]:
    """One step for programs, such as those that send mails."""
    return {
        **document(telling.escalation),
        "step": _told_document(telling.told),
        "ask": [contact_document(one) for one in telling.ask],
    }


def _told_document(told: Told) -> dict[str, Any]:
    return {
        "step": told.step,
        "to": str(told.audience),
        "people": [contact_document(one) for one in told.people],
        "at": told.told_at,
    }


def contact_document(contact: Contact) -> dict[str, str]:
    """A contact without what it lacks."""
    fields: Mapping[str, str | None] = {
        "name": contact.name,
        "email": contact.email,
        "channel": contact.channel,
        "url": contact.url,
        "role": contact.role,
    }
    return {key: value for key, value in fields.items() if value}


def check_acknowledgement(text: str, *, by: str) -> str:
    """Why nobody has to be told any more, without blanks around it.

    Raises:
        NoAcknowledger: It is the word of nobody in particular.
        InvalidAcknowledgement: It says nothing, or too much.
    """
    if (objection := no_person(by)) is not None:
        raise NoAcknowledger(objection)
    text = text.strip()
    if not text or len(text) > LONGEST_ACKNOWLEDGEMENT:
        raise InvalidAcknowledgement(
            f"say in 1 to {LONGEST_ACKNOWLEDGEMENT} characters what is done about it"
        )
    return text


def _named(people: Sequence[Contact]) -> str:
    return "; ".join(one.words for one in people) or "nobody: the tenant file names no contact"
