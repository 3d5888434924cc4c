"""Artifacts of other runs that a run learns from: brought through the cache, and on its record."""

import contextlib
import time
import urllib.parse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from sweepworks.artifacts import Description, check_name, expect, nonsense
from sweepworks.cache import Cache
from sweepworks.connection import Connection, Unreachable, post_json
from sweepworks.downloading import download_from

FOLDER = ".sweepworks-inputs"
_PATIENCE_SECONDS = 60.0  # without its input a script cannot begin; a gateway restarts in less
_RETRY_SECONDS = 0.5


def use_artifact(
    connection: Connection, run: str, name: str, *, cache: Cache, beat: Callable[[], None]
) -> Path:
    """Bring an artifact and note that the run uses it.

    Args:
        name: ``RUN/NAME``.

    Returns:
        The file, below `.sweepworks-inputs` in the working directory.

    Raises:
        ValueError: There is none of that name; `Refused` says why.
        ConnectionError: The gateway, or the store, does not answer.
        OSError: There is no place for the file.
    """
    owner, _, artifact = name.partition("/")
    check_name(artifact)
    check_name(owner)
    target = Path.cwd() / FOLDER / owner / artifact
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    location = f"/api/v1/runs/{run}/inputs"
    gives_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with contextlib.closing(connection.twin()) as twin:
                status, answer = post_json(twin, location, {"run": owner, "name": artifact})
                found = _described(expect(status, answer, "artifact", good=(201,))["artifact"])
                path = f"{location}/{owner}/{urllib.parse.quote(artifact)}"
                cache.provide(
                    target,
                    sha256=found.sha256,
                    size=found.size,
                    fetch=partial(download_from, twin, path, found, beat=beat),
                    beat=beat,
                )
                return target
        except Unreachable as exc:
            if time.monotonic() > gives_up_at:
                raise ConnectionError(f"the artifact {name!r} cannot be had: {exc}") from exc
            beat()
            time.sleep(_RETRY_SECONDS)


def _described(document: Any) -> Description:
    if isinstance(document, dict):
        found = cast("dict[str, Any]", document)
        name, kind, sha256 = found.get("name"), found.get("type"), found.get("sha256")
        size = found.get("size_bytes")
        if all(isinstance(text, str) for text in (name, kind, sha256)) and type(size) is int:
            return Description(str(name), str(kind), str(sha256), size)
    raise nonsense(201)
