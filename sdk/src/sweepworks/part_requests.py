"""Requests that bring the parts of a file: taken from the gateway's answer, sent several at once."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from sweepworks.artifacts import Changed, Refused, Unavailable, expect, no_beat, nonsense
from sweepworks.connection import Connection, Unreachable, elsewhere
from sweepworks.parts import Part, part_of

_AT_ONCE = 4
_STORE_SECONDS = 10.0  # and for what it writes before it answers:
_STORE_BYTES_PER_SECOND = 20e6
_LOOK_SECONDS = 0.5
_OTHER_BYTES = {413, 422}  # the gateway's words for a part that is not what was announced
_OTHER_BYTES_CODES = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"}  # and S3's


@dataclass(frozen=True, slots=True)
class PartRequest:
    """A part that is missing, and the request that brings it."""

    part: Part
    method: str
    url: str
    headers: dict[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether the gateway takes it itself: it signs paths of its own."""
        return self.url.startswith("/")


def part_requests(document: Any, *, size: int) -> tuple[PartRequest, ...]:
    """What the gateway says is missing of a file of `size` bytes.

    Raises:
        Unreachable: It makes no sense.
    """
    parts: Any = cast("Any", document).get("parts") if isinstance(document, dict) else None
    if not isinstance(parts, list):
        raise nonsense(200)
    return tuple(_part_request(part, size) for part in cast("list[Any]", parts))


def _part_request(document: Any, size: int) -> PartRequest:
    if isinstance(document, dict):
        named = cast("dict[str, Any]", document)
        number, method, url = named.get("number"), named.get("method"), named.get("url")
        headers: Any = named.get("headers") or {}
        if type(number) is int and isinstance(headers, dict):
            given = cast("dict[str, str]", headers)
            is_text = all(_is_text(text) for text in (method, url, *given, *given.values()))
            with contextlib.suppress(ValueError):
                part = part_of(size, number)
                if is_text and (part.offset, part.size) == (named.get("offset"), named.get("size")):
                    return PartRequest(part, str(method), str(url), given)
    raise nonsense(200)


def _is_text(value: object) -> bool:
    """Whether it may stand in the head of a request."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def send_parts(
    gateway: Connection,
    path: Path,
    requests: Sequence[PartRequest],
    *,
    beat: Callable[[], None],
    on_sent: Callable[[int], None],
) -> None:
    """Send parts of a file, up to four at once, in bounded memory.

    Args:
        gateway: Where those go that it takes itself; other connections to it are opened.
        beat: Called in this thread while bytes go out.
        on_sent: Called in any thread with the bytes of a part that has arrived.

    Raises:
        Unreachable: Not all have arrived.
        Refused: The gateway does not take one.
        Changed: The file is not what was described.
        OSError: The file cannot be read.
    """
    waiting, failures = deque(requests), list[Exception]()

    def work(beat: Callable[[], None]) -> None:
        try:
            with path.open("rb", buffering=0) as file, contextlib.closing(_Line(gateway)) as line:
                while True:
                    try:
                        request = waiting.popleft()
                    except IndexError:
                        return
                    line.send(request, file, beat)
                    on_sent(request.part.size)
        except Exception as exc:  # noqa: BLE001 - raised below, in the thread that asked
            failures.append(exc)
            if not isinstance(exc, Unreachable):
                waiting.clear()  # what is wrong with the file is wrong with all of it

    helpers: list[threading.Thread] = []
    with contextlib.suppress(RuntimeError):  # the interpreter ends: what is left goes one by one
        for _ in range(min(_AT_ONCE, len(requests)) - 1):
            helper = threading.Thread(target=work, args=(no_beat,), daemon=True)
            helper.start()
            helpers.append(helper)
    try:
        work(beat)
        for helper in helpers:
            while helper.is_alive():
                helper.join(_LOOK_SECONDS)
                beat()
    finally:
        waiting.clear()  # whoever interrupts this wants no more to be sent
    if failures:
        raise min(failures, key=lambda exc: isinstance(exc, Unreachable))  # the file's own first


class _Line:
    """A connection that is kept for the next part."""

    def __init__(self, gateway: Connection) -> None:
        self._gateway = gateway
        self._open: dict[str, Connection] = {}

    def send(self, request: PartRequest, file: IO[bytes], beat: Callable[[], None]) -> None:
        """Bring one part."""
        there, location = self._to(request)
        size = request.part.size
        there.limit(_STORE_SECONDS + size / _STORE_BYTES_PER_SECOND)
        headers = {**request.headers, "Content-Length": str(size)}
        body = _Outgoing(file, request.part, beat)
        status, _, answer = there.request(request.method, location, body, headers, authorised=False)
        if request.is_ours:
            _expect_ours(status, answer)
        else:
            _expect_others(status, answer)

    def _to(self, request: PartRequest) -> tuple[Connection, str]:
        if request.is_ours:
            if "" not in self._open:
                self._open[""] = self._gateway.twin()
            return self._open[""], request.url
        made, location = elsewhere(request.url)
        return self._open.setdefault(made.origin, made), location

    def close(self) -> None:
        """Drop what is open."""
        for connection in self._open.values():
            connection.close()


def _expect_ours(status: int, answer: dict[str, Any]) -> None:
    try:
        expect(status, answer, good=(201,))
    except Refused as exc:
        if exc.status in _OTHER_BYTES:
            raise Changed(str(exc)) from exc
        raise


def _expect_others(status: int, answer: dict[str, Any]) -> None:
    # They have other words; whether the bytes are there, the gateway will say.
    code = str(answer.get("code", ""))
    if code in _OTHER_BYTES_CODES:
        raise Changed("the store has received other bytes than were announced")
    if status >= 400:  # links expire, and buckets come back
        raise Unavailable(f"the store answers with status {status} {code}".rstrip())
    if not 200 <= status < 300:
        raise nonsense(status)


class _Outgoing:
    """As many bytes of a file as were announced; else the store waits for what never comes."""

    def __init__(self, file: IO[bytes], part: Part, beat: Callable[[], None]) -> None:
        file.seek(part.offset)
        self._file = file
        self._left = part.size
        self._beat = beat

    def read(self, size: int = -1) -> bytes:
        self._beat()
        chunk = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        if not chunk and self._left:
            raise Changed(f"{self._file.name} has become shorter while it was stored")
        return chunk
