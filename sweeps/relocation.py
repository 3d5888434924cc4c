"""Paths of one work tree in another one. Pure."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PYTHON = re.compile(r"python[0-9.]*")


def relocated(text: str, *, roots: Sequence[str], tree: Path) -> str:
    """`text` with every path at or below one of `roots` led into `tree`: also ``--data=/root/x``.

    Args:
        roots: Absolute folders; what is none changes nothing. They may lie in each other.
    """
    # The longest first: it is the one that a path is really of.
    folders = sorted({r.rstrip("/") for r in roots if r.startswith("/")} - {""}, key=len)[::-1]
    if not folders:
        return text
    of = "|".join(map(re.escape, folders))
    # Not in the middle of another path, and not as the beginning of a longer name.
    found = re.compile(rf"(?<![\w./~-])(?:{of})(?=$|[^\w.~-]|\.(?:\W|$))")
    return found.sub(lambda _: str(tree), text)


def relocated_command(
    words: Sequence[str], *, roots: Sequence[str], tree: Path, python: Path
) -> tuple[str, ...]:
    """A command in another work tree, by another interpreter where it names one by its path."""
    if not words:
        return ()
    program = str(python) if names_python(words[0]) else relocated(words[0], roots=roots, tree=tree)
    return (program, *(relocated(word, roots=roots, tree=tree) for word in words[1:]))


def names_python(program: str) -> bool:
    """Whether a program is a Python interpreter by its path, which would not be the one chosen."""
    return program.startswith("/") and _PYTHON.fullmatch(Path(program).name) is not None


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
