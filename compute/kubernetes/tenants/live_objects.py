"""Tenants' objects as the cluster has them: read, applied by the server, found by their labels."""

import http.client
import json
from typing import Any

from compute.kubernetes.api import TIMEOUT_SECONDS, api_exception, cluster_errors, message_of
from compute.kubernetes.names import MANAGER
from compute.kubernetes.objects import KubeObject, items
from sweeps.errors import PermanentError

_APPLY = "application/apply-patch+yaml"  # of which JSON is a part
_REFUSALS = {
    http.client.BAD_REQUEST,
    http.client.FORBIDDEN,
    http.client.NOT_FOUND,
    http.client.METHOD_NOT_ALLOWED,
    http.client.CONFLICT,
    http.client.UNSUPPORTED_MEDIA_TYPE,
    http.client.UNPROCESSABLE_ENTITY,
}

#: Plural of every kind that is rendered, and whether it is in a namespace.
KINDS: dict[tuple[str, str], tuple[str, bool]] = {
    ("v1", "Namespace"): ("namespaces", False),
    ("v1", "ResourceQuota"): ("resourcequotas", True),
    ("v1", "LimitRange"): ("limitranges", True),
    ("v1", "ServiceAccount"): ("serviceaccounts", True),
    ("networking.k8s.io/v1", "NetworkPolicy"): ("networkpolicies", True),
    ("rbac.authorization.k8s.io/v1", "Role"): ("roles", True),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("rolebindings", True),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): ("clusterroles", False),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("clusterrolebindings", False),
    ("scheduling.k8s.io/v1", "PriorityClass"): ("priorityclasses", False),
    ("kueue.x-k8s.io/v1beta1", "ResourceFlavor"): ("resourceflavors", False),
    ("kueue.x-k8s.io/v1beta1", "WorkloadPriorityClass"): ("workloadpriorityclasses", False),
    ("kueue.x-k8s.io/v1beta1", "ClusterQueue"): ("clusterqueues", False),
    ("kueue.x-k8s.io/v1beta1", "LocalQueue"): ("localqueues", True),
}


class ObjectRefused(PermanentError):
    """The API server does not do it."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class LiveObjects:
    """Calls by object.

    Every method raises `LauncherUnavailable` when the server does not answer, or not now, and
    `ObjectRefused` when it refuses.

    Args:
        client: An `ApiClient`; see `connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._served: dict[str, bool] = {}

    def get(self, obj: KubeObject) -> KubeObject | None:
        """What there is of that kind and name."""
        try:
            return self._ask("GET", path_of(obj))
        except ObjectRefused as exc:
            if exc.status == http.client.NOT_FOUND:
                return None
            raise

    def apply(self, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """Apply on the server's side; what it is, or would be, afterwards.

        What others have set differently is set back: the object is ours.
        """
        query = [("fieldManager", MANAGER), ("force", "true")]
        if dry_run:
            query.append(("dryRun", "All"))
        return self._ask("PATCH", path_of(obj), query=query, body=obj)

    def owned(self, api_version: str, kind: str, *, selector: str) -> list[KubeObject]:
        """All of a kind with those labels, in every namespace."""
        plural, _ = KINDS[api_version, kind]
        found = self._ask(
            "GET", f"{_group(api_version)}/{plural}", query=[("labelSelector", selector)]
        )
        # Items of a list do not say what they are.
        return [{**item, "apiVersion": api_version, "kind": kind} for item in items(found, "items")]

    def serves(self, api_version: str) -> bool:
        """Whether the cluster knows objects of that version at all."""
        if "/" not in api_version:
            return True
        if api_version not in self._served:
            try:
                self._ask("GET", _group(api_version))
                self._served[api_version] = True
            except ObjectRefused as exc:
                if exc.status != http.client.NOT_FOUND:
                    raise
                self._served[api_version] = False
        return self._served[api_version]

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: KubeObject | None = None,
    ) -> KubeObject:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = _APPLY
        with cluster_errors():
            try:
                answer = self._client.call_api(
                    path,
                    method,
                    query_params=query or [],
                    header_params=headers,
                    body=body,
                    auth_settings=["BearerToken"],
                    _preload_content=False,
                    _request_timeout=TIMEOUT_SECONDS,
                )
            except api_exception() as exc:
                if exc.status in _REFUSALS:
                    raise ObjectRefused(exc.status, message_of(exc)) from exc
                raise
            return json.loads(answer.data)


def path_of(obj: KubeObject) -> str:
    """Where the API has the object."""
    plural, is_namespaced = KINDS[obj["apiVersion"], obj["kind"]]
    meta = obj["metadata"]
    where = f"/namespaces/{meta['namespace']}" if is_namespaced else ""
    return f"{_group(obj['apiVersion'])}{where}/{plural}/{meta['name']}"


def title_of(obj: KubeObject) -> str:
    """The object as people name it."""
    meta = obj["metadata"]
    where = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{obj['kind']} {where}{meta['name']}"


def _group(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
