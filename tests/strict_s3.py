"""moto's S3 as a process, with what moto leaves out: `python -m tests.strict_s3`.

Signatures and expiry of signed requests, and sums in headers, are checked as S3 checks them. What
goes wrong can be ordered: POST to `/-/faults`. The port is printed on the first line. With
`--plain` it is moto alone; with `--upstream URL` a real server stands behind it, which checks by
itself.
"""

import base64
import datetime as dt
import hashlib
import hmac
import http.client
import io
import json
import os
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, quote

os.environ.setdefault("S3_UPLOAD_PART_MIN_SIZE", "256")
os.environ.setdefault("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", "16777216")

SECRET = "a-secret"  # of every key
_SUM = re.compile(rb"<ChecksumCRC32>[^<]*</ChecksumCRC32>")
_UPLOAD = re.compile(rb"<UploadId>([^<]*)</UploadId>")
Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Upstream:
    """WSGI that hands requests on as they are, the signed header `Host` included."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
        }
        headers.pop("EXPECT", None)  # it was answered by who reads the body here
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request(
            environ["REQUEST_METHOD"],
            environ["REQUEST_URI"],  # as it was signed, nothing decoded
            environ["wsgi.input"].read(length) or None,
            {name: value for name, value in headers.items() if value},
        )
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        kept = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in {"transfer-encoding", "connection"}
        ]
        start_response(f"{answer.status} {answer.reason}", kept)
        return [body]


class StrictS3:
    """WSGI in front of moto, or of a server that checks by itself."""

    def __init__(
        self, app: Callable[[Environ, StartResponse], Iterable[bytes]], *, checks: bool = True
    ) -> None:
        self._app = app
        self._checks = checks
        self._faults: list[dict[str, Any]] = []
        self._sumless: set[str] = set()  # uploads that were begun without sums: copies in parts
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/-/faults":
            length = int(environ.get("CONTENT_LENGTH") or 0)
            self._faults = json.loads(environ["wsgi.input"].read(length))
            return _answer(start_response, "200 OK", b"{}")
        fault = self._fault(environ)
        if fault is not None and fault["when"] == "before":
            return _error(start_response, fault["status"], fault["code"])
        if self._checks and (wrong := _look(environ, self._sumless)):
            return _error(start_response, *wrong)
        if fault is None:
            return self._noted(environ, self._app(environ, start_response))
        if fault["when"] == "never":
            return _without_sums(self._app(environ, lambda *_: None), start_response)
        for _ in self._app(environ, lambda *_: None):  # it is done, and the answer is lost
            pass
        return _error(start_response, fault["status"], fault["code"])

    def _noted(self, environ: Environ, answer: Iterable[bytes]) -> Iterable[bytes]:
        """The answer; of an upload that begins, what will be asked of its end is noted."""
        begins = environ["REQUEST_METHOD"] == "POST" and "uploads" in environ["QUERY_STRING"]
        if not begins or "HTTP_X_AMZ_CHECKSUM_ALGORITHM" in environ:
            return answer
        body = b"".join(answer)
        self._sumless |= {name.decode() for name in _UPLOAD.findall(body)}
        return [body]

    def _fault(self, environ: Environ) -> dict[str, Any] | None:
        seen = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        with self._lock:
            for fault in self._faults:
                if fault["times"] > 0 and all(word in seen for word in fault["words"]):
                    fault["times"] -= 1
                    return fault
        return None


def _answer(start_response: StartResponse, status: str, body: bytes) -> list[bytes]:
    start_response(status, [("Content-Length", str(len(body))), ("Content-Type", "text/xml")])
    return [body]


def _without_sums(body: Iterable[bytes], start_response: StartResponse) -> list[bytes]:
    """As servers list parts that compare sums and do not tell them."""
    return _answer(start_response, "200 OK", _SUM.sub(b"", b"".join(body)))


def _error(start_response: StartResponse, status: int, code: str) -> list[bytes]:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return _answer(start_response, f"{status} No", text.encode())


def _look(environ: Environ, sumless: set[str]) -> tuple[int, str] | None:
    """What moto would let pass: a status, and its word."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if "X-Amz-Signature" in query and (code := _wrong_signature(environ, query)):
        return 403, code
    if environ["REQUEST_METHOD"] == "PUT":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        if len(body) < length:
            return 400, "IncompleteBody"
        if not _is_right(environ, body):
            return 400, "BadDigest"
        environ["wsgi.input"] = io.BytesIO(body)
    if environ["REQUEST_METHOD"] == "POST" and query.get("uploadId", "") not in {"", *sumless}:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if len(_SUM.findall(body)) < body.count(b"<Part>"):
            return 400, "InvalidRequest"  # it was begun with sums
        environ["wsgi.input"] = io.BytesIO(body)
    return None


def _is_right(environ: Environ, body: bytes) -> bool:
    sums = {
        "HTTP_X_AMZ_CHECKSUM_SHA256": lambda: hashlib.sha256(body).digest(),
        "HTTP_X_AMZ_CHECKSUM_CRC32": lambda: zlib.crc32(body).to_bytes(4, "big"),
    }
    return all(
        base64.b64decode(environ[name]) == made() for name, made in sums.items() if name in environ
    )


def _wrong_signature(environ: Environ, query: dict[str, str]) -> str | None:
    """The word for what is wrong with a signed request; see "Authenticating Requests" of S3."""
    began_at = dt.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    if time.time() > began_at.timestamp() + int(query["X-Amz-Expires"]):
        return "AccessDenied"
    names = query["X-Amz-SignedHeaders"].split(";")
    headers = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}", "") for name in names}
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            quote(environ["PATH_INFO"], safe="/-_.~"),
            "&".join(
                f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
                for name, value in sorted(query.items())
                if name != "X-Amz-Signature"
            ),
            *(f"{name}:{value.strip()}" for name, value in headers.items()),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
    )
    scope = query["X-Amz-Credential"].partition("/")[2]
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            query["X-Amz-Date"],
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(made, query["X-Amz-Signature"]) else "SignatureDoesNotMatch"


def main() -> None:
    """Serve until the input ends."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args: Any, **kwargs: Any) -> None:
            pass

    if "--upstream" in sys.argv:
        upstream = Upstream(sys.argv[sys.argv.index("--upstream") + 1])
        checked: Any = StrictS3(upstream, checks=False)
    else:
        app = DomainDispatcherApplication(create_backend_app)
        checked = app if "--plain" in sys.argv else StrictS3(app)
    server = make_server("127.0.0.1", 0, checked, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # whoever started this may die without a word


if __name__ == "__main__":
    main()
