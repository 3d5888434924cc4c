"""Keeps what pods have printed with their runs, before the cluster forgets it."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.objects import KubeObject, annotation, name_of, part, status
from compute.kubernetes.pod_log import PodLog
from compute.kubernetes.pod_outcome import has_begun
from compute.kubernetes.sighting import OVER
from sweeps import ids
from sweeps.errors import SweepsError, TransientError
from sweeps.ids import AttemptId, SweepId, TenantId
from sweeps.ports import LogArchive

_THREADS = 8
_PATIENCE_SECONDS = 900.0  # with a store or server that does not answer
_LONGEST_PAUSE_SECONDS = 30.0
_IDLE_SECONDS = 15.0  # between two bytes of a log that is all there
_LOOK_SECONDS = 0.05

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Log:
    """Of one pod."""

    attempt_id: AttemptId
    node: int


class LogKeeper:
    """A `sweeps.ports.Courier`: what is unsent of an attempt is the log that is not kept yet.

    A pod that has ended is asked for its log once, in threads of its own, never in a tick. A pod
    that is about to be removed is asked while it ends, and listened to until it has: when it is
    gone, so is its log. Whoever was killed in between is followed by one who asks again, since an
    attempt is concluded only when its log is kept, and finds the artifact if it was made.

    Args:
        tenant_of: Whose sweep it is.
    """

    def __init__(
        self,
        api: ClusterApi,
        archive: LogArchive,
        *,
        tenant_of: Callable[[SweepId], str],
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._api = api
        self._archive = archive
        self._tenant_of = tenant_of
        self._patience_seconds = patience_seconds
        self._asked: queue.SimpleQueue[tuple[_Log, str, str, float]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._known: set[_Log] = set()
        self._pending: set[_Log] = set()
        self._n_threads = 0

    def look(
        self,
        namespace: str,
        attempt_id: AttemptId,
        pods: Iterable[KubeObject],
        *,
        is_stopped: bool = False,
    ) -> None:
        """Begin to keep the logs of those pods of the attempt that have ended, or are about to.

        Args:
            is_stopped: They are going to be removed, all of them.
        """
        for pod in pods:
            is_over = status(pod).get("phase") in OVER
            is_leaving = is_stopped or bool(pod["metadata"].get("deletionTimestamp"))
            if (is_over or is_leaving) and has_begun(pod):
                grace = 0 if is_over else part(pod, "spec").get("terminationGracePeriodSeconds", 30)
                log = _Log(attempt_id, int(annotation(pod, names.INDEX) or 0))
                self._ask(log, namespace, name_of(pod), _IDLE_SECONDS + float(grace))

    def unsent(
        self,
        tenant_id: TenantId,  # noqa: ARG002  the port's
        attempt_ids: Collection[AttemptId],
    ) -> Collection[AttemptId]:
        """Those of the attempts whose logs are being kept."""
        with self._lock:
            pending = {log.attempt_id for log in self._pending}
        return pending & set(attempt_ids)

    def finish(self, *, within_seconds: float) -> None:
        """Wait for what is under way; of a cancelled sweep nobody else does."""
        give_up_at = time.monotonic() + within_seconds
        while self._pending and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)

    def _ask(self, log: _Log, namespace: str, pod: str, idle_seconds: float) -> None:
        with self._lock:
            if log in self._known:
                return
            self._known.add(log)
            self._pending.add(log)
            if self._n_threads < min(_THREADS, len(self._pending)):
                self._n_threads += 1
                name = f"logs {self._n_threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._asked.put((log, namespace, pod, idle_seconds))

    def _work(self) -> None:
        while True:
            log, namespace, pod, idle_seconds = self._asked.get()
            try:
                self._keep(log, namespace, pod, idle_seconds)
            except SweepsError as exc:
                logger.warning("the log of %s is not kept: %s", log.attempt_id, exc)
            except Exception:  # one log must not hold up the others
                logger.exception("the log of %s is not kept", log.attempt_id)
            with self._lock:
                self._pending.discard(log)

    def _keep(self, log: _Log, namespace: str, pod: str, idle_seconds: float) -> None:
        tenant_id = TenantId(self._tenant_of(ids.sweep_of(log.attempt_id)))
        give_up_at = time.monotonic() + self._patience_seconds
        output = PodLog(self._api, namespace, pod, idle_seconds=idle_seconds)
        pause = 0.5
        while True:
            try:
                if self._archive.has(tenant_id, log.attempt_id, node=log.node):
                    return
                output.fetch()
                if output.content:
                    self._archive.keep(tenant_id, log.attempt_id, output.content, node=log.node)
            except TransientError:
                if time.monotonic() >= give_up_at:
                    raise
            else:
                return
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
