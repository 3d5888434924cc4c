"""Files as one archive whose bytes depend on nothing but them, so that equal ones are stored once."""

import io
import os
import stat
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_FILE_BYTES = 5_000_000
MOST_BYTES = 20_000_000
MOST_FILES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An archive, and what is not in it."""

    archive: bytes  #: tar, without compression; empty when no file is in it
    names: Sequence[str]
    left_out: Sequence[str]  #: a sentence each


def bundle(root: Path, names: Iterable[str]) -> Bundle:
    """Pack files below `root`; links as links, nothing that is neither, nothing beyond the caps.

    A file is read once: one that changes meanwhile is packed as it was read.
    """
    packed: list[str] = []
    left_out: list[str] = []
    out = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(set(names)):
            path = root / name
            if len(packed) >= MOST_FILES:
                left_out.append(f"more than {MOST_FILES} files")
                break
            try:
                status = path.lstat()
                entry = _entry(name, path, status)
                if entry is None:
                    left_out.append(f"{name}: neither a file nor a link")
                    continue
                content = path.read_bytes() if entry.isreg() and _fits(status, total) else b""
            except OSError as exc:
                left_out.append(f"{name}: {exc.strerror}")
                continue
            if entry.isreg() and not _fits(status, total):
                left_out.append(f"{name}: {status.st_size} bytes are too many")
                continue
            entry.size = len(content)
            total += len(content)
            archive.addfile(entry, io.BytesIO(content))
            packed.append(name)
    return Bundle(archive=out.getvalue() if packed else b"", names=packed, left_out=left_out)


def _entry(name: str, path: Path, status: os.stat_result) -> tarfile.TarInfo | None:
    entry = tarfile.TarInfo(name)  # owner, times and the like are the same for all
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
        return entry
    if not stat.S_ISREG(status.st_mode):
        return None
    entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    return entry


def _fits(status: os.stat_result, total: int) -> bool:
    return status.st_size <= MOST_FILE_BYTES and total + status.st_size <= MOST_BYTES
