"""Collecting problems while a document is read, each with its path, line and a way out."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from sweeps.errors import InvalidSweepFile, Problem
from sweeps.sweep_files.documents import Document, Path, render_path

_MAX_PROBLEMS = 100  # nobody reads more, and a file may have as many as values


class Reader:
    """Where problems go. Reading continues after each, so that all are found at once."""

    def __init__(self, document: Document, *, is_applied: bool = False) -> None:
        """Read `document`.

        Args:
            is_applied: It was good when it was written: what can be left out of it is no problem.
        """
        self._document = document
        self._is_applied = is_applied
        self.left_out: list[str] = []  #: of a document that was good once: what is, and why

    def problem(self, path: Path, message: str, hint: str) -> None:
        """Note one thing that is wrong, and what to write instead."""
        self._document.note(path, message, hint)

    def leave_out(self, path: Path, message: str, hint: str) -> None:
        """Note what is wrong, and can be left out where it was not wrong when it was written."""
        if self._is_applied:
            self.left_out.append(f"{render_path(path)}: {message}")
        else:
            self.problem(path, message, hint)

    def unknown_key(self, path: Path, known: Iterable[str]) -> None:
        """Note a key that means nothing here."""
        key, names = str(path[-1]), sorted(known)
        self.problem(path, f"unknown key {shown(key)}", nearest(key, names))

    def unsupported_key(self, path: Path) -> None:
        """Note a key of a later version."""
        self.problem(path, f"{path[-1]!r} is not supported by this version yet", "remove it")

    def is_noted(self, path: Path) -> bool:
        """Whether something is wrong with this very value."""
        rendered = render_path(path)
        return any(problem.path == rendered for problem in self._document.problems)

    def is_noted_within(self, path: Path) -> bool:
        """Whether something is wrong with this value or with anything in it."""
        rendered = render_path(path)
        return any(
            problem.path == rendered or problem.path.startswith((f"{rendered}.", f"{rendered}["))
            for problem in self._document.problems
        )

    def spelled(self, path: Path, value: object) -> str | None:
        """A scalar as text, the way its author spelled it; None for anything else."""
        if isinstance(value, str):
            return value
        if not isinstance(value, (int, float)):
            return None
        plain = str(value).lower() if isinstance(value, bool) else str(value)
        return self._document.spellings.get(path, plain)

    def raise_problems(self, source: str) -> None:
        """Raise `InvalidSweepFile` when anything was noted, in the order of the file."""
        problems: list[Problem] = sorted(self._document.problems, key=lambda p: p.line or 0)
        if len(problems) > _MAX_PROBLEMS:
            more = f"{len(problems) - _MAX_PROBLEMS} more problems"
            last = Problem(path="file", message=more, hint="mend the first ones")
            problems = [*problems[:_MAX_PROBLEMS], last]
        if problems:
            raise InvalidSweepFile(source, problems)


def nearest(word: str, known: Sequence[str]) -> str:
    """What was probably meant, or all that there are: the hint beside an unknown word."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def as_mapping(value: object) -> dict[str, object] | None:
    """`value` with its keys as text, or None when it is no mapping."""
    if not isinstance(value, Mapping):
        return None
    return {str(key): item for key, item in cast("Mapping[object, object]", value).items()}


def as_list(value: object) -> list[object] | None:
    """`value` as a list, or None when it is none."""
    return list(cast("Iterable[object]", value)) if isinstance(value, (list, tuple)) else None


def shown(value: object) -> str:
    """A value as its author would recognise it, not too long."""
    text = _SHOWN.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Shown(reprlib.Repr):
    """Python's short form, with YAML's words. The method names are reprlib's convention."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 60
        self.maxlevel = 2

    def repr_NoneType(self, x: None, level: int) -> str:  # noqa: ARG002, N802 - see the class
        return "null"

    def repr_bool(self, x: bool, level: int) -> str:  # noqa: ARG002, FBT001 - see the class
        return str(x).lower()


_SHOWN = _Shown()
