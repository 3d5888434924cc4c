"""The calls that are made of the API server, each with a time limit, its answers as plain JSON.

The package's models are left out: making one of every pod of a list takes longer than the request.
"""

import http.client
import json
from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from compute.kubernetes.api_errors import api_exception, cluster_errors, message_of
from compute.kubernetes.log_api import LogApi
from compute.kubernetes.node_api import NodeApi
from compute.kubernetes.objects import KubeObject, items
from compute.kubernetes.watch_events import Event, WatchExpired, events_of
from compute.kubernetes.workload_api import WorkloadApi

TIMEOUT_SECONDS = (3, 10)  #: to connect, and between two bytes
_WATCH_MARGIN_SECONDS = 15  # the server ends a watch; if it does not, the connection is dead
_MERGE = "application/merge-patch+json"
_NOTHING: KubeObject = {}


class Kind(StrEnum):
    """What is listed and watched."""

    JOBS = "job"
    PODS = "pod"


@dataclass(frozen=True, slots=True)
class Listing:
    """What there was at one moment."""

    items: tuple[KubeObject, ...]
    resource_version: str  #: where a watch goes on


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
        self.logs = LogApi(client)
        self.nodes = NodeApi(client)
        self.workloads = WorkloadApi(client)

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
                if exc.status == http.client.GONE:
                    raise WatchExpired from exc
                raise
            try:
                yield from events_of(answer)
            finally:
                answer.close()
                answer.release_conn()

    def create_job(self, namespace: str, manifest: KubeObject) -> KubeObject | None:
        """The Job as it was stored; None when one of that name is there already."""
        return self._call(
            self._batch.create_namespaced_job, namespace, manifest, none_for=http.client.CONFLICT
        )

    def create_service(self, namespace: str, manifest: KubeObject) -> KubeObject | None:
        """The Service as it was stored; None when one of that name is there already."""
        return self._call(
            self._core.create_namespaced_service,
            namespace,
            manifest,
            none_for=http.client.CONFLICT,
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
