"""What a sweep file says about its sweep: tags and links."""

from dataclasses import dataclass
from typing import Any

from sweeps.errors import PermanentError
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, shown
from sweeps.tags import (
    LONGEST_NAME,
    LONGEST_TARGET,
    LONGEST_VALUE,
    SubjectKind,
    Tag,
    check_link,
    check_tag,
    parse_tag,
)


@dataclass(frozen=True, slots=True)
class SweepTag:
    """A tag of the sweep: a name, or ``name=value``."""

    def read(self, reader: Reader, path: Path, value: object) -> Tag | None:
        """The tag."""
        text = None if isinstance(value, bool) else reader.spelled(path, value)
        if text is None:
            reader.problem(path, f"{shown(value)} is no tag", "write for example team=vision")
            return None
        try:
            tag = parse_tag(text)
            check_tag(tag, SubjectKind.SWEEP)
        except PermanentError as exc:
            reader.problem(path, str(exc), "write for example ablation_study or team=vision")
            return None
        return tag

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": ["string", "number"],
            "maxLength": LONGEST_NAME + LONGEST_VALUE + 1,
            "examples": ["team=vision"],
        }


@dataclass(frozen=True, slots=True)
class SweepLink:
    """A task id, or an address of the web."""

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        """The link."""
        hint = "write for example VIS-123 or https://tracker.example.org/VIS-123"
        if not isinstance(value, str):
            reader.problem(path, f"{shown(value)} is no link", hint)
            return None
        try:
            return check_link(value)
        except PermanentError:
            reader.problem(path, f"{shown(value)} is no task id and no address of the web", hint)
            return None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "string", "maxLength": LONGEST_TARGET, "examples": ["VIS-123"]}
