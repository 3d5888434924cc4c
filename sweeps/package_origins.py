"""Packages that came from no index: a folder, a commit, a file, by what PEP 610 has of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from sweeps import recorded


class OriginKind(StrEnum):
    """What a package was installed from."""

    EDITABLE = "editable"  #: imported from the folder of its authors, as that is now
    FOLDER = "folder"  #: copied from one, as that was then
    COMMIT = "commit"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one package came from; equal for the same content, as far as `is_exact`."""

    kind: OriginKind
    url: str
    mark: str = ""  #: a commit, or a hash

    @property
    def is_exact(self) -> bool:
        """Whether the same origin is the same code."""
        return bool(self.mark)

    @property
    def folder(self) -> PurePosixPath | None:
        """Of a package that is imported from there."""
        url = urlsplit(self.url)
        is_here = self.kind is OriginKind.EDITABLE and url.scheme == "file"
        return PurePosixPath(unquote(url.path)) if is_here else None

    def within(self, roots: tuple[str, ...]) -> str | None:
        """Where it is imported from within a work tree; None when it is in none of them."""
        folder = self.folder
        if folder is None or ".." in folder.parts:
            return None
        inside = [root for root in roots if root not in {"", "/"} and folder.is_relative_to(root)]
        return str(folder.relative_to(max(inside, key=len))) if inside else None

    def __str__(self) -> str:
        return f"{self.url}@{self.mark[:12]}" if self.mark else self.url


def origins(documents: Mapping[str, Any]) -> dict[str, Origin]:
    """Of each package that has one. What is no such document is left out."""
    found = {name: _origin(recorded.part(documents, name)) for name in documents}
    return {name: origin for name, origin in found.items() if origin is not None}


def _origin(direct: Mapping[str, Any]) -> Origin | None:
    url = recorded.text(direct, "url")
    if url is None:
        return None
    if "vcs_info" in direct:
        commit = recorded.text(recorded.part(direct, "vcs_info"), "commit_id") or ""
        return Origin(kind=OriginKind.COMMIT, url=url, mark=commit)
    if "archive_info" in direct:
        archive = recorded.part(direct, "archive_info")
        # The older of both forms is ``sha256=...``.
        old = (recorded.text(archive, "hash") or "").removeprefix("sha256=")
        mark = recorded.texts(archive, "hashes").get("sha256", old)
        return Origin(kind=OriginKind.ARCHIVE, url=url, mark=mark)
    is_editable = recorded.part(direct, "dir_info").get("editable") is True
    return Origin(kind=OriginKind.EDITABLE if is_editable else OriginKind.FOLDER, url=url)
