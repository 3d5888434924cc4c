"""Files of a dataset from the artifact store, through the cache: each content comes once."""

import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sweepworks.artifacts import Description, expect, no_bytes, nonsense
from sweepworks.cache import Cache
from sweepworks.connection import Connection
from sweepworks.downloading import download_from

_SHA256 = re.compile("[0-9a-f]{64}")


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
) -> Path:
    """Bring all files of a version; what is there already is replaced.

    Args:
        location: Path of the gateway that lists the files, and gives each by its sha256.
        folder: Created when it is missing; of a version that is a single file, the folder around it.
        cache: None: every file is brought, and is its owner's to change.
        beat: Called while bytes come in.
        on_bytes: Called with the number of those that have come.

    Returns:
        The folder; of a version that is a single file, that file.

    Raises:
        Unreachable: The gateway, or the store, does not answer; try again later.
        Refused: It does not give the files.
        OSError: They cannot be written.
    """
    place = folder
    for file, is_whole_dataset in _files(connection, location):
        target = folder.joinpath(*file.path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch = partial(
            download_from,
            connection,
            f"{location}/{file.described.sha256}",
            file.described,
            beat=beat,
            on_bytes=on_bytes,
        )
        if cache is None:
            fetch(target)
        else:
            cache.provide(
                target,
                sha256=file.described.sha256,
                size=file.described.size,
                fetch=fetch,
                beat=beat,
            )
        if is_whole_dataset:
            place = target
    return place


def _files(connection: Connection, location: str) -> Iterator[tuple[_File, bool]]:
    """All of them, page by page, each with whether it is the whole dataset."""
    after: str | None = ""
    while after is not None:
        query = urllib.parse.urlencode({"after": after})
        status, _, answer = connection.request("GET", f"{location}?{query}")
        page = expect(status, answer, "files", "is_file", "is_more")
        listed = page["files"]
        if not isinstance(listed, list):
            raise nonsense(status)
        files = [_checked(one) for one in cast("list[Any]", listed)]
        for file in files:
            yield file, page["is_file"] is True
        after = str(files[-1].path) if page["is_more"] is True and files else None


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
