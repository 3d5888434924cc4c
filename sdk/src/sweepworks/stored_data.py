"""Files of a dataset from the artifact store, through the cache; what is there already stays."""

import contextlib
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sweepworks.artifacts import Description, expect, no_bytes, nonsense
from sweepworks.cache import Cache
from sweepworks.connection import Connection, Unreachable
from sweepworks.downloading import download_from
from sweepworks.file_hash import file_sha256
from sweepworks.near_files import NearFiles

_SHA256 = re.compile("[0-9a-f]{64}")
_RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _File:
    path: PurePosixPath
    described: Description


def bring_dataset(
    connection: Connection,
    location: str,
    folder: Path,
    *,
    cache: Cache | None,
    beat: Callable[[], None],
    on_bytes: Callable[[int], None] = no_bytes,
    near: NearFiles | None = None,
    patience_seconds: float = 0.0,
) -> Path:
    """Bring all files of a version. What is there already as it has to be is not brought again.

    Args:
        location: Path of the gateway that lists the files, and gives each by its sha256.
        folder: Created when it is missing; of a version that is a single file, the folder around it.
        cache: None: every file is brought, and is its owner's to change.
        beat: Called while bytes come in.
        on_bytes: Called with the number of those that have come, or were there.
        near: Where to look for a file before the store is asked.
        patience_seconds: How long nothing may come before it is given up.

    Returns:
        The folder; of a version that is a single file, that file.

    Raises:
        Unreachable: The gateway, or the store, does not answer; the next call goes on from there.
        Refused: It does not give the files.
        OSError: They cannot be written.
    """
    place, after = folder, ""
    gives_up_at = time.monotonic() + patience_seconds

    def arrived(n_bytes: int) -> None:
        nonlocal gives_up_at
        gives_up_at = time.monotonic() + patience_seconds
        on_bytes(n_bytes)

    while True:
        try:
            for file, is_whole_dataset in _files(connection, location, after=after):
                target = folder.joinpath(*file.path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                _bring(connection, location, file, target, cache, beat, arrived, near)
                after = str(file.path)
                if is_whole_dataset:
                    place = target
        except Unreachable:
            if time.monotonic() >= gives_up_at:
                raise
            beat()
            time.sleep(_RETRY_SECONDS)
        else:
            return place


def _bring(
    connection: Connection,
    location: str,
    file: _File,
    target: Path,
    cache: Cache | None,
    beat: Callable[[], None],
    on_bytes: Callable[[int], None],
    near: NearFiles | None,
) -> None:
    described = file.described
    is_cached = cache is not None and cache.has(described.sha256, described.size)
    if not is_cached and _is_there(target, described, beat):
        on_bytes(described.size)
        return

    def fetch(place: Path) -> None:
        if near is not None and near.copy(file.path, described, place, beat=beat):
            on_bytes(described.size)
            return
        from_store = f"{location}/{described.sha256}"
        download_from(connection, from_store, described, place, beat=beat, on_bytes=on_bytes)

    if cache is None:
        fetch(target)
    else:
        cache.provide(target, sha256=described.sha256, size=described.size, fetch=fetch, beat=beat)


def _is_there(target: Path, described: Description, beat: Callable[[], None]) -> bool:
    """Whether an earlier call has brought it; read, since nobody else says so."""
    with contextlib.suppress(FileNotFoundError):
        if target.stat().st_size != described.size:
            return False
        return file_sha256(target, beat) == described.sha256
    return False


def _files(connection: Connection, location: str, *, after: str) -> Iterator[tuple[_File, bool]]:
    """Those behind a path, page by page, each with whether it is the whole dataset."""
    next_: str | None = after
    while next_ is not None:
        query = urllib.parse.urlencode({"after": next_})
        status, _, answer = connection.request("GET", f"{location}?{query}")
        page = expect(status, answer, "files", "is_file", "is_more")
        listed = page["files"]
        if not isinstance(listed, list):
            raise nonsense(status)
        files = [_checked(one) for one in cast("list[Any]", listed)]
        for file in files:
            yield file, page["is_file"] is True
        next_ = str(files[-1].path) if page["is_more"] is True and files else None


def _checked(document: Any) -> _File:
    """A file of a list; a path that leads out of the folder is nonsense."""
    if isinstance(document, dict):
        found = cast("dict[str, Any]", document)
        path, sha256, size = found.get("path"), found.get("sha256"), found.get("size_bytes")
        if isinstance(path, str) and isinstance(sha256, str) and type(size) is int:
            relative = PurePosixPath(path)
            is_inside = path and not relative.is_absolute() and ".." not in relative.parts
            if is_inside and "\0" not in path and _SHA256.fullmatch(sha256):
                return _File(relative, Description(path, "dataset", sha256, size))
    raise nonsense(200)
