"""Logs of pods as the API server tells them: from a time on, or as a stream to their end."""

import http.client
from collections.abc import Generator
from typing import Any

from compute.kubernetes.api_errors import api_exception, cluster_errors

_PATH = "/api/v1/namespaces/{namespace}/pods/{name}/log"
_CONNECT_SECONDS = 3
_IDLE_SECONDS = 10  # between two bytes
_PIECE_BYTES = 64 * 1024
#: No such pod, or none whose container has printed anything that is still there.
_NOTHING = {http.client.NOT_FOUND, http.client.BAD_REQUEST}


class LogGone(Exception):
    """There is no log: its pod is gone, or has not begun."""


class LogApi:
    """Both methods raise `LogGone` and `LauncherUnavailable`.

    Args:
        client: An `ApiClient`; see `connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(
        self, namespace: str, pod: str, *, since: str | None = None, limit_bytes: int | None = None
    ) -> bytes:
        """What a pod has printed so far, each line after its time and a space.

        Args:
            since: Lines of that second and later ones, RFC 3339.
            limit_bytes: Of these lines' beginning, the times counted.
        """
        with cluster_errors():
            answer = self._open(
                namespace,
                pod,
                {"timestamps": "true", "sinceTime": since, "limitBytes": limit_bytes},
                idle_seconds=_IDLE_SECONDS,
            )
            return bytes(answer.data)

    def stream(
        self, namespace: str, pod: str, *, idle_seconds: float = _IDLE_SECONDS
    ) -> Generator[bytes, None, None]:
        """All that a pod prints until it ends, in pieces.

        Args:
            idle_seconds: For how long it may print nothing.
        """
        with cluster_errors():
            answer = self._open(namespace, pod, {"follow": "true"}, idle_seconds=idle_seconds)
            try:
                yield from answer.stream(amt=_PIECE_BYTES, decode_content=True)
            finally:
                answer.close()
                answer.release_conn()

    def _open(self, namespace: str, pod: str, query: dict[str, Any], *, idle_seconds: float) -> Any:
        """The package's own call knows no `sinceTime`."""
        try:
            return self._client.call_api(
                _PATH,
                "GET",
                path_params={"namespace": namespace, "name": pod},
                query_params=[(key, value) for key, value in query.items() if value is not None],
                header_params={"Accept": "*/*"},
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=(_CONNECT_SECONDS, idle_seconds),
            )
        except api_exception() as exc:
            if exc.status in _NOTHING:
                raise LogGone from exc
            raise
