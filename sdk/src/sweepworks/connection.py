"""One keep-alive HTTP connection to the gateway."""

import contextlib
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, cast

_TIMEOUT_SECONDS = 10.0
_CHUNK = 1024 * 1024
_CLOSED = (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError)
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
            content = response.read()
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
                content = b"" if response.status < 400 else response.read()
                return response.status, _headers(response), self._document(response, content)
        while True:
            with self._unreachable():
                chunk = response.read(_CHUNK)
                if not chunk and response.length:
                    raise http.client.IncompleteRead(chunk, response.length)
            if not chunk:
                return response.status, _headers(response), {}
            write(chunk)  # what goes wrong here is no fault of the network's

    def limit(self, seconds: float) -> None:
        """From now on wait at most so long for each answer."""
        self._timeout_seconds = seconds
        if self._http is not None and self._http.sock is not None:
            self._http.sock.settimeout(seconds)

    def twin(self, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> "Connection":
        """Another connection to the same place, for another thread or with more patience."""
        return Connection(self._url, self._token, timeout_seconds=timeout_seconds)

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
    ) -> http.client.HTTPResponse:
        sent = dict(headers or {})
        if authorised:
            sent["Authorization"] = f"Bearer {self._token}"
        is_repeatable = body is None or isinstance(body, bytes)
        if self._http is not None and self._http.sock is not None and is_repeatable:
            try:
                self._http.request(method, self._prefix + path, body, sent)
                return self._http.getresponse()
            except _CLOSED:  # as servers do with a connection on which nothing came for a while
                self.close()
        if self._http is None:
            self._http = self._open()
        self._http.request(method, self._prefix + path, body, sent)
        return self._http.getresponse()

    def _document(self, response: http.client.HTTPResponse, content: bytes) -> dict[str, Any]:
        try:
            document: Any = json.loads(content) if content else {}
        except ValueError as exc:
            if response.status < 400:
                self.close()
                raise Unreachable("the answer is no JSON") from exc
            document = {}
        return cast("dict[str, Any]", document if isinstance(document, dict) else {})

    def _open(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host,
                self._port,
                timeout=self._timeout_seconds,
                blocksize=_BLOCK,
                context=context,
            )
        return http.client.HTTPConnection(
            self._host, self._port, timeout=self._timeout_seconds, blocksize=_BLOCK
        )

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._http is not None:
            self._http.close()
            self._http = None


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
