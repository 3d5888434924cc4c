"""Documents: plain values, with the line and the spelling of each where a file gave them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, cast

from sweeps.errors import InvalidSweepFile, Problem

Path = tuple[str | int, ...]

# A sweep file has a hundred values. The limits only have to stop what no person wrote: files that
# keep the parser busy for a minute, and nesting beyond Python's own recursion limit.
MAX_VALUES = 10_000
MAX_DEPTH = 20
_MAX_BITS = 1024  # of a whole number: as far as floats go, and short enough to be printed


@dataclass(slots=True)
class Document:
    """What a file holds, or what was handed over without one."""

    value: object
    lines: dict[Path, int] = field(default_factory=dict[Path, int])  #: from 1, where each begins
    spellings: dict[Path, str] = field(default_factory=dict[Path, str])  #: `1.10`, which is 1.1
    problems: list[Problem] = field(default_factory=list[Problem])
    what: str = "sweep file"  #: what people call the file, for messages

    def line(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest thing around it that has one."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def note(self, path: Path, message: str, hint: str) -> None:
        """Note one thing that is wrong, and what to write instead."""
        self.problems.append(
            Problem(path=render_path(path), message=message, hint=hint, line=self.line(path))
        )


def check_storable(document: Document, *, source: str) -> None:
    """Note text that the database cannot hold.

    Raises:
        InvalidSweepFile: The document is larger or deeper than anything a person writes.
    """
    waiting: list[tuple[Path, object]] = [((), document.value)]
    count = 0
    while waiting:  # no recursion: the depth is what is being checked
        path, value = waiting.pop()
        count += 1
        if count > MAX_VALUES or len(path) > MAX_DEPTH:
            what = f"more than {MAX_VALUES} values" if count > MAX_VALUES else "nested too deep"
            refuse(source, what, f"a {document.what} is a page or two", document.line(path))
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            refuse(source, "a number is too long", "write fewer digits", document.line(path))
        if isinstance(value, str) and not _is_storable(value):
            document.note(path, f"{value[:40]!r} has a character that is no text", "remove it")
        elif isinstance(value, Mapping):
            for key, item in cast("Mapping[object, object]", value).items():
                if not _is_storable(str(key)):
                    document.note(
                        (*path, str(key)), "the key has a character that is no text", "remove it"
                    )
                waiting.append(((*path, str(key)), item))
        elif isinstance(value, (list, tuple)):
            waiting += [
                ((*path, index), item) for index, item in enumerate(cast("list[object]", value))
            ]


def refuse(source: str, message: str, hint: str, line: int | None = None) -> NoReturn:
    """Raise `InvalidSweepFile` for something that leaves nothing to read on."""
    raise InvalidSweepFile(source, [Problem(path="file", message=message, hint=hint, line=line)])


def render_path(path: Path) -> str:
    """``space.lr.choices[2]``; what cannot be printed is escaped."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if part.isprintable() else repr(part)[1:-1]
            word = word if len(word) <= 64 else f"{word[:61]}..."
            text += f".{word}" if text else word
    return text or "file"


def _is_storable(text: str) -> bool:
    # PostgreSQL refuses both, a process's arguments and environment do as well.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
