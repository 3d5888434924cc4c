"""Collecting problems while a document is read, each with its path, line and a way out."""

import difflib
from collections.abc import Iterable, Mapping
from typing import cast

from sweeps.errors import Problem
from sweeps.sweep_files.yaml_documents import Document, Path, render_path


class Reader:
    """Where problems go. Reading continues after each, so that all are found at once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = list(document.problems)

    def problem(self, path: Path, message: str, hint: str) -> None:
        """Note one thing that is wrong, and what to write instead."""
        self.problems.append(
            Problem(
                path=render_path(path), message=message, hint=hint, line=self._document.line(path)
            )
        )

    def unknown_key(self, path: Path, known: Iterable[str]) -> None:
        """Note a key that means nothing here."""
        key, names = str(path[-1]), sorted(known)
        close = difflib.get_close_matches(key, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(names)}"
        self.problem(path, f"unknown key {key!r}", hint)

    def unsupported_key(self, path: Path) -> None:
        """Note a key of a later version."""
        self.problem(path, f"{path[-1]!r} is not supported by this version yet", "remove it")


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
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
