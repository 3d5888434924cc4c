"""Files of a dataset as they are: found, hashed by several threads, and not allowed to change meanwhile."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from sweeps.datasets import FileEntry, FileState, InvalidDataset

MOST_FILES = 200_000  # a manifest is one row; more files belong into an archive
_BLOCK = 1024 * 1024
_THREADS = min(8, os.cpu_count() or 1)
#: What programs put beside data and change whenever they like.
LEFT_OUT = frozenset({".git", ".sweepworks", ".ipynb_checkpoints", "__pycache__", ".DS_Store"})

Progress = Callable[[int], None]  #: bytes that are done since the last call


@dataclass(frozen=True, slots=True)
class _State:
    """What changes when a file does."""

    size_bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> "_State":
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)

    def noted(self) -> FileState:
        """As it is kept; the size is the manifest's."""
        return FileState(mtime_ns=self.mtime_ns, inode=self.inode)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below a dataset's folder, or the one that the dataset is."""

    path: str  #: relative, with ``/``
    place: Path  #: links followed
    state: _State

    @property
    def size_bytes(self) -> int:
        """As it was found, or hashed."""
        return self.state.size_bytes


@dataclass(frozen=True, slots=True)
class HashedFiles:
    """Files with their digests, and as they were when these were made."""

    files: tuple[FoundFile, ...]  #: by path
    entries: tuple[FileEntry, ...]  #: of the same

    def states(self) -> dict[str, FileState]:
        """By path, as they were when they were hashed."""
        return {file.path: file.state.noted() for file in self.files}

    def require_unchanged(self) -> None:
        """Raise InvalidDataset when a file is not what it was when it was hashed."""
        for file in self.files:
            if _now(file) != file.state:
                raise InvalidDataset(f"{file.place} changed while it was read; register it again")


def find_files(location: Path) -> tuple[FoundFile, ...]:
    """What is below `location`, or the file that it is, by path.

    Links are followed to what they point at, as long as that is in the folder, too.

    Raises:
        InvalidDataset: There is nothing, or something that cannot be kept, with its name.
    """
    try:
        root = location.resolve(strict=True)
    except (OSError, RuntimeError) as exc:  # a loop of links
        raise InvalidDataset(f"{location} is not there") from exc
    if root.is_file():
        found = [FoundFile(_checked(root.name, root), root, _State.of(root.stat()))]
    else:
        found = sorted(_below(root, root, "", (root,)), key=lambda file: file.path)
    if not found:
        raise InvalidDataset(f"{location} has no files")
    return tuple(found)


def hash_files(found: Sequence[FoundFile], *, progress: Progress = lambda _: None) -> HashedFiles:
    """The manifest of files. One that changes while it is read is read once more.

    Raises:
        InvalidDataset: It changed again, or cannot be read.
    """
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="sweepworks-hash") as pool:
        pairs = list(pool.map(partial(_entry, progress=progress), found))
    return HashedFiles(tuple(file for file, _ in pairs), tuple(entry for _, entry in pairs))


def place_of(location: str, path: str) -> Path:
    """Where a file of a manifest is.

    Raises:
        InvalidDataset: The path leads elsewhere.
    """
    root = Path(location)
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise InvalidDataset(f"{path!r} is no path within a dataset")
    # A dataset of one file has that file as its location.
    return root if parts == (root.name,) and root.is_file() else root.joinpath(*parts)


def differing_files(found: Sequence[FoundFile], files: Sequence[FileEntry]) -> list[str]:
    """What is new, not there or not as large as it was, a sentence each, by path. Reads no file."""
    had = {file.path: file.size_bytes for file in files}
    has = {file.path: file.size_bytes for file in found}
    sentences: list[str] = []
    for path in sorted(had.keys() | has.keys()):
        if path not in has:
            sentences.append(f"{path} is not there any more")
        elif path not in had:
            sentences.append(f"{path} was not there")
        elif has[path] != had[path]:
            sentences.append(f"{path} has {has[path]} bytes and had {had[path]}")
    return sentences


def _below(root: Path, folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[FoundFile]:
    n_found = 0
    for entry in _entries(folder):
        if entry.name in LEFT_OUT:
            continue
        path, place = _checked(f"{prefix}{entry.name}", folder / entry.name), Path(entry.path)
        if entry.is_symlink():
            place = _followed(root, place)
        status = place.stat()
        if stat.S_ISDIR(status.st_mode):
            if place in above:
                raise InvalidDataset(f"{folder / entry.name} is a link to a folder that it is in")
            found = _below(root, place, f"{path}/", (*above, place))
        elif stat.S_ISREG(status.st_mode):
            found = iter([FoundFile(path, place, _State.of(status))])
        else:
            raise InvalidDataset(f"{place} is neither a file nor a folder")
        for file in found:
            n_found += 1
            if n_found > MOST_FILES:
                raise InvalidDataset(f"{root} has more than {MOST_FILES} files; pack them together")
            yield file


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        raise InvalidDataset(f"{folder} cannot be read: {exc.strerror}") from exc


def _followed(root: Path, link: Path) -> Path:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError) as exc:
        raise InvalidDataset(f"{link} is a link to nothing") from exc
    if not target.is_relative_to(root):
        raise InvalidDataset(
            f"{link} is a link out of the dataset, to {target}; put a copy in its place"
        )
    return target


def _checked(path: str, place: Path) -> str:
    if any("\ud800" <= character <= "\udfff" for character in path):  # bytes that are no UTF-8
        raise InvalidDataset(f"{str(place)!r} has a name that is no text; rename it")
    return path


def _entry(file: FoundFile, *, progress: Progress) -> tuple[FoundFile, FileEntry]:
    for _ in range(2):
        digest, state = _digest(file, progress)
        if state is not None:
            entry = FileEntry(path=file.path, size_bytes=state.size_bytes, sha256=digest)
            return replace(file, state=state), entry
    raise InvalidDataset(f"{file.place} changed while it was read; register it when it is complete")


def _digest(file: FoundFile, progress: Progress) -> tuple[str, _State | None]:
    """sha256, and the file's state if that was the same before and after."""
    digest = hashlib.sha256()
    before = _now(file)
    try:
        with file.place.open("rb") as opened:
            n_read = 0
            while block := opened.read(_BLOCK):
                n_read += len(block)
                if n_read > before.size_bytes:  # it grows, perhaps for ever
                    return "", None
                digest.update(block)
                progress(len(block))
    except OSError as exc:
        raise InvalidDataset(f"{file.place} cannot be read: {exc.strerror}") from exc
    return digest.hexdigest(), before if before == _now(file) else None


def _now(file: FoundFile) -> _State:
    try:
        return _State.of(file.place.stat())
    except OSError as exc:
        raise InvalidDataset(f"{file.place} was removed while it was read") from exc
