"""Artifacts from the gateway, or from the store that it names: whole and right, or not at all."""

import contextlib
import hashlib
import os
import tempfile
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sweepworks.artifacts import Description, Refused, Unavailable, expect, no_bytes
from sweepworks.connection import Connection, elsewhere

_REDIRECTS = {301, 302, 303, 307, 308}


def download(
    connection: Connection,
    run: str,
    described: Description,
    target: Path,
    *,
    beat: Callable[[], None],
    on_bytes: Callable[[int], None] = no_bytes,
) -> None:
    """Bring an artifact to `target`: whole, with the right bytes, or not at all.

    Args:
        beat: Called while bytes come in.
        on_bytes: Called with the number of those that have come.

    Raises:
        Unreachable: The gateway does not answer; try again later.
        Refused: It does not give the file, or gives other bytes than were announced.
        OSError: The file cannot be written.
    """
    location = f"/api/v1/runs/{run}/artifacts/{urllib.parse.quote(described.name)}"
    download_from(connection, location, described, target, beat=beat, on_bytes=on_bytes)


def download_from(
    connection: Connection,
    location: str,
    described: Description,
    target: Path,
    *,
    beat: Callable[[], None],
    on_bytes: Callable[[int], None] = no_bytes,
) -> None:
    """The same from a path of the gateway that gives the artifact."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            incoming = _Incoming(file, beat, on_bytes)
            status, headers, answer = connection.download(location, incoming.write)
            if status in _REDIRECTS:  # another store gives whole addresses, signed
                there, path = elsewhere(headers.get("location", ""))
                with contextlib.closing(there):
                    status, _, answer = there.download(path, incoming.write, authorised=False)
                if status >= 400:  # links expire, and buckets come back
                    raise Unavailable(f"the store answers with status {status}")
            expect(status, answer)
        if (incoming.sha256, incoming.size) != (described.sha256, described.size):
            raise Refused(
                status,
                f"{incoming.size} bytes of sha256 {incoming.sha256[:12]} came, not the "
                f"{described.size} of {described.sha256[:12]} that were stored",
            )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


class _Incoming:
    """What arrives, on its way to the disk."""

    def __init__(
        self, file: IO[bytes], beat: Callable[[], None], on_bytes: Callable[[int], None]
    ) -> None:
        self._file = file
        self._beat = beat
        self._on_bytes = on_bytes
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)
        self._beat()
        self._on_bytes(len(chunk))

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
