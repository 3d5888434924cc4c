"""Is what lies there what was registered? Said at once, of data of any size."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storage.datasets.manifests import (
    FoundFile,
    Progress,
    differing_files,
    find_files,
    hash_files,
)
from sweeps.datasets import DatasetVersion, FileState, InvalidDataset

#: What is read while somebody waits: less than a second from memory, some from a slow disk.
CHEAP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What is where a version was found last."""

    differences: tuple[str, ...] = ()  #: a sentence for each file that is other, gone or new
    unread: tuple[str, ...] = ()  #: files that look as they did when they were hashed
    rewritten: tuple[str, ...] = ()  #: of these, those written since, or nobody knows when
    reread: tuple[str, ...] = ()  #: large files that were written since and are what they were
    states: Mapping[str, FileState] = field(default_factory=dict[str, FileState])

    @property
    def differs(self) -> bool:
        """Whether it is anything else than was registered."""
        return bool(self.differences)

    @property
    def is_equal_by_hash(self) -> bool:
        """Whether every file was read and is what it was."""
        return not self.differences and not self.unread

    @property
    def is_equal_by_look(self) -> bool:
        """Whether there is no difference, and not every file was read."""
        return not self.differences and bool(self.unread)


def presence(
    version: DatasetVersion,
    *,
    cheap_bytes: int | None = None,
    reads_rewritten: bool = True,
    progress: Progress = lambda _: None,
) -> Presence:
    """Compare the files that are there with the manifest.

    Paths and sizes of all files are compared. The smallest files are hashed, `cheap_bytes` in all.
    A larger one is hashed when it was written since its state was noted, and is else taken for what
    it was. Where no states were noted, larger files are not read: their size is all that is known.

    Args:
        cheap_bytes: None: `CHEAP_BYTES`.
        reads_rewritten: False: files beyond `cheap_bytes` are not read, whenever they were written.
    """
    location = Path(version.row.location)
    try:
        found = find_files(location)
        differences = differing_files(found, version.files)
        if differences:
            return Presence(differences=tuple(differences))
        cheap = _cheapest(found, CHEAP_BYTES if cheap_bytes is None else cheap_bytes)
        rest = [file for file in found if file.path not in cheap]
        rewritten = [file for file in rest if version.states.get(file.path) != file.state.noted()]
        read = [file for file in found if file.path in cheap]
        if reads_rewritten and version.states:
            read += rewritten
        hashed = hash_files(read, progress=progress)
    except InvalidDataset as exc:
        return Presence(differences=(str(exc),))
    was = {file.path: file.sha256 for file in version.files}
    other = sorted(entry.path for entry in hashed.entries if entry.sha256 != was[entry.path])
    paths_read = {file.path for file in read}
    return Presence(
        reread=tuple(file.path for file in rewritten if file.path in paths_read),
        differences=tuple(f"{path} is not what was registered" for path in other),
        unread=tuple(file.path for file in found if file.path not in paths_read),
        rewritten=tuple(file.path for file in rewritten if file.path not in paths_read),
        states={
            **{file.path: file.state.noted() for file in found},
            **hashed.states(),
        },
    )


def _cheapest(found: tuple[FoundFile, ...], most_bytes: int) -> set[str]:
    paths: set[str] = set()
    n_bytes = 0
    for file in sorted(found, key=lambda file: file.size_bytes):
        n_bytes += file.size_bytes
        if n_bytes > most_bytes:
            break
        paths.add(file.path)
    return paths
