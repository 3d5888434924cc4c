"""Files of a captured work tree, put back where they were, and nowhere else."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sweeps.errors import PermanentError

_MOST_BYTES = 64_000_000  # three times what is ever packed
_MOST_FILES = 20_000


class UnsafeArchive(PermanentError):
    """An archive that nothing of ours has packed: it would write outside its folder."""


def leaving_links(archive: bytes) -> list[str]:
    """Links of an archive that lead out of its folder: they are not made again.

    Raises:
        UnsafeArchive: Some name in it is none of a file below a folder.
    """
    return [f"{entry.name} -> {entry.linkname}" for entry, _ in _entries(archive) if _leaves(entry)]


def unpack(archive: bytes, folder: Path) -> None:
    """Write the files of an archive below `folder`, over those that are there.

    Links that lead out of the folder are left out.

    Raises:
        UnsafeArchive: It is broken, or would write outside the folder.
        OSError: The folder cannot be written.
    """
    root = folder.resolve()
    for entry, content in _entries(archive):
        target = root / entry.name
        # A link of the tree itself may lead anywhere: folders are made there, too.
        if not target.parent.resolve().is_relative_to(root):
            raise UnsafeArchive(f"{entry.name!r} would be written outside the work tree")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() or entry.issym():
            target.unlink(missing_ok=True)
        if entry.issym():
            if not _leaves(entry):
                target.symlink_to(entry.linkname)
            continue
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = os.open(target, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        target.chmod(0o755 if entry.mode & 0o100 else 0o644)


def _entries(archive: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for n, entry in enumerate(tar):
                path = PurePosixPath(entry.name)
                is_plain = bool(path.parts) and not path.is_absolute() and "\0" not in entry.name
                if not is_plain or {"..", ".git"} & {part.lower() for part in path.parts}:
                    raise UnsafeArchive(f"an archive has a file called {entry.name[:80]!r}")
                if not (entry.isreg() or entry.issym()):
                    raise UnsafeArchive(f"{entry.name[:80]!r} is neither a file nor a link")
                total += entry.size
                if total > _MOST_BYTES or n >= _MOST_FILES:
                    raise UnsafeArchive("an archive is larger than any that is packed")
                file = tar.extractfile(entry) if entry.isreg() else None
                yield entry, b"" if file is None else file.read()
    except tarfile.TarError as exc:
        raise UnsafeArchive(f"an archive is damaged: {exc}") from exc


def _leaves(entry: tarfile.TarInfo) -> bool:
    if not entry.issym():
        return False
    if entry.linkname.startswith("/"):
        return True
    depth = len(PurePosixPath(entry.name).parts) - 1
    for part in PurePosixPath(entry.linkname).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
