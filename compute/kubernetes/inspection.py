"""What there is in a cluster, and what the credentials may do there."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from compute.kubernetes.api import TIMEOUT_SECONDS
from compute.kubernetes.api_errors import api_exception, cluster_errors
from compute.kubernetes.objects import KubeObject, items, part, status

#: What a launcher, its reaper and its logs ask of the API server.
NEEDED = (
    ("batch", "jobs", ("get", "list", "watch", "create", "patch", "delete")),
    ("", "pods", ("list", "watch", "delete")),
    ("", "pods/log", ("get",)),
    ("", "events", ("list",)),
)

#: What only some sweeps need, and what for.
_NEEDED_BY_SOME = (("", "services", "create", "trials on several nodes"),)
_NEEDED_WITH_A_QUEUE = (("kueue.x-k8s.io", "workloads", "list", "saying why Jobs wait"),)

#: What is asked of the cluster as a whole, for GPU models, regions and prices of attempts.
NEEDED_OF_NODES = ("", "nodes", ("get", "list"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit of a namespace."""

    resource: str
    used: str
    hard: str


class ClusterInspection:
    """Reads what is not about one sweep.

    Every method raises `LauncherUnavailable` when the server does not answer.

    Args:
        client: An `ApiClient`; see `connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        import kubernetes  # pyright: ignore[reportMissingTypeStubs]  it has none

        api: Any = kubernetes.client
        self._core = api.CoreV1Api(client)
        self._authorization = api.AuthorizationV1Api(client)
        self._version = api.VersionApi(client)

    def version(self) -> str:
        """Of the server, such as ``v1.33.1``."""
        return str(self._ask(self._version.get_code).get("gitVersion", "?"))

    def has_namespace(self, name: str) -> bool | None:
        """Whether it is there; None when the credentials may not look."""
        try:
            self._ask(self._core.read_namespace, name)
        except _Refused as exc:
            return None if exc.status == http.client.FORBIDDEN else False
        return True

    def forbidden(self, namespace: str) -> list[str]:
        """What the credentials may not do of what is needed, such as ``create jobs``."""
        return [
            f"{verb} {resource}"
            for group, resource, verbs in NEEDED
            for verb in verbs
            if not self._may(namespace, group, resource, verb)
        ]

    def missing_options(self, namespace: str, *, has_queue: bool) -> list[str]:
        """What cannot be done for want of rights, such as ``trials on several nodes``."""
        wanted = (*_NEEDED_BY_SOME, *(_NEEDED_WITH_A_QUEUE if has_queue else ()))
        return [
            f"{purpose} ({verb} {resource})"
            for group, resource, verb, purpose in wanted
            if not self._may(namespace, group, resource, verb)
        ] + self._missing_of_nodes()

    def _missing_of_nodes(self) -> list[str]:
        group, resource, verbs = NEEDED_OF_NODES
        if missing := [verb for verb in verbs if not self._may("", group, resource, verb)]:
            what = "GPU models, regions and kinds of the nodes of attempts"
            return [f"{what} ({', '.join(missing)} {resource})"]
        return []

    def quotas(self, namespace: str) -> list[Quota] | None:
        """Limits of the namespace; None when the credentials may not look."""
        try:
            found = self._ask(self._core.list_namespaced_resource_quota, namespace)
        except _Refused:
            return None
        return [
            Quota(
                resource=resource,
                used=str(part(status(quota), "used").get(resource, "0")),
                hard=str(hard),
            )
            for quota in items(found, "items")
            for resource, hard in part(status(quota), "hard").items()
        ]

    def gpus(self, resource: str) -> dict[str, int] | None:
        """GPUs that nodes offer, by model as their labels say; None when one may not look."""
        try:
            found = self._ask(self._core.list_node)
        except _Refused:
            return None
        counts: dict[str, int] = {}
        for node in items(found, "items"):
            n = int(part(status(node), "allocatable").get(resource, 0))
            labels = part(node["metadata"], "labels")
            model = str(labels.get(f"{resource.partition('/')[0]}/gpu.product", "GPU"))
            if n and not part(node, "spec").get("unschedulable"):
                counts[model] = counts.get(model, 0) + n
        return counts

    def _may(self, namespace: str, group: str, resource: str, verb: str) -> bool:
        resource, _, subresource = resource.partition("/")
        attributes = {
            **({"namespace": namespace} if namespace else {}),  # else: in the whole cluster
            "verb": verb,
            "group": group,
            "resource": resource,
            **({"subresource": subresource} if subresource else {}),
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._ask(self._authorization.create_self_subject_access_review, review)
        return status(answer).get("allowed") is True

    def _ask(self, call: Any, *arguments: Any) -> KubeObject:
        with cluster_errors():
            try:
                answer = call(*arguments, _preload_content=False, _request_timeout=TIMEOUT_SECONDS)
            except api_exception() as exc:
                if exc.status in {http.client.FORBIDDEN, http.client.NOT_FOUND}:
                    raise _Refused(exc.status) from exc
                raise
            return json.loads(answer.data)


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(str(status))
