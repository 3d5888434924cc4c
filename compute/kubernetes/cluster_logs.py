"""What trials in a cluster have printed: as their pods tell it, and as it was kept."""

from collections.abc import Callable

from compute.kubernetes.pod_logs import last_lines
from sweeps import ids
from sweeps.ids import AttemptId, SweepId, TenantId
from sweeps.ports import LogArchive, LogReader


class ClusterLogs:
    """A `sweeps.ports.LogReader` over two sources.

    What is kept is whole and costs the cluster nothing. Who has begun to read a pod goes on with it
    as long as it is there, since a kept log may lack its middle.

    Args:
        pods: Tells what the cluster still has.
        tenant_of: Whose sweep it is.
    """

    def __init__(
        self, pods: LogReader, archive: LogArchive, *, tenant_of: Callable[[SweepId], str]
    ) -> None:
        self._pods = pods
        self._archive = archive
        self._tenant_of = tenant_of
        self._kept: dict[AttemptId, bytes] = {}
        self._live: set[AttemptId] = set()

    def exists(self, attempt_id: AttemptId) -> bool:
        """Whether its output is kept, or the cluster has a pod of the attempt."""
        return self._find(attempt_id) is not None or self._pods.exists(attempt_id)

    def read(self, attempt_id: AttemptId, stream: str, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of output from byte `offset` on; empty when there are none yet."""
        if stream != "stdout":
            return b""
        kept = self._find(attempt_id)
        if kept is not None:
            return kept[offset : offset + limit]
        piece = self._pods.read(attempt_id, stream, offset=offset, limit=limit)
        if piece:
            self._live.add(attempt_id)
            return piece
        if self._is_there(attempt_id):
            return b""
        kept = self._find(attempt_id)
        return kept[offset : offset + limit] if kept is not None else b""

    def tail(self, attempt_id: AttemptId, stream: str, *, lines: int) -> int:
        """The byte at which the last so many lines begin; a last one may be without its end."""
        if stream != "stdout":
            return 0
        kept = self._find(attempt_id)
        if kept is None:
            offset = self._pods.tail(attempt_id, stream, lines=lines)
            if self._is_there(attempt_id):
                return offset
            kept = self._find(attempt_id)
        return last_lines(kept, lines) if kept is not None else 0

    def _is_there(self, attempt_id: AttemptId) -> bool:
        """Whether its pod is, as its reader knows by now."""
        if self._pods.exists(attempt_id):
            self._live.add(attempt_id)
            return True
        self._live.discard(attempt_id)
        return False

    def _find(self, attempt_id: AttemptId) -> bytes | None:
        """What is kept, unless its pod is being read."""
        if attempt_id in self._live:
            return None
        if attempt_id not in self._kept:
            tenant_id = TenantId(self._tenant_of(ids.sweep_of(attempt_id)))
            kept = self._archive.read(tenant_id, attempt_id)
            if kept is None:
                return None
            self._kept[attempt_id] = kept
        return self._kept[attempt_id]
