"""All that is said about a run, a sweep or an experiment, as routes and pages show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gateway.services import Services
from governance.naming_file import NAMING
from sweeps.ids import RunId, TenantId
from sweeps.tags import (
    KNOWN_TAGS,
    PRODUCTION_CANDIDATE,
    Annotations,
    GivenTag,
    Note,
    Subject,
    SubjectKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLink:
    """A link, and where it leads to."""

    target: str
    url: str | None  #: None: nobody has said
    added_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said, and what may be said."""

    subject: Subject
    tags: Sequence[GivenTag]
    tiers: Sequence[str]  #: by its metrics
    notes: Sequence[Note]
    links: Sequence[ShownLink]
    hints: Sequence[str]  #: of what a tag does not do here, and what does it

    @property
    def known_tags(self) -> list[str]:
        """Tags to choose from."""
        return [name for name, kinds in KNOWN_TAGS.items() if self.subject.kind in kinds]

    def document(self) -> dict[str, object]:
        """As a program gets it."""
        return {
            "on": str(self.subject),
            "tags": self.tags,
            "tiers": self.tiers,
            "notes": self.notes,
            "links": self.links,
            "hints": self.hints,
        }


def said_about(subject: Subject, tenant_id: TenantId, services: Services) -> Said:
    """All that is said about something.

    Raises:
        SubjectNotFound: There is none of that name for the tenant.
    """
    naming = services.policies.current(NAMING).value
    found: Annotations = services.notes.annotations(subject, tenant_id=tenant_id)
    tiers: list[str] = []
    if subject.kind is SubjectKind.RUN:
        conditions = naming.of(tenant_id).tiers
        tiers = services.search.tiers(RunId(subject.name), conditions, tenant_id=tenant_id)
    hints: list[str] = []
    if any(tag.name == PRODUCTION_CANDIDATE for tag in found.tags):  # which runs alone have
        hints = services.evaluations.why_not_by_tag([RunId(subject.name)], tenant_id=tenant_id)
    return Said(
        subject=subject,
        tags=found.tags,
        tiers=tiers,
        notes=found.notes,
        links=[
            ShownLink(target=link.target, url=naming.url_of(link.target), added_by=link.added_by)
            for link in found.links
        ],
        hints=hints,
    )


def path_of(subject: Subject) -> str:
    """The page of a subject."""
    return f"/{subject.kind}s/{quote(subject.name, safe='')}"
