"""An API server on a free port of this machine, for Jobs, pods and their logs."""

import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fake_cluster.admission import exceeded, invalid
from tests.fake_cluster.applied import AppliedObjects
from tests.fake_cluster.controllers import Controllers, Loop
from tests.fake_cluster.store import Conflict, Key, Object, Store, matches

_PATH = re.compile(
    r"/(?:api/v1|apis/batch/v1|apis/kueue.x-k8s.io/v1beta1)/namespaces/(?P<namespace>[^/]+)"
    r"/(?P<plural>jobs|pods|services|events|workloads|resourcequotas)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>log|status|eviction))?"
)
_CHUNK_BYTES = 64 * 1024
_VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}


@dataclass
class Fault:
    """What goes wrong with the next requests: a status, silence, or a cut."""

    status: int = 503
    verb: str = ""  # get, list, watch, create, patch, delete; empty: all
    plural: str = ""  # such as jobs; empty: all
    times: int = 1
    message: str = "no"
    after: bool = False  # when the request has had its effect
    seconds: float = 0.0  # of delay, instead of a failure when `status` is 0


@dataclass
class FakeCluster:
    """A cluster of one node."""

    store: Store
    controllers: Controllers
    namespaces: set[str]
    url: str = ""
    forbidden: set[str] = field(default_factory=set)  # such as "create jobs"
    nodes: list[Object] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # verb and plural of each
    cut: threading.Event = field(default_factory=threading.Event)  # ends all watches
    log_bytes: int = 0  # that were told of logs, streams aside
    loop: Loop | None = None
    applied: AppliedObjects = field(init=False)

    def __post_init__(self) -> None:
        self.applied = AppliedObjects(self.store, self.namespaces, self.forbidden)

    def jobs(self, namespace: str = "trials") -> list[Object]:
        return self.store.select("jobs", namespace, {})

    def pods(self, namespace: str = "trials") -> list[Object]:
        return self.store.select("pods", namespace, {})

    def services(self, namespace: str = "trials") -> list[Object]:
        return self.store.select("services", namespace, {})

    def about(self, path: str, body: Object) -> tuple[int, Object] | None:
        """What is asked of the cluster as a whole."""
        refusal = {"kind": "Status", "code": 403, "message": f"{path} is forbidden"}
        if path == "/version/":
            return 200, {"gitVersion": "v1.33.0-fake"}
        if path == "/fake/requests":
            return 200, dict(Counter(self.requests))
        if path.count("/") == 3 and path.startswith("/apis/"):
            is_there = self.applied.has_kueue or "kueue" not in path
            return (200, {}) if is_there else (404, {"message": "404 page not found"})
        if path.endswith("/selfsubjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            allowed = f"{asked['verb']} {asked['resource']}" not in self.forbidden
            return 201, {"status": {"allowed": allowed}}
        if path.startswith("/api/v1/nodes"):
            name = path.removeprefix("/api/v1/nodes").removeprefix("/")
            verb = "get nodes" if name else "list nodes"
            self.requests.append(verb)
            if verb in self.forbidden:
                return 403, refusal
            if not name:
                return 200, {"items": self.nodes}
            found = [node for node in self.nodes if node["metadata"]["name"] == name]
            return (200, found[0]) if found else (404, {"message": f'nodes "{name}" not found'})
        return None

    def fail(self, **fault: Any) -> None:
        self.faults.append(Fault(**fault))

    def take_fault(self, verb: str, plural: str = "", *, after: bool) -> Fault | None:
        for fault in self.faults:
            is_meant = fault.verb in {"", verb} and fault.plural in {"", plural}
            if fault.times > 0 and is_meant and fault.after is after:
                fault.times -= 1
                return fault
        return None


@contextmanager
def fake_cluster(*namespaces: str) -> Generator[FakeCluster, None, None]:
    """Runs until the block ends; its pods end with it."""
    store = Store()
    cluster = FakeCluster(store, Controllers(store), set(namespaces))

    class Handler(_Handler):
        pass

    Handler.cluster = cluster
    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cluster.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    with Loop(cluster.controllers) as loop:
        cluster.loop = loop
        try:
            yield cluster
        finally:
            cluster.cut.set()
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client may go at any time
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    cluster: FakeCluster
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece, else they wait for each other
    disable_nagle_algorithm = True

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
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}") if length else {}
        if (asked := self.cluster.applied.verb_and_plural(self.command, url.path)) is not None:
            self._answer_applied(*asked, url.path, query, body)
            return
        match = _PATH.fullmatch(url.path)
        verb = _VERBS[self.command]
        if match is None and (known := self.cluster.about(url.path, body)) is not None:
            self._send(*known)
            return
        if match is None:
            self._error(404, f"the server could not find the requested resource {url.path}")
            return
        if verb == "get" and match["name"] is None:
            verb = "watch" if query.get("watch") in {"true", "True", "1"} else "list"
        what = f"{match['plural']}/{match['sub']}" if match["sub"] else match["plural"]
        self.cluster.requests.append(f"{verb} {what}")
        if self._fails(verb, match["plural"]):
            return
        if match["namespace"] not in self.cluster.namespaces and verb == "create":
            self._error(404, f'namespaces "{match["namespace"]}" not found')
            return
        getattr(self, f"_{verb}")(match, query, body)

    def _answer_applied(
        self, verb: str, plural: str, path: str, query: dict[str, str], body: Object
    ) -> None:
        is_dry = query.get("dryRun") == "All"
        verb_of_fault = "dry-run" if is_dry else verb
        self.cluster.requests.append(f"{verb_of_fault} {plural}")
        if self._fails(verb_of_fault, plural):
            return
        kind = self.headers.get("Content-Type") or ""
        code, document = self.cluster.applied.answer(verb, path, query, kind, body)
        self._effect(verb_of_fault, code, document)

    def _fails(self, verb: str, plural: str) -> bool:
        fault = self.cluster.take_fault(verb, plural, after=False)
        if fault is None:
            return False
        time.sleep(fault.seconds)
        if fault.status:
            self._error(fault.status, fault.message)
        return fault.status != 0

    def _list(self, match: re.Match[str], query: dict[str, str], _: Object) -> None:
        if match["plural"] == "events":
            named = re.search(r"involvedObject.name=([^,]+)", query["fieldSelector"])
            assert named is not None
            found = self.cluster.controllers.complaints.get(named[1], [])
            self._send(200, {"kind": "List", "metadata": {}, "items": found})
            return
        if match["plural"] == "workloads":
            uid = _labels(query)["kueue.x-k8s.io/job-uid"]
            workload = self.cluster.controllers.kueue.workloads.get(uid)
            found = [workload.document()] if workload is not None else []
            self._send(200, {"kind": "List", "metadata": {}, "items": found})
            return
        with self.cluster.store.changed:
            found = self.cluster.store.select(match["plural"], match["namespace"], _labels(query))
            version = str(self.cluster.store.version)
        self._send(200, {"kind": "List", "metadata": {"resourceVersion": version}, "items": found})

    def _get(self, match: re.Match[str], query: dict[str, str], _: Object) -> None:
        key = (match["plural"], match["namespace"], match["name"])
        found = self.cluster.store.get(key)
        if found is None:
            self._missing(match)
        elif match["sub"] == "log":
            self._log(key, query)
        else:
            self._send(200, found)

    def _log(self, key: Key, query: dict[str, str]) -> None:
        log = self.cluster.controllers.logs.get(key)
        if log is None:
            self._error(400, "container is waiting to start: ContainerCreating")
            return
        if query.get("follow") != "true":
            has_times = query.get("timestamps") == "true"
            content = log.told(since=query.get("sinceTime"), has_times=has_times)
            self.cluster.log_bytes += len(content)
            self._send_bytes(content[: int(query.get("limitBytes", len(content)))])
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        offset, is_last = 0, False
        while not is_last:
            is_last = key not in self.cluster.controllers.processes  # before the last look
            piece = log.content()[offset:]
            offset += len(piece)
            for start in range(0, len(piece), _CHUNK_BYTES):
                self._raw_chunk(piece[start : start + _CHUNK_BYTES])
            time.sleep(0.02)
        self.wfile.write(b"0\r\n\r\n")

    def _create(self, match: re.Match[str], _: dict[str, str], body: Object) -> None:
        plural, namespace = match["plural"], match["namespace"]
        if match["sub"] == "eviction":
            self._evict(match)
            return
        store = self.cluster.store
        if problem := invalid(plural, body):
            self._error(422, problem)
            return
        if plural == "jobs":
            used = len(store.select("jobs", namespace, {}))
            if refusal := exceeded(store, namespace, "count/jobs.batch", used=used):
                name = body["metadata"]["name"]
                self._error(403, f'jobs.batch "{name}" is forbidden: {refusal}')
                return
        if plural == "resourcequotas":
            body = {**body, "status": {"hard": body["spec"]["hard"], "used": {}}}
        try:
            made = store.create(plural, namespace, body)
        except Conflict:
            self._error(409, f'{plural} "{body["metadata"]["name"]}" already exists')
            return
        self._effect("create", 201, made)

    def _evict(self, match: re.Match[str]) -> None:
        key = (match["plural"], match["namespace"], match["name"])
        if self.cluster.store.get(key) is None:
            self._missing(match)
            return
        self.cluster.controllers.evict(key)
        self._effect("create", 201, {"kind": "Status", "status": "Success"})

    def _patch(self, match: re.Match[str], _: dict[str, str], body: Object) -> None:
        if self.headers.get("Content-Type") != "application/merge-patch+json":
            self._error(415, "only merge patches")
            return
        key = (match["plural"], match["namespace"], match["name"])
        patched = self.cluster.store.update(key, lambda obj: _merge(obj, body))
        if patched is None:
            self._missing(match)
        else:
            self._effect("patch", 200, patched)

    def _delete(self, match: re.Match[str], query: dict[str, str], body: Object) -> None:
        key = (match["plural"], match["namespace"], match["name"])
        if match["plural"] == "pods":
            if self.cluster.store.get(key) is None:
                self._missing(match)
                return
            self.cluster.controllers.delete_pod(key)
            self._effect("delete", 200, {"kind": "Status", "status": "Success"})
            return
        policy = query.get("propagationPolicy") or body.get("propagationPolicy")
        if policy not in {"Background", "Foreground"}:  # the default leaves the pods of a Job alone
            for pod in self.cluster.store.pods_of(key[1], key[2]):
                self.cluster.store.update(
                    ("pods", key[1], pod["metadata"]["name"]),
                    lambda pod: pod["metadata"].pop("ownerReferences", None),
                )
        if self.cluster.store.remove(key) is None:
            self._missing(match)
            return
        for service in self.cluster.store.select("services", key[1], {}):
            if any(one["name"] == key[2] for one in service["metadata"].get("ownerReferences", ())):
                self.cluster.store.remove(("services", key[1], service["metadata"]["name"]))
        self._effect("delete", 200, {"kind": "Status", "status": "Success"})

    def _watch(self, match: re.Match[str], query: dict[str, str], _: Object) -> None:
        store = self.cluster.store
        version = int(query.get("resourceVersion") or store.version)
        if version < store.oldest:
            self._error(410, "too old resource version")
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        ends_at = time.monotonic() + float(query.get("timeoutSeconds", 3600))
        labels = _labels(query)
        try:
            while time.monotonic() < ends_at and not self.cluster.cut.is_set():
                if version < store.oldest:
                    gone = {"kind": "Status", "code": 410, "message": "too old"}
                    self._chunk({"type": "ERROR", "object": gone})
                    break
                with store.changed:
                    store.changed.wait(0.05)
                    events = list(store.since(version, match["plural"], match["namespace"]))
                for at, what, obj in events:
                    version = at
                    if matches(obj, labels):
                        self._chunk({"type": what, "object": obj})
            if self.cluster.cut.is_set():
                self.close_connection = True  # in the middle, as a dying server does
                return
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _chunk(self, document: Object) -> None:
        self._raw_chunk(json.dumps(document).encode() + b"\n")

    def _raw_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _effect(self, verb: str, status: int, document: Object) -> None:
        fault = self.cluster.take_fault(verb, after=True)
        if fault is not None:
            self._error(fault.status, fault.message)
        else:
            self._send(status, document)

    def _missing(self, match: re.Match[str]) -> None:
        self._error(404, f'{match["plural"]} "{match["name"]}" not found')

    def _error(self, status: int, message: str) -> None:
        self._send(status, {"kind": "Status", "code": status, "message": message})

    def _send(self, status: int, document: Object) -> None:
        self._send_bytes(json.dumps(document).encode(), status=status, kind="application/json")

    def _send_bytes(self, body: bytes, *, status: int = 200, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _labels(query: dict[str, str]) -> dict[str, str]:
    terms = [term for term in query.get("labelSelector", "").split(",") if term]
    return dict(term.split("=", 1) for term in terms)


def _merge(obj: Object, patch: Object) -> None:
    """RFC 7396."""
    for name, value in patch.items():
        if value is None:
            obj.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(obj.get(name), dict):
                obj[name] = {}
            _merge(obj[name], value)
        else:
            obj[name] = value
