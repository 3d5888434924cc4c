"""Labels of nodes: all that is read of them."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from compute.kubernetes.api_errors import api_exception, cluster_errors
from compute.kubernetes.objects import KubeObject, items, name_of, part
from sweeps.errors import PermanentError

_NODES = "/api/v1/nodes"
_TIMEOUT_SECONDS = (2, 5)
#: Images, conditions and addresses of a node are left out; a server may send them all the same.
_AS_METADATA = "application/json;as={};g=meta.k8s.io;v=v1,application/json"
#: From the server's memory: labels of a node that has pods are in it.
_FROM_CACHE = [("resourceVersion", "0")]


class NodesForbidden(PermanentError):
    """The credentials may not look at nodes that way."""


class NodeApi:
    """Only reads.

    Every method raises `LauncherUnavailable` when the server does not answer.

    Args:
        client: An `ApiClient`; see `connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def labels_of(self, name: str) -> Mapping[str, str] | None:
        """Of one node; None when it is not there. `NodesForbidden`."""
        found = self._get(f"{_NODES}/{{name}}", "PartialObjectMetadata", name=name)
        return None if found is None else part(part(found, "metadata"), "labels")

    def all_labels(self) -> Mapping[str, Mapping[str, str]]:
        """By node. `NodesForbidden`."""
        found = self._get(_NODES, "PartialObjectMetadataList")
        nodes = items(found, "items") if found is not None else ()
        return {name_of(node): part(node["metadata"], "labels") for node in nodes}

    def _get(self, path: str, kind: str, **names: str) -> KubeObject | None:
        with cluster_errors():
            try:
                answer = self._client.call_api(
                    path,
                    "GET",
                    path_params=names,
                    query_params=_FROM_CACHE,
                    header_params={"Accept": _AS_METADATA.format(kind)},
                    auth_settings=["BearerToken"],
                    _return_http_data_only=True,
                    _preload_content=False,
                    _request_timeout=_TIMEOUT_SECONDS,
                )
            except api_exception() as exc:
                if exc.status == http.client.NOT_FOUND:
                    return None
                if exc.status == http.client.FORBIDDEN:
                    raise NodesForbidden(str(exc.reason)) from exc
                raise
            return json.loads(answer.data)
