"""A gateway that can be told to misbehave."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sweepworks import parts
from sweepworks.wire import Flush, decode_flush


class FakeGateway:
    """Keeps what it is sent; `answers` are given first, then everything is accepted."""

    def __init__(self) -> None:
        self.flushes: list[Flush] = []
        self.watermarks: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}  # of those that are not whole yet
        self.lost_blobs = 0  # that are gone before their commit
        self.finishing = 0  # commits of blobs that are being put together
        self.silent_commits = 0  # that have no answer
        self.artifacts: list[dict[str, Any]] = []
        self.arrivals: list[str] = []  # what came, in its order: reports and artifacts
        self.taken: set[str] = set()  # names of artifacts that have other bytes
        self.checkpoint: dict[str, Any] | None = None
        self.content = b""  # what every artifact is, for who reads one
        self.elsewhere: str | None = None  # where artifacts are read instead
        self.lost_bytes = 0  # of an artifact, when the connection breaks
        self.gets: list[str] = []
        self.inputs: list[str] = []  # artifacts that runs say they use
        self.got_tokens: list[str | None] = []
        self.get_answers: list[int] = []
        self.put_answers: list[int] = []  # to bytes that are not kept then
        self.answers: list[int] = []
        self.foreign: list[tuple[int, bytes]] = []  # what something else answers in its place
        self.scratch_runs: list[dict[str, Any]] = []
        self.unknown: set[str] = set()  # runs that there are not
        self.unavailable: set[str] = set()  # names of artifacts that there is no room for
        self.control = "continue"
        self.decision: str | None = None
        self.refused: list[dict[str, str]] = []
        self.datasets: dict[str, tuple[str, str]] = {}  # version and place of each reference
        self.used: list[str] = []  # references that a script asked for
        self.beats: list[str] = []  # runs that beat beside their flushes
        self.commit_hang = threading.Event()
        self.hang = threading.Event()
        self.hang.set()
        self.puts = threading.Event()  # set when bytes of an artifact come
        self.take = threading.Event()  # cleared: they are not read
        self.take.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer takes 40 ms

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.hang.wait()
                self._send(*outer.answer_to(self.path, body))

            def do_PUT(self) -> None:
                outer.puts.set()
                outer.take.wait()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._send(*outer.put(self.path, body))

            def do_GET(self) -> None:
                outer.hang.wait()
                outer.gets.append(self.path)
                outer.got_tokens.append(self.headers["Authorization"])
                status = outer.get_answers.pop(0) if outer.get_answers else 200
                if status != 200:
                    self._answer(status, {"error": "because"})
                elif "/artifacts/" in self.path and outer.elsewhere:
                    self._send(307, b"moved", Location=outer.elsewhere)
                elif {"artifacts", "blobs", "inputs"} & set(self.path.split("/")):
                    self._send(200, outer.content)
                else:
                    self._answer(200, {"decision": outer.decision, "checkpoint": outer.checkpoint})

            def _answer(self, status: int, document: object) -> None:
                self._send(status, json.dumps(document).encode())

            def _send(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if outer.lost_bytes and len(body) > outer.lost_bytes:
                    body, self.close_connection = body[: -outer.lost_bytes], True
                    outer.lost_bytes = 0
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def answer_to(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.foreign:
            return self.foreign.pop(0)
        status, document = self.post(path, body)
        return status, json.dumps(document).encode()

    def put(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.put_answers:
            status = self.put_answers.pop(0)
            return status, b'{"error": "because"}' if status >= 400 else b""
        asked = urlsplit(path)
        sha256, query = asked.path.rsplit("/", maxsplit=1)[-1], parse_qs(asked.query)
        if "part" in query:
            self.parts.setdefault(sha256, {})[int(query["part"][0])] = body
        else:
            self.blobs[sha256] = body
        return 201, b"{}"

    def begin(self, sha256: str, size: int) -> object:
        """The next two parts that are missing."""
        if sha256 in self.blobs:
            return None
        count, arrived = parts.count_parts(size), self.parts.get(sha256, {})
        missing = [parts.part_of(size, n) for n in range(1, count + 1) if n not in arrived][:2]
        several = "part={}&" if count > 1 else ""
        return {
            "part_bytes": parts.part_bytes(size),
            "parts": [
                {
                    "number": part.number,
                    "offset": part.offset,
                    "size": part.size,
                    "method": "PUT",
                    "url": f"/api/v1/blobs/{sha256}?{several.format(part.number)}signature=x",
                    "headers": {},
                }
                for part in missing
            ],
        }

    def finish(self, sha256: str, size: int) -> bool:
        """Whether the bytes are there, whole."""
        if self.lost_blobs:
            self.lost_blobs -= 1
            self.blobs.pop(sha256, None)
            self.parts.pop(sha256, None)
        if len(self.parts.get(sha256, {})) == parts.count_parts(size):
            self.blobs[sha256] = b"".join(body for _, body in sorted(self.parts[sha256].items()))
        return sha256 in self.blobs

    def post(self, path: str, body: bytes) -> tuple[int, object]:
        if path == "/api/v1/ingest":
            return self.ingest(body)
        document = json.loads(body)
        if path == "/api/v1/runs":
            self.scratch_runs.append(document)
            return 201, {"run": "scratch-abc", "token": "t", "seed": 5}
        if path.endswith("/token"):
            run = path.split("/")[-2]
            if run in self.unknown:
                return 404, {"error": "there is no run"}
            return 201, {"token": "t", "watermarks": {}}
        if path.endswith("/beat"):
            self.beats.append(path.split("/")[-2])
            return 200, {"control": self.control}
        if path.endswith("/inputs"):
            self.inputs.append(f"{document['run']}/{document['name']}")
            sha256, size = hashlib.sha256(self.content).hexdigest(), len(self.content)
            found = {"name": document["name"], "type": "file", "sha256": sha256}
            return 201, {"artifact": {**found, "size_bytes": size}}
        if path.endswith("/datasets"):
            return self.use(document["dataset"])
        if document["name"] in self.taken:
            return 409, {"error": "taken"}
        if document["name"] in self.unavailable:
            return 507, {"error": "full"}
        if path.endswith("/artifacts"):
            return 200, {"upload": self.begin(document["sha256"], document["size"])}
        return self.commit(document)

    def commit(self, document: dict[str, Any]) -> tuple[int, object]:
        if self.silent_commits:
            self.silent_commits -= 1
            self.commit_hang.wait()
        if self.finishing:
            self.finishing -= 1
            return 202, {"finishing": True}
        if not self.finish(document["sha256"], document["size"]):
            return 428, {"error": "bytes are missing"}
        self.artifacts.append(document)
        self.arrivals.append(document["name"])
        return 201, {"artifact": document}

    def use(self, reference: str) -> tuple[int, object]:
        if self.answers:
            return self.answers.pop(0), {"error": "because"}
        self.used.append(reference)
        if reference not in self.datasets:
            return 404, {"error": f"there is no dataset {reference!r}"}
        version, location = self.datasets[reference]
        return 200, {"dataset": version, "location": location}

    def ingest(self, body: bytes) -> tuple[int, object]:
        flush = decode_flush(body)
        status = self.answers.pop(0) if self.answers else 200
        stored = status in {200, 599}  # 599: stored, and the answer is lost on the way
        if stored and flush.sequence > self.watermarks.get(flush.writer, 0):
            self.watermarks[flush.writer] = flush.sequence
            self.flushes.append(flush)
            self.arrivals.extend(f"report {report.level}" for report in flush.reports)
        if status == 299:
            return 200, {"nonsense": True}
        return (503 if status == 599 else status), {
            "acked": flush.sequence,
            "control": self.control,
            "error": "because",
            "refused": self.refused,
        }

    def close(self) -> None:
        self.commit_hang.set()
        self.hang.set()
        self.take.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def points(self) -> dict[str, list[tuple[int, float]]]:
        """(step, value) of every key, in the order of arrival."""
        return self._points()["series"]

    def system_points(self) -> dict[str, list[tuple[int, float]]]:
        """The same of what is measured beside the script."""
        return self._points()["system"]

    def _points(self) -> dict[str, dict[str, list[tuple[int, float]]]]:
        found: dict[str, dict[str, list[tuple[int, float]]]] = {"series": {}, "system": {}}
        for flush in self.flushes:
            steps = memoryview(flush.steps).cast("q")
            values = memoryview(flush.values).cast("d")
            at = 0
            for family, counts in (("series", flush.series), ("system", flush.system)):
                for key, count in counts.items():
                    pairs = zip(steps[at : at + count], values[at : at + count], strict=True)
                    found[family].setdefault(key, []).extend(pairs)
                    at += count
        return found
