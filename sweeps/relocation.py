"""Paths of one work tree in another one. Pure."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PYTHON = re.compile(r"python[0-9.]*")
_PYTHON_WITHIN = re.compile(r"(?<![\w./~-])(?:/[^\s/\"':;,=&|()]+)+/python[0-9.]*(?=$|[\s\"';&|)])")


def relocated(text: str, *, roots: Sequence[str], tree: Path) -> str:
    """`text` with every path at or below one of `roots` led into `tree`: also ``--data=ROOT/x``.

    Args:
        roots: Absolute folders; what is none changes nothing. They may lie in each other.
    """
    # The longest first: it is the one that a path is really of.
    folders = sorted(_folders(roots), key=len)[::-1]
    if not folders:
        return text
    of = "|".join(map(re.escape, folders))
    # Not in the middle of another path, and not as the beginning of a longer name.
    found = re.compile(rf"(?<![\w./~-])(?:{of})(?=$|[^\w.~-]|\.(?:\W|$))")
    return found.sub(lambda _: str(tree), text)


def is_below(path: str, roots: Sequence[str]) -> bool:
    """Whether `path` is one of the folders, or in one of them."""
    return any(Path(path).is_relative_to(folder) for folder in _folders(roots))


def relocated_command(
    words: Sequence[str], *, roots: Sequence[str], tree: Path, python: Path
) -> tuple[str, ...]:
    """A command in another work tree, by another interpreter where it names one by its path."""
    return tuple(
        str(python) if names_python(word) else relocated(word, roots=roots, tree=tree)
        for word in words
    )


def names_python(program: str) -> bool:
    """Whether a program is a Python interpreter by its path, which would not be the one chosen."""
    return program.startswith("/") and _PYTHON.fullmatch(Path(program).name) is not None


def interpreters_within(words: Sequence[str]) -> list[str]:
    """Those inside of words, such as a command for a shell: the chosen one cannot take their place."""
    texts = [word for word in words if not names_python(word)]
    return [match[0] for text in texts for match in _PYTHON_WITHIN.finditer(text)]


def relocated_variables(
    asked: Mapping[str, str], ours: Mapping[str, str], *, roots: Sequence[str], tree: Path
) -> dict[str, str]:
    """Variables of a sweep file with ours, which win; search paths have ours first, then theirs."""
    moved = {name: relocated(value, roots=roots, tree=tree) for name, value in asked.items()}
    joined = {
        name: ":".join(filter(None, (ours.get(name), moved[name])))
        for name in ("PATH", "PYTHONPATH")
        if name in moved
    }
    return {**moved, **ours, **joined}


def _folders(roots: Sequence[str]) -> set[str]:
    return {root.rstrip("/") for root in roots if root.startswith("/")} - {""}
