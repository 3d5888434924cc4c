"""One keep-alive HTTP connection to the gateway."""

import contextlib
import http.client
import json
import re
import ssl
import time
import urllib.parse
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, cast

from sweepworks.answers import Answer

_TIMEOUT_SECONDS = 10.0
_LEAST_SECONDS = 0.001  # none at all would mean not to wait for anything
_CHUNK = 1024 * 1024
_CLOSED = (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_MOST_BYTES = 4 * 1024 * 1024  # of an answer that is no file
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")  # in what S3 answers when something is wrong
_BLOCK = 256 * 1024  # of a file on its way out; the default of 8 KiB halves the speed


class Unreachable(Exception):
    """No answer, or one that is no HTTP."""


class Readable(Protocol):
    """Bytes on their way out, a block at a time."""

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes, fewer at the end."""
        ...


class Connection:
    """Requests to one address. Not thread-safe."""

    def __init__(self, url: str, token: str, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no http address")
        self._url = url
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._http: http.client.HTTPConnection | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        scheme = "https" if self._secure else "http"
        return f"{scheme}://{self._host}:{self._port or ''}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Readable | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        authorised: bool = True,
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Status, headers and JSON object of the answer.

        All requests may be repeated; one is, when the server has closed the connection meanwhile.

        Raises:
            Unreachable: Nobody answers, or answers nonsense.
        """
        with self._unreachable():
            response = self._send(method, path, body, headers, authorised=authorised)
            content = _content(response)
        return response.status, _headers(response), self._document(response, content)

    def download(
        self, path: str, write: Callable[[bytes], None], *, authorised: bool = True
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """GET; the body of a good answer goes to `write` piece by piece.

        Returns:
            Status and headers, and the JSON object of an answer that is not good.

        Raises:
            Unreachable: Nobody answers, or the body ends too early.
        """
        with self._unreachable():
            response = self._send("GET", path, None, None, authorised=authorised)
            if response.status != 200:
                content = b"" if response.status < 400 else _content(response)
                return response.status, _headers(response), self._document(response, content)
            response.be_patient()
        while True:
            with self._unreachable():
                chunk = response.read(_CHUNK)
                if not chunk and response.length:
                    raise http.client.IncompleteRead(chunk, response.length)
            if not chunk:
                return response.status, _headers(response), {}
            write(chunk)  # what goes wrong here is no fault of the network's

    def limit(self, seconds: float) -> None:
        """From now on wait at most so long for each answer, the whole of it."""
        self._timeout_seconds = seconds

    def twin(self, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> "Connection":
        """Another connection to the same place, for another thread or with more patience."""
        return Connection(self._url, self._token, timeout_seconds=timeout_seconds)

    def with_token(self, token: str) -> "Connection":
        """Another connection to the same place, for who holds that token."""
        return Connection(self._url, token, timeout_seconds=self._timeout_seconds)

    @contextlib.contextmanager
    def _unreachable(self) -> Generator[None, None, None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise Unreachable(f"{type(exc).__name__}: {exc}") from exc

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | Readable | None,
        headers: Mapping[str, str] | None,
        *,
        authorised: bool,
    ) -> Answer:
        sent = dict(headers or {})
        if authorised:
            sent["Authorization"] = f"Bearer {self._token}"
        is_repeatable = body is None or isinstance(body, bytes)
        if self._http is not None and self._http.sock is not None and is_repeatable:
            try:
                return self._ask(self._http, method, path, body, sent)
            except _CLOSED:  # as servers do with a connection on which nothing came for a while
                self.close()
        if self._http is None:
            self._http = self._open()
        return self._ask(self._http, method, path, body, sent)

    def _ask(
        self,
        http_: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | Readable | None,
        headers: Mapping[str, str],
    ) -> Answer:
        ends_at = time.monotonic() + self._timeout_seconds
        http_.timeout = self._timeout_seconds
        if http_.sock is not None:
            http_.sock.settimeout(self._timeout_seconds)
        http_.request(method, self._prefix + path, body, headers)
        if body is None and http_.sock is not None:  # a body may take its time on its way out
            http_.sock.settimeout(max(ends_at - time.monotonic(), _LEAST_SECONDS))
        return cast("Answer", http_.getresponse())

    def _document(self, response: http.client.HTTPResponse, content: bytes) -> dict[str, Any]:
        try:
            document: Any = json.loads(content) if content else {}
        except (ValueError, RecursionError) as exc:
            if response.status < 400:
                self.close()
                raise Unreachable("the answer is no JSON") from exc
            code = _CODE.search(content)
            document = {"code": code[1].decode("ascii")} if code else {}
        return cast("dict[str, Any]", document if isinstance(document, dict) else {})

    def _open(self) -> http.client.HTTPConnection:
        if self._secure:
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host,
                self._port,
                timeout=self._timeout_seconds,
                blocksize=_BLOCK,
                context=ssl.create_default_context(),
            )
        else:
            made = http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout_seconds, blocksize=_BLOCK
            )
        made.response_class = Answer
        return made

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._http is not None:
            self._http.close()
            self._http = None


def elsewhere(url: str) -> tuple[Connection, str]:
    """A connection to where a whole address points, without a token, and the path there.

    Raises:
        Unreachable: That is no address.
    """
    plain = url.partition("?")[0]  # the rest is a secret
    try:
        parts = urllib.parse.urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return Connection(f"{parts.scheme}://{parts.netloc}", ""), f"{parts.path}{query}"
    except ValueError as exc:
        raise Unreachable(f"files are said to be at {plain!r}, which is no address") from exc


def _content(response: http.client.HTTPResponse) -> bytes:
    content = response.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise http.client.HTTPException("the answer is too long")
    if response.length:
        raise http.client.IncompleteRead(content, response.length)
    return content


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def post_json(
    connection: Connection, path: str, document: Mapping[str, object]
) -> tuple[int, dict[str, Any]]:
    """POST a JSON object; status and answer."""
    status, _, answer = connection.request(
        "POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    return status, answer
