"""Files to the gateway and back: known bytes are not sent again, large ones never fill the memory."""

import contextlib
import hashlib
import os
import re
import tempfile
import urllib.parse
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from sweepworks.connection import Connection, Unreachable, post_json

_NAME = re.compile(r"[A-Za-z0-9._ -]+(?:/[A-Za-z0-9._ -]+)*")
_CHUNK = 1024 * 1024
_COMMIT_SECONDS = 10.0
_STORE_SECONDS = 10.0  # and for what it writes before it answers:
_STORE_BYTES_PER_SECOND = 20e6
_REDIRECTS = {301, 302, 303, 307, 308}


class Refused(ValueError):
    """The gateway does not take it, or does not give it, and repeating changes nothing."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Description:
    """A file as it is announced to the gateway."""

    name: str
    type: str
    sha256: str
    size: int


def check_name(name: str) -> None:
    """Raise ValueError unless `name` is a plain relative path."""
    if len(name) > 256 or not _NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise ValueError(
            f"{name!r} cannot be the name of an artifact: use letters, digits, . _ - /"
        )


def existing_file(path: str | os.PathLike[str]) -> Path:
    """`path`, if a file is there; else an error that says what to do."""
    source = Path(path)
    if source.is_dir():
        raise IsADirectoryError(
            f"{source} is a folder and an artifact is one file: pack it first, for instance with "
            "shutil.make_archive"
        )
    if not source.is_file():
        raise FileNotFoundError(f"no file to store at {source}")
    return source


def no_beat() -> None:
    """For files that are too small for anyone to wonder."""


class Changed(Exception):
    """A file that is written while it is stored."""


class Unavailable(Unreachable):
    """The gateway answers, and cannot do it now."""


def describe(
    path: Path, name: str, kind: str, *, beat: Callable[[], None] = no_beat
) -> Description:
    """A file's name, type, sha256 and size."""
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
            beat()
    return Description(name, kind, sha.hexdigest(), size)


def upload(
    connection: Connection,
    run: str,
    path: Path,
    described: Description,
    *,
    beat: Callable[[], None],
) -> None:
    """Store a file as an artifact of the run; the same again is success.

    Args:
        connection: Its patience is for the first answer; what is known to be there gets more.
        beat: Called while bytes go out.

    Raises:
        Unreachable: The gateway does not answer; try again later.
        Refused: It does not take the file, for the reason given.
        Changed: The file is not what was described.
        OSError: The file cannot be read.
    """
    body = asdict(described)
    begun = expect(*post_json(connection, f"/api/v1/runs/{run}/artifacts", body), "upload")
    target = None if begun["upload"] is None else _target(begun["upload"])
    connection.limit(_COMMIT_SECONDS)
    if target is not None:
        _put(connection, target, path, described.size, beat)
    status, answer = post_json(connection, f"/api/v1/runs/{run}/artifacts/commit", body)
    stored = expect(status, answer, "artifact", good=(201,))["artifact"]
    if not isinstance(stored, dict) or cast("Any", stored).get("sha256") != described.sha256:
        raise _nonsense(status)


def download(
    connection: Connection,
    run: str,
    described: Description,
    target: Path,
    *,
    beat: Callable[[], None],
) -> None:
    """Bring an artifact to `target`: whole, with the right bytes, or not at all.

    Args:
        beat: Called while bytes come in.

    Raises:
        Unreachable: The gateway does not answer; try again later.
        Refused: It does not give the file, or gives other bytes than were announced.
        OSError: The file cannot be written.
    """
    location = f"/api/v1/runs/{run}/artifacts/{urllib.parse.quote(described.name)}"
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            incoming = _Incoming(file, beat)
            status, headers, answer = connection.download(location, incoming.write)
            if status in _REDIRECTS:  # another store gives whole addresses, signed
                there, path = _elsewhere(headers.get("location", ""))
                with contextlib.closing(there):
                    status, _, answer = there.download(path, incoming.write, authorised=False)
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


def expect(
    status: int, answer: dict[str, Any], *names: str, good: Collection[int] = (200,)
) -> dict[str, Any]:
    """The answer, if it is a good one.

    Args:
        names: What it must have.
        good: Statuses that it may have.

    Raises:
        Unreachable: It is none of the gateway's, such as what a proxy says in its place.
        Unavailable: It is worth another try.
        Refused: It is not.
    """
    if status >= 400 and not isinstance(answer.get("error"), str):
        raise _nonsense(status)
    _refuse(status, answer)
    if status not in good or not all(name in answer for name in names):
        raise _nonsense(status)
    return answer


def _refuse(status: int, answer: dict[str, Any]) -> None:
    if status >= 500 or status in {401, 408, 429}:
        raise Unavailable(str(answer.get("error", f"status {status}")))
    if status >= 400:
        raise Refused(status, str(answer.get("error", f"status {status}")))


def _nonsense(status: int) -> Unreachable:
    return Unreachable(f"the answer, of status {status}, is none of the gateway's")


class _Incoming:
    """What arrives, on its way to the disk."""

    def __init__(self, file: IO[bytes], beat: Callable[[], None]) -> None:
        self._file = file
        self._beat = beat
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)
        self._beat()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class _Outgoing:
    """As many bytes of a file as were announced; else the store waits for what never comes."""

    def __init__(self, file: IO[bytes], size: int, beat: Callable[[], None]) -> None:
        self._file = file
        self._left = size
        self._beat = beat

    def read(self, size: int = -1) -> bytes:
        self._beat()
        chunk = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        if not chunk and self._left:
            raise Changed(f"{self._file.name} has become shorter while it was stored")
        return chunk


@dataclass(frozen=True, slots=True)
class _Target:
    """Where bytes are to go, and how."""

    method: str
    url: str
    headers: dict[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether the gateway takes them itself: it signs paths of its own."""
        return self.url.startswith("/")


def _target(document: Any) -> _Target:
    """Raises Unreachable when it makes no sense."""
    if isinstance(document, dict):
        named = cast("dict[str, Any]", document)
        method, url = named.get("method"), named.get("url")
        headers: Any = named.get("headers") or {}
        if isinstance(headers, dict):
            given = cast("dict[str, str]", headers)
            if all(_is_text(text) for text in (method, url, *given, *given.values())):
                return _Target(str(method), str(url), given)
    raise _nonsense(200)


def _is_text(value: object) -> bool:
    """Whether it may stand in the head of a request."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _put(
    connection: Connection,
    target: _Target,
    path: Path,
    size: int,
    beat: Callable[[], None],
) -> None:
    there, location = (connection.twin(), target.url) if target.is_ours else _elsewhere(target.url)
    there.limit(_STORE_SECONDS + size / _STORE_BYTES_PER_SECOND)
    headers = {**target.headers, "Content-Length": str(size)}
    with path.open("rb") as file, contextlib.closing(there):
        status, _, answer = there.request(
            target.method, location, _Outgoing(file, size, beat), headers, authorised=False
        )
    if target.is_ours:
        expect(status, answer, good=(201,))
    else:  # other stores have other words; whether the bytes are there, the gateway will say
        _refuse(status, answer)
        if not 200 <= status < 300:
            raise _nonsense(status)


def _elsewhere(url: str) -> tuple[Connection, str]:
    try:
        return Connection(url, ""), f"?{urllib.parse.urlsplit(url).query}"
    except ValueError as exc:
        raise Unreachable(f"files are said to be at {url!r}: {exc}") from exc
