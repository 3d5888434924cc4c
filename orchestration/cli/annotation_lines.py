"""What people say about something, as lines of `show`."""

from collections.abc import Sequence

from sweeps.tags import Annotations, GivenTag


def annotation_lines(said: Annotations) -> list[tuple[str, str]]:
    """``tags``, ``link`` and ``note``, each with its sentence; nothing where there is nothing."""
    lines: list[tuple[str, str]] = []
    if said.tags:
        lines.append(("tags", tag_words(said.tags)))
    lines += [("link", link.target) for link in said.links]
    for note in said.notes:
        first, *more = note.text.splitlines()
        by = f"({note.author}, {note.written_at:%Y-%m-%d})"
        lines.append(("note", f"{first} {by}" if not more else f"{first} … {by}"))
    return lines


def tag_words(tags: Sequence[GivenTag]) -> str:
    """``keeper, team=vision``."""
    return ", ".join(f"{tag.name}={tag.value}" if tag.value else tag.name for tag in tags)
