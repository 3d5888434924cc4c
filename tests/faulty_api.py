"""Stands before any Kubernetes API server, and makes the trouble that one seldom makes when asked.

It has the credentials; who comes from this machine with the token needs none. Watches are passed on
as they come.
"""

import contextlib
import json
import re
import secrets
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

_PATH = re.compile(
    r"(?:/namespaces/[^/]+|/api/v1(?=/nodes))/(?P<plural>[a-z]+)(?P<name>/[^/]+)?(?P<sub>/[a-z]+)?"
)
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}
_TIMEOUT = urllib3.Timeout(connect=10, read=90)
_DROPPED = {"host", "connection", "authorization", "content-length", "accept-encoding"}
_HALF_A_LINE = b'{"type":"MODIFIED","object":{"metadata":{"name":"ha'


@dataclass
class Fault:
    """What goes wrong with the next requests."""

    status: int = 503  # 0: nothing but the delay
    verb: str = ""  # get, list, watch, create, patch, delete; empty: all
    plural: str = ""  # such as jobs; empty: all
    times: int = 1
    message: str = "no"
    after: bool = False  # when the request has had its effect
    delay: float = 0.0  # seconds
    retry_after: int | None = None  # seconds


@dataclass
class FaultyApi:
    """A server on a free port of this machine.

    Args:
        client: An `ApiClient` of the server behind; see `compute.kubernetes.connection.connect`.
    """

    client: Any
    url: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    requests: list[tuple[float, str]] = field(default_factory=list)  # when, and verb and plural
    created: Counter[str] = field(default_factory=Counter)  # Jobs that the server has made
    faults: list[Fault] = field(default_factory=list)
    is_down: bool = False
    connections: set[socket.socket] = field(default_factory=set)
    watches: set["_Watch"] = field(default_factory=set)

    def fail(self, **fault: Any) -> None:
        """Let requests fail; the first fault that fits is taken."""
        self.faults.append(Fault(**fault))

    @contextlib.contextmanager
    def down(self) -> Generator[None, None, None]:
        """Nobody is there: what is open is cut, what is new is refused."""
        self.is_down = True
        for connection in list(self.connections):
            _shut(connection)
        try:
            yield
        finally:
            self.is_down = False

    def cut_watches(self) -> int:
        """In the middle of a line; how many there were."""
        return self._end_watches(_HALF_A_LINE, is_whole=False)

    def expire_watches(self) -> int:
        """The version that they have come to is too old, all at once; how many there were."""
        status = {"kind": "Status", "code": 410, "message": "too old resource version: 1 (2)"}
        line = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
        return self._end_watches(line, is_whole=True)

    def _end_watches(self, last: bytes, *, is_whole: bool) -> int:
        return sum(watch.end(last, is_whole=is_whole) for watch in list(self.watches))

    def take(self, verb: str, plural: str, *, after: bool) -> Fault | None:
        """The fault that a request meets, if any."""
        for fault in self.faults:
            is_meant = fault.verb in {"", verb} and fault.plural in {"", plural}
            if is_meant and fault.times > 0 and fault.after is after:
                fault.times -= 1
                return fault
        return None


@contextlib.contextmanager
def faulty_api(client: Any) -> Generator[FaultyApi, None, None]:
    """Runs until the block ends."""
    api = FaultyApi(client)

    class Handler(_Handler):
        pass

    Handler.api = api
    server = _Server(("127.0.0.1", 0), Handler)
    server.api = api
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        with api.down():
            thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    api: FaultyApi

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self.api.is_down

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # either side may go at any time
            super().handle_error(request, client_address)


class _Watch:
    """An answer that is passed on line by line, and may be given another end."""

    def __init__(self, handler: "_Handler") -> None:
        self._handler = handler
        self._lock = threading.Lock()
        self._is_over = False

    def pass_on(self, block: bytes) -> bool:
        """Whether it goes on."""
        with self._lock:
            if not self._is_over:
                self._write(block)
            return not self._is_over

    def end(self, last: bytes, *, is_whole: bool) -> bool:
        """Whether it had not ended yet."""
        with self._lock:
            if self._is_over:
                return False
            self._is_over = True
            with contextlib.suppress(OSError):
                if last:
                    self._write(last)
                if is_whole:
                    self._handler.wfile.write(b"0\r\n\r\n")
                    self._handler.wfile.flush()
            _shut(self._handler.connection)
            return True

    def _write(self, block: bytes) -> None:
        self._handler.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        self._handler.wfile.flush()


class _Handler(BaseHTTPRequestHandler):
    api: FaultyApi
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.api.connections.add(self.connection)

    def finish(self) -> None:
        self.api.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {self.api.token}":
            self._error(Fault(status=401, message="Unauthorized"))
            return
        verb, plural = self._asked()
        self.api.requests.append((time.monotonic(), f"{verb} {plural}"))
        before = self.api.take(verb, plural, after=False)
        if before is not None:
            time.sleep(before.delay)
            if before.status:
                self._error(before)
                return
        try:
            answer = self._forward(body)
        except urllib3.exceptions.HTTPError as exc:
            self._error(Fault(status=502, message=f"behind the proxy: {exc}"))
            return
        try:
            is_followed = verb == "watch" or "follow=" in self.path
            if is_followed and answer.status == 200:
                self._pass_on(answer)
                return
            data = answer.data
        finally:
            answer.release_conn()
        if verb == "create" and plural == "jobs" and answer.status == 201:
            self.api.created[json.loads(data)["metadata"]["name"]] += 1
        after = self.api.take(verb, plural, after=True)
        if after is not None:
            self._error(after)
            return
        self._send(answer.status, data, {"Content-Type": answer.headers.get("Content-Type", "")})

    def _asked(self) -> tuple[str, str]:
        url = urlsplit(self.path)
        match = _PATH.search(url.path)
        plural = "" if match is None else match["plural"] + (match["sub"] or "")
        if self.command != "GET":
            return _VERBS[self.command], plural
        if match is None or match["name"]:
            return "get", plural
        is_watch = parse_qs(url.query).get("watch", [""])[-1] in {"true", "True", "1"}
        return ("watch" if is_watch else "list"), plural

    def _forward(self, body: bytes) -> Any:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _DROPPED}
        self.api.client.update_params_for_auth(headers, [], ["BearerToken"])
        return self.api.client.rest_client.pool_manager.request(
            self.command,
            self.api.client.configuration.host + self.path,
            body=body or None,
            headers=headers,
            preload_content=False,
            timeout=_TIMEOUT,
            retries=False,
        )

    def _pass_on(self, answer: Any) -> None:
        self.send_response(200)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        watch = _Watch(self)
        self.api.watches.add(watch)
        self.close_connection = True
        try:
            for block in answer.stream(amt=None, decode_content=True):
                if not watch.pass_on(block):
                    break
            watch.end(b"", is_whole=True)
        except (OSError, urllib3.exceptions.HTTPError):
            watch.end(b"", is_whole=False)  # whoever listened, or told, is gone
        finally:
            self.api.watches.discard(watch)
            answer.close()

    def _error(self, fault: Fault) -> None:
        document = {"kind": "Status", "code": fault.status, "message": fault.message}
        headers = {"Content-Type": "application/json"}
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        self._send(fault.status, json.dumps(document).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
