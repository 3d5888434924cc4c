"""Uploading files: known bytes are not sent again, large ones never fill the memory."""

import hashlib
import re
import urllib.parse
from pathlib import Path
from typing import Any

from sweepworks.connection import Connection, Unreachable, post_json

_NAME = re.compile(r"[A-Za-z0-9._ -]+(?:/[A-Za-z0-9._ -]+)*")
_CHUNK = 1024 * 1024


def check_name(name: str) -> None:
    """Raise ValueError unless `name` is a plain relative path."""
    if len(name) > 256 or not _NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise ValueError(
            f"{name!r} cannot be the name of an artifact: use letters, digits, . _ - /"
        )


def digest(path: Path) -> tuple[str, int]:
    """sha256 in hexadecimal, and size in bytes."""
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return sha.hexdigest(), size


def upload(connection: Connection, run: str, path: Path, name: str, kind: str) -> None:
    """Store a file as an artifact of the run; the same again is success.

    Raises:
        Unreachable: The gateway does not answer; try again later.
        ValueError: It refuses, for the reason given.
    """
    sha256, size = digest(path)
    described = {"name": name, "type": kind, "sha256": sha256, "size": size}
    begun = _answer(*post_json(connection, f"/api/v1/runs/{run}/artifacts", described))
    target: dict[str, Any] | None = begun.get("upload")
    if target:
        _put(connection, target, path, size)
    _answer(*post_json(connection, f"/api/v1/runs/{run}/artifacts/commit", described))


def _put(connection: Connection, target: dict[str, Any], path: Path, size: int) -> None:
    url = str(target["url"])
    if url.startswith("/"):  # our own gateway signs paths of its own
        there, location = connection, url
    else:  # another store gives whole addresses
        there, location = Connection(url, ""), f"?{urllib.parse.urlsplit(url).query}"
    headers: dict[str, str] = {**(target.get("headers") or {}), "Content-Length": str(size)}
    with path.open("rb") as file:
        status, _, answer = there.request(
            str(target["method"]), location, file, headers, authorised=False
        )
    _answer(status, answer)


def _answer(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status >= 500 or status in {408, 429}:
        raise Unreachable(str(answer.get("error", f"status {status}")))
    if status >= 400:
        raise ValueError(str(answer.get("error", f"status {status}")))
    return answer
