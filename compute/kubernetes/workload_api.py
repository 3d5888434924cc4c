"""What Kueue keeps of a Job: its Workload."""

import http.client
import json
from typing import Any

from compute.kubernetes.admission import JOB_UID
from compute.kubernetes.api_errors import api_exception, cluster_errors
from compute.kubernetes.objects import KubeObject, items

#: Every Kueue since 0.3 serves this version.
_PATH = "/apis/kueue.x-k8s.io/v1beta1/namespaces/{namespace}/workloads"
_TIMEOUT_SECONDS = (3, 10)


class WorkloadApi:
    """Only reads, and only to tell people why.

    Args:
        client: An `ApiClient`; see `connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def of_job(self, namespace: str, job: KubeObject) -> KubeObject | None:
        """The Job's Workload; None when there is none, or the credentials may not look.

        Raises:
            LauncherUnavailable: The server does not answer.
        """
        selector = f"{JOB_UID}={job['metadata'].get('uid')}"
        with cluster_errors():
            try:
                answer = self._client.call_api(
                    _PATH,
                    "GET",
                    path_params={"namespace": namespace},
                    query_params=[("labelSelector", selector)],
                    header_params={"Accept": "application/json"},
                    auth_settings=["BearerToken"],
                    _return_http_data_only=True,
                    _preload_content=False,
                    _request_timeout=_TIMEOUT_SECONDS,
                )
            except api_exception() as exc:
                if exc.status in {http.client.FORBIDDEN, http.client.NOT_FOUND}:
                    return None
                raise
            found = items(json.loads(answer.data), "items")
        return found[0] if found else None
