"""One keep-alive HTTP connection to the gateway."""

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import IO, Any, cast

_TIMEOUT_SECONDS = 10.0


class Unreachable(Exception):
    """No answer, or one that is no HTTP."""


class Connection:
    """Requests to one address. Not thread-safe."""

    def __init__(self, url: str, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no http address")
        self._url = url
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._http: http.client.HTTPConnection | None = None

    def request(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        authorised: bool = True,
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Status, headers and JSON object of the answer.

        Raises:
            Unreachable: Nobody answers, or answers nonsense.
        """
        sent = dict(headers or {})
        if authorised:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            if self._http is None:
                self._http = self._open()
            self._http.request(method, self._prefix + path, body, sent)
            response = self._http.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise Unreachable(f"{type(exc).__name__}: {exc}") from exc
        answered = {name.lower(): value for name, value in response.getheaders()}
        try:
            document: Any = json.loads(content) if content else {}
        except ValueError as exc:
            if response.status < 400:
                self.close()
                raise Unreachable("the answer is no JSON") from exc
            document = {}
        return (
            response.status,
            answered,
            cast("dict[str, Any]", document if isinstance(document, dict) else {}),
        )

    def twin(self) -> "Connection":
        """Another connection to the same place, for another thread."""
        return Connection(self._url, self._token)

    def _open(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT_SECONDS, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._http is not None:
            self._http.close()
            self._http = None


def post_json(
    connection: Connection, path: str, document: Mapping[str, object]
) -> tuple[int, dict[str, Any]]:
    """POST a JSON object; status and answer."""
    status, _, answer = connection.request(
        "POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    return status, answer
