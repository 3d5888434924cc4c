"""Paths of one work tree in another one. Pure."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PYTHON = re.compile(r"python[0-9.]*")


def relocated(text: str, *, root: str, tree: Path) -> str:
    """`text` with every path at or below `root` led into `tree`: also ``--data=/root/x``.

    Args:
        root: Absolute folder; empty: nothing is changed.
    """
    if not root.startswith("/") or root == "/":
        return text
    # Not in the middle of another path, and not as the beginning of a longer name.
    found = re.compile(rf"(?<![\w./~-]){re.escape(root.rstrip('/'))}(?=$|[^\w.~-]|\.(?:\W|$))")
    return found.sub(lambda _: str(tree), text)


def relocated_command(
    words: Sequence[str], *, root: str, tree: Path, python: Path
) -> tuple[str, ...]:
    """A command in another work tree, by another interpreter where it names one by its path."""
    if not words:
        return ()
    program = str(python) if names_python(words[0]) else relocated(words[0], root=root, tree=tree)
    return (program, *(relocated(word, root=root, tree=tree) for word in words[1:]))


def names_python(program: str) -> bool:
    """Whether a program is a Python interpreter by its path, which would not be the one chosen."""
    return program.startswith("/") and _PYTHON.fullmatch(Path(program).name) is not None


def relocated_variables(
    asked: Mapping[str, str], ours: Mapping[str, str], *, root: str, tree: Path
) -> dict[str, str]:
    """Variables of a sweep file with ours, which win; search paths have ours first, then theirs."""
    moved = {name: relocated(value, root=root, tree=tree) for name, value in asked.items()}
    joined = {
        name: ":".join(filter(None, (ours.get(name), moved[name])))
        for name in ("PATH", "PYTHONPATH")
        if name in moved
    }
    return {**moved, **ours, **joined}
