"""The calls that are made of the API server, each with a time limit, its answers as plain JSON.

The package's models are left out: making one of every pod of a list takes longer than the request.
"""

import contextlib
import http.client
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from compute.kubernetes.objects import KubeObject, items, version_of
from sweeps.errors import LauncherUnavailable, LaunchRejected, NoCapacity

TIMEOUT_SECONDS = (3, 10)  #: to connect, and between two bytes
_WATCH_MARGIN_SECONDS = 15  # the server ends a watch; if it does not, the connection is dead
_MERGE = "application/merge-patch+json"
_GONE = 410
_NOTHING: KubeObject = {}


class Kind(StrEnum):
    """What is listed and watched."""

    JOBS = "job"
    PODS = "pod"


class WatchExpired(Exception):
    """The server has forgotten the version that a watch was to begin at: list again."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What there was at one moment."""

    items: tuple[KubeObject, ...]
    resource_version: str  #: where a watch goes on


@dataclass(frozen=True, slots=True)
class Event:
    """One change. Of a bookmark only the version counts."""

    kind: str  #: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``
    obj: KubeObject

    @property
    def resource_version(self) -> str:
        """Where a watch goes on after this."""
        return version_of(self.obj)


class ClusterApi:
    """Calls by namespace.

    Every method raises `LauncherUnavailable` when the server does not answer, or not now; calls
    that make something also `NoCapacity` for an exceeded quota and `LaunchRejected` for what the
    server finds wrong with it.

    Args:
        client: An `ApiClient`; see `connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        from kubernetes.client import (  # pyright: ignore[reportMissingTypeStubs]  it has none
            BatchV1Api,
            CoreV1Api,
        )

        self._core: Any = CoreV1Api(client)
        self._batch: Any = BatchV1Api(client)

    def list(self, kind: Kind, namespace: str, *, selector: str) -> Listing:
        """What is there, not from a cache: a Job that a list leaves out is taken for lost."""
        call = self._listing(kind)
        with cluster_errors():
            answer = call(
                namespace,
                label_selector=selector,
                _preload_content=False,
                _request_timeout=TIMEOUT_SECONDS,
            )
            document = json.loads(answer.data)
        return Listing(
            items=tuple(document.get("items") or ()),
            resource_version=str(document["metadata"].get("resourceVersion", "")),
        )

    def watch(
        self, kind: Kind, namespace: str, *, selector: str, resource_version: str, seconds: int
    ) -> Generator[Event, None, None]:
        """Changes since a version, until the server ends the watch after so many seconds.

        Raises:
            WatchExpired: The version is too old.
        """
        call = self._listing(kind)
        with cluster_errors():
            try:
                answer = call(
                    namespace,
                    label_selector=selector,
                    resource_version=resource_version,
                    watch=True,
                    allow_watch_bookmarks=True,
                    timeout_seconds=seconds,
                    _preload_content=False,
                    _request_timeout=(TIMEOUT_SECONDS[0], seconds + _WATCH_MARGIN_SECONDS),
                )
            except api_exception() as exc:
                if exc.status == _GONE:
                    raise WatchExpired from exc
                raise
            try:
                yield from _events(answer)
            finally:
                answer.close()
                answer.release_conn()

    def create_job(self, namespace: str, manifest: KubeObject) -> KubeObject | None:
        """The Job as it was stored; None when one of that name is there already."""
        return self._call(
            self._batch.create_namespaced_job, namespace, manifest, none_for=http.client.CONFLICT
        )

    def read_job(self, namespace: str, name: str) -> KubeObject | None:
        """A Job; None when it is not there."""
        return self._call(
            self._batch.read_namespaced_job, name, namespace, none_for=http.client.NOT_FOUND
        )

    def patch_job(self, namespace: str, name: str, patch: KubeObject) -> KubeObject | None:
        """A Job after a merge patch; None when it is not there."""
        return self._call(
            self._batch.patch_namespaced_job,
            name,
            namespace,
            patch,
            none_for=http.client.NOT_FOUND,
            _content_type=_MERGE,
        )

    def delete_job(self, namespace: str, name: str) -> bool:
        """Remove a Job and its pods; whether it was there.

        In the background: the default would leave the pods of a Job behind.
        """
        answer = self._call(
            self._batch.delete_namespaced_job,
            name,
            namespace,
            none_for=http.client.NOT_FOUND,
            propagation_policy="Background",
        )
        return answer is not None

    def complaint(self, namespace: str, job: str) -> str:
        """The last warning about a Job, such as a quota that lets no pod be made; empty for none."""
        selector = f"involvedObject.kind=Job,involvedObject.name={job},type=Warning"
        with cluster_errors():
            answer = self._core.list_namespaced_event(
                namespace,
                field_selector=selector,
                _preload_content=False,
                _request_timeout=TIMEOUT_SECONDS,
            )
            events = items(json.loads(answer.data), "items")
        # Counted ones have a last time, single ones that of their making.
        last = max(
            events,
            key=lambda one: str(
                one.get("lastTimestamp") or one["metadata"].get("creationTimestamp") or ""
            ),
            default=_NOTHING,
        )
        return str(last.get("message") or "")

    def remove_pod(self, namespace: str, name: str) -> bool:
        """Remove a pod without waiting for its node; whether it was there."""
        answer = self._call(
            self._core.delete_namespaced_pod,
            name,
            namespace,
            none_for=http.client.NOT_FOUND,
            grace_period_seconds=0,
        )
        return answer is not None

    def read_log(self, namespace: str, pod: str, *, limit_bytes: int | None) -> bytes:
        """What a pod has printed so far; empty when it is gone or has not begun."""
        with cluster_errors():
            try:
                answer = self._core.read_namespaced_pod_log(
                    pod,
                    namespace,
                    **({} if limit_bytes is None else {"limit_bytes": limit_bytes}),
                    _preload_content=False,
                    _request_timeout=TIMEOUT_SECONDS,
                )
            except api_exception() as exc:
                if exc.status in {http.client.NOT_FOUND, http.client.BAD_REQUEST}:
                    return b""
                raise
            return bytes(answer.data)

    def _listing(self, kind: Kind) -> Any:
        return {
            Kind.JOBS: self._batch.list_namespaced_job,
            Kind.PODS: self._core.list_namespaced_pod,
        }[kind]

    def _call(self, call: Any, *arguments: Any, none_for: int, **options: Any) -> KubeObject | None:
        with cluster_errors():
            try:
                answer = call(
                    *arguments,
                    _preload_content=False,
                    _request_timeout=TIMEOUT_SECONDS,
                    **options,
                )
            except api_exception() as exc:
                # A namespace that is missing is no Job that is missing.
                if exc.status == none_for and "namespaces" not in message_of(exc):
                    return None
                raise
            return json.loads(answer.data)


@contextlib.contextmanager
def cluster_errors() -> Generator[None, None, None]:
    """Translate what the client raises."""
    import urllib3.exceptions

    try:
        yield
    except api_exception() as exc:
        raise _translated(exc) from exc
    except (urllib3.exceptions.HTTPError, OSError, json.JSONDecodeError) as exc:
        raise LauncherUnavailable(f"the API server does not answer: {exc}") from exc


def _translated(exc: Any) -> Exception:
    message = message_of(exc)
    match exc.status:
        case http.client.FORBIDDEN if "exceeded quota" in message:
            return NoCapacity(message)
        case http.client.UNAUTHORIZED | http.client.FORBIDDEN:
            hint = "`sweepworks cluster check` says what is missing"
            return LauncherUnavailable(f"the API server refuses: {message}; {hint}")
        case http.client.BAD_REQUEST | http.client.UNPROCESSABLE_ENTITY:
            return LaunchRejected(f"the API server refuses it: {message}")
        case _:
            return LauncherUnavailable(f"the API server answers {exc.status}: {message}")


def message_of(exc: Any) -> str:
    """What the server says, without headers."""
    try:
        return str(json.loads(exc.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(exc.reason or exc.body or "")[:500]


def api_exception() -> Any:
    """The class that the client raises; imported late, since its package takes a second."""
    from kubernetes.client import (  # pyright: ignore[reportMissingTypeStubs]  it has none
        ApiException,
    )

    return ApiException


def _events(answer: Any) -> Iterator[Event]:
    """The lines of a watch; a last one that was cut is left out."""
    rest = b""
    for block in answer.stream(amt=None, decode_content=True):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.strip():
                yield _event(json.loads(line))


def _event(document: KubeObject) -> Event:
    if document["type"] == "ERROR":
        if document["object"].get("code") == _GONE:
            raise WatchExpired
        raise LauncherUnavailable(f"the watch failed: {document['object'].get('message')}")
    return Event(kind=str(document["type"]), obj=document["object"])
