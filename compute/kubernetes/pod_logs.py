"""What the pods of attempts have printed, as the cluster keeps it: stdout and stderr together."""

from collections.abc import Callable

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.objects import name_of
from sweeps import ids
from sweeps.ids import AttemptId, SweepId


class PodLogs:
    """A `sweeps.ports.LogReader`; what a pod prints is told as ``stdout``.

    A cluster tells a log from its beginning, so each piece costs what is before it, too.

    Args:
        namespace_of: Where a sweep's attempts run.
        installation: Marks our objects among those of others.
    """

    def __init__(
        self, api: ClusterApi, *, namespace_of: Callable[[SweepId], str], installation: str
    ) -> None:
        self._api = api
        self._namespace_of = namespace_of
        self._installation = installation

    def exists(self, attempt_id: AttemptId) -> bool:
        """Whether the cluster has a pod of the attempt."""
        return self._pod(attempt_id) is not None

    def read(self, attempt_id: AttemptId, stream: str, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of output from byte `offset` on; empty when there are none yet."""
        pod = self._pod(attempt_id) if stream == "stdout" else None
        if pod is None:
            return b""
        namespace = self._namespace_of(ids.sweep_of(attempt_id))
        return self._api.read_log(namespace, pod, limit_bytes=offset + limit)[offset:]

    def tail(self, attempt_id: AttemptId, stream: str, *, lines: int) -> int:
        """The byte at which the last so many lines begin; a last one may be without its end."""
        pod = self._pod(attempt_id) if stream == "stdout" else None
        if pod is None:
            return 0
        namespace = self._namespace_of(ids.sweep_of(attempt_id))
        log = self._api.read_log(namespace, pod, limit_bytes=None)
        if lines == 0:
            return len(log)
        end = len(log.removesuffix(b"\n"))
        for _ in range(lines):
            end = log.rfind(b"\n", 0, end)
            if end < 0:
                return 0
        return end + 1

    def _pod(self, attempt_id: AttemptId) -> str | None:
        """The attempt's first pod."""
        namespace = self._namespace_of(ids.sweep_of(attempt_id))
        selector = names.selector(installation=self._installation, attempt=attempt_id)
        pods = self._api.list(Kind.PODS, namespace, selector=selector).items
        return min((name_of(pod) for pod in pods), default=None)
