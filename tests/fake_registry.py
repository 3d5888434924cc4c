"""A registry of container images on a free port of this machine, as far as tags are looked up."""

import base64
import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class FakeRegistry:
    """Manifests by repository and tag."""

    host: str = ""
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    user: str = ""  # empty: everybody may read
    password: str = ""
    challenge: str = "bearer"  # or basic
    realm: str = ""  # empty: its own
    tells_digest: bool = True
    status: int = 0  # of all answers, instead
    requests: list[str] = field(default_factory=list)

    def push(self, repository: str, tag: str, content: str) -> str:
        """Let the tag mean something else; gives its digest."""
        manifest = json.dumps({"mediaType": INDEX, "manifests": [], "content": content}).encode()
        self.manifests[repository, tag] = manifest
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


@contextmanager
def fake_registry() -> Generator[FakeRegistry, None, None]:
    """Runs until the block ends."""
    registry = FakeRegistry()

    class Handler(_Handler):
        pass

    Handler.registry = registry
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    registry: FakeRegistry

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        registry, url = self.registry, urlsplit(self.path)
        registry.requests.append(f"{self.command} {url.path}")
        if registry.status:
            self._send(registry.status, b"")
        elif url.path == "/token":
            self._token(parse_qs(url.query))
        else:
            self._manifest(url.path)

    def _token(self, query: dict[str, list[str]]) -> None:
        registry = self.registry
        pair = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {pair}":
            self._send(401, b"{}")
            return
        self._send(200, json.dumps({"token": f"for {query['scope'][0]}"}).encode())

    def _manifest(self, path: str) -> None:
        registry = self.registry
        repository, _, tag = path.removeprefix("/v2/").partition("/manifests/")
        if registry.user and not self._is_authorised(repository):
            self._send(401, b"{}", {"WWW-Authenticate": self._challenge(repository)})
            return
        manifest = registry.manifests.get((repository, tag))
        if manifest is None or INDEX not in self.headers.get("Accept", ""):
            self._send(404, b"{}")
            return
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        told = {"Docker-Content-Digest": digest} if registry.tells_digest else {}
        self._send(200, manifest, {"Content-Type": INDEX, **told})

    def _is_authorised(self, repository: str) -> bool:
        registry = self.registry
        pair = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        good = {
            "bearer": f"Bearer for repository:{repository}:pull",
            "basic": f"Basic {pair}",
        }
        return self.headers.get("Authorization") == good[registry.challenge]

    def _challenge(self, repository: str) -> str:
        if self.registry.challenge == "basic":
            return 'Basic realm="here"'
        realm = self.registry.realm or f"http://{self.registry.host}/token"
        return f'Bearer realm="{realm}",service="here",scope="repository:{repository}:pull"'

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
