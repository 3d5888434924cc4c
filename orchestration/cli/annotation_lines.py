"""What people say about something, as lines of `show`."""

from collections.abc import Sequence

from governance.naming import NamingPolicy
from governance.naming_file import NAMING
from orchestration.platform import Platform
from sweeps.ids import RunId, TenantId
from sweeps.tags import Annotations, GivenTag, Subject, SubjectKind


def annotations_of(
    platform: Platform, subject: Subject, tenant_id: TenantId
) -> tuple[list[tuple[str, str]], dict[str, object]]:
    """All that is said about something, as lines and as a document."""
    naming = platform.policies.current(NAMING).value
    said = platform.notes.annotations(subject, tenant_id=tenant_id)
    tiers: list[str] = []
    if subject.kind is SubjectKind.RUN:
        conditions = naming.of(tenant_id).tiers
        tiers = platform.search.tiers(RunId(subject.name), conditions, tenant_id=tenant_id)
    lines = [("tier", ", ".join(tiers))] if tiers else []
    lines += annotation_lines(said, naming)
    document: dict[str, object] = {
        "tags": {tag.name: tag.value for tag in said.tags},
        "tiers": tiers,
        "notes": said.notes,
        "links": [{"target": x.target, "url": naming.url_of(x.target)} for x in said.links],
    }
    return lines, document


def annotation_lines(said: Annotations, naming: NamingPolicy) -> list[tuple[str, str]]:
    """``tags``, ``link`` and ``note``, each with its sentence; nothing where there is nothing."""
    lines: list[tuple[str, str]] = []
    if said.tags:
        lines.append(("tags", tag_words(said.tags)))
    for link in said.links:
        url = naming.url_of(link.target)
        beside = "" if url in {None, link.target} else f"  {url}"
        lines.append(("link", link.target + beside))
    for note in said.notes:
        first, *more = note.text.splitlines()
        by = f"({note.author}, {note.written_at:%Y-%m-%d})"
        lines.append(("note", f"{first} … {by}" if more else f"{first} {by}"))
    return lines


def tag_words(tags: Sequence[GivenTag]) -> str:
    """``keeper, team=vision``."""
    return ", ".join(f"{tag.name}={tag.value}" if tag.value else tag.name for tag in tags)
