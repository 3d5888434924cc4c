"""What the pods of attempts have printed, as the cluster keeps it: stdout and stderr together."""

import time
from collections.abc import Callable

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.log_api import LogGone
from compute.kubernetes.log_cursor import LogCursor
from compute.kubernetes.objects import annotation, name_of
from sweeps import ids
from sweeps.ids import AttemptId, SweepId

_LEAST_BYTES = 4 << 20  # that are asked for at once
_MOST_BYTES = 1 << 30


class PodLogs:
    """A `sweeps.ports.LogReader`; what a pod prints is told as ``stdout``.

    Who reads piece by piece is told each second about once: a cluster tells what was printed since
    a second, and nothing by its place in the log.

    Of an attempt of several pods it is the first one's.

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
        self._pods: dict[AttemptId, str] = {}
        self._cursors: dict[AttemptId, LogCursor] = {}

    def exists(self, attempt_id: AttemptId) -> bool:
        """Whether the cluster has a pod of the attempt."""
        return self._pod(attempt_id) is not None

    def read(self, attempt_id: AttemptId, stream: str, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of output from byte `offset` on; empty when there are none yet."""
        if stream != "stdout":
            return b""
        cursor = self._cursors.get(attempt_id)
        if cursor is None or cursor.offset > offset:
            cursor = self._cursors[attempt_id] = LogCursor()
        while len(cursor.ready) <= offset - cursor.offset and self._tell(attempt_id, cursor):
            pass
        cursor.take(offset - cursor.offset)
        return cursor.take(limit) if cursor.offset == offset else b""

    def tail(self, attempt_id: AttemptId, stream: str, *, lines: int) -> int:
        """The byte at which the last so many lines begin; a last one may be without its end."""
        if stream != "stdout":
            return 0
        cursor = self._cursors[attempt_id] = LogCursor()
        while self._tell(attempt_id, cursor):
            pass
        return last_lines(bytes(cursor.ready), lines)

    def _tell(self, attempt_id: AttemptId, cursor: LogCursor) -> bool:
        """Have the cursor told what is new; whether anything is."""
        pod = self._pod(attempt_id)
        if pod is None:
            return False
        namespace = self._namespace_of(ids.sweep_of(attempt_id))
        limit = _LEAST_BYTES
        while True:
            at = time.monotonic()
            try:
                log = self._api.logs.read(namespace, pod, since=cursor.since, limit_bytes=limit)
            except LogGone:
                del self._pods[attempt_id]
                return False
            if cursor.tell(log, at=at):
                return True
            if len(log) < limit or limit >= _MOST_BYTES:
                cursor.settle(at=at)
                return False
            limit *= 2  # a second with that much in it would be told to its middle for ever

    def _pod(self, attempt_id: AttemptId) -> str | None:
        """The attempt's first pod."""
        if attempt_id not in self._pods:
            namespace = self._namespace_of(ids.sweep_of(attempt_id))
            selector = names.selector(installation=self._installation, attempt=attempt_id)
            pods = self._api.list(Kind.PODS, namespace, selector=selector).items
            if not pods:
                return None
            first = min(pods, key=lambda pod: (annotation(pod, names.INDEX) or "0", name_of(pod)))
            self._pods[attempt_id] = name_of(first)
        return self._pods[attempt_id]


def last_lines(log: bytes, lines: int) -> int:
    """The byte at which the last so many lines of a log begin."""
    if lines == 0:
        return len(log)
    end = len(log.removesuffix(b"\n"))
    for _ in range(lines):
        end = log.rfind(b"\n", 0, end)
        if end < 0:
            return 0
    return end + 1
