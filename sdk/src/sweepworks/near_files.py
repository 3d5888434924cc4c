"""Files of a dataset from a storage pool that is mounted here: only such as have the right bytes."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from sweepworks import environment as env
from sweepworks.artifacts import Description

_BLOCK = 1024 * 1024


class _Unreadable(Exception):
    """The pool does not give a file to its end."""


@dataclass(frozen=True, slots=True)
class NearFiles:
    """Where files of a version may be: in the pool's folder of the version, of the dataset, or right there.

    Attributes:
        folders: To look in, one after the other.
    """

    folders: tuple[Path, ...]

    @classmethod
    def of_version(cls, version: str) -> Self | None:
        """Those that the platform has told of; None: none is mounted.

        Args:
            version: Such as ``digits@3``.
        """
        name = version.rpartition("@")[0]
        root = os.environ.get(f"{env.NEAR_PREFIX}{name.upper().replace('-', '_')}")
        if not root:
            return None
        return cls((Path(root, version), Path(root, name), Path(root)))

    def copy(
        self,
        path: PurePosixPath,
        described: Description,
        target: Path,
        *,
        beat: Callable[[], None],
    ) -> bool:
        """Whether a file was there with the right bytes, and is at `target` now.

        Args:
            path: Within the dataset, and leading nowhere else.
            beat: Called while it is read.

        Raises:
            OSError: It cannot be written.
        """
        return any(
            _copy(folder.joinpath(*path.parts), described, target, beat) for folder in self.folders
        )


def _copy(source: Path, described: Description, target: Path, beat: Callable[[], None]) -> bool:
    if not _has_size(source, described.size):  # read for nothing else
        return False
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
    temporary = Path(name)
    digest = hashlib.sha256()
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in _blocks(source):
                file.write(block)
                digest.update(block)
                beat()
        if digest.hexdigest() != described.sha256:
            return False
        temporary.replace(target)
    except _Unreadable:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _has_size(source: Path, size: int) -> bool:
    try:
        return source.is_file() and source.stat().st_size == size
    except OSError:  # as one that is not there: the store has it
        return False


def _blocks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as exc:
        raise _Unreadable(str(exc)) from exc
