"""Policy files on disk, beside what holds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from storage.policy_catalog import KINDS
from storage.policy_store import CurrentPolicies, DefaultPolicies
from storage.text_files import read_text
from sweeps.errors import PermanentError
from sweeps.policies import AppliedPolicy, PolicyChange, PolicyKind, check_files

T = TypeVar("T")
USUAL_FOLDERS = (Path("governance/policies"), Path("retention/policies"))  #: in the working folder
_PATTERNS = ("*.yaml", "*.yml")


class NoPolicyFiles(PermanentError):
    """Nothing to compare or to apply."""


class FilePolicies:
    """What would hold if the files of the usual folders were applied; of other kinds, what ships.

    Attributes:
        paths: The files.

    Raises:
        InvalidPolicies: Everything that is wrong with any of them.
        InvalidSweepFile: One cannot be read as text.
        NoPolicyFiles: There is none.
    """

    def __init__(self) -> None:
        self._defaults = DefaultPolicies()
        changes = compare((), store=self._defaults, kinds=KINDS)
        self.paths = tuple(change.source for change in changes)
        self._texts = {change.kind.name: (change.source, change.text) for change in changes}

    def current(self, kind: PolicyKind[T]) -> AppliedPolicy[T]:
        """Of one kind."""
        ships = self._defaults.current(kind)
        if kind.name not in self._texts:
            return ships
        source, text = self._texts[kind.name]
        return replace(ships, value=kind.parse(text, source=source), text=text)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Policy files among files and folders, in order; without any, those of the usual folders.

    Raises:
        NoPolicyFiles: There is none.
    """
    files: list[Path] = []
    for path in paths or [folder for folder in USUAL_FOLDERS if folder.is_dir()]:
        if path.is_dir():
            files += sorted(file for pattern in _PATTERNS for file in path.glob(pattern))
        else:
            files.append(path)
    if not files:
        where = ", ".join(str(path) for path in paths or USUAL_FOLDERS)
        raise NoPolicyFiles(
            f"no policy file in {where}; `sweepworks policy show KIND --text` prints one to start from"
        )
    return files


def compare(
    paths: Sequence[Path], *, store: CurrentPolicies, kinds: Mapping[str, PolicyKind[Any]]
) -> list[PolicyChange]:
    """Each file beside what holds, by kind.

    Raises:
        InvalidPolicies: Everything that is wrong with any of them.
        InvalidSweepFile: One cannot be read as text.
        NoPolicyFiles: There is none.
    """
    hint = "name a policy file, or a folder of them"
    texts = {str(path): read_text(path, hint=hint) for path in find_files(paths)}
    found = check_files(texts, kinds=kinds)
    changes = [
        PolicyChange(kind=kind, source=path, before=store.current(kind), text=texts[path])
        for path, kind in found.items()
    ]
    return sorted(changes, key=lambda change: change.kind.name)
