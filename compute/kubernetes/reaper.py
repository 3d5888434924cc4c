"""What is left in a cluster that nobody looks after, put in order, and told."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.objects import (
    KubeObject,
    annotation,
    condition,
    label,
    name_of,
    part,
    status,
    time_of,
)
from compute.kubernetes.sighting import OVER, is_finished
from sweeps.ids import AttemptId
from sweeps.states import ExitReason

_YOUNG = dt.timedelta(minutes=2)  # its row may be younger than the look at the rows
_KEPT = dt.timedelta(minutes=15)  # what says why it was stopped, for controllers that come back
_FINISHED_KEPT = dt.timedelta(hours=1)  # for people, and for a controller that concludes it
_MARKER_KEPT = dt.timedelta(days=1)  # for those that are still to notice that their sweep is over
_STUCK = dt.timedelta(minutes=5)  # beyond its grace period


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """One object, and what was done with it."""

    namespace: str
    name: str
    what: str  #: ``stopped``, ``deleted`` or ``removed``
    why: str


class ClusterReaper:
    """Compares Jobs and pods with the rows; touches only what carries this installation's labels.

    Rows without a Job are the controllers' to conclude: they see that it is gone.

    Args:
        live_among: Those of the attempts whose rows say that they have not ended.
    """

    def __init__(
        self,
        api: ClusterApi,
        *,
        installation: str,
        live_among: Callable[[Collection[AttemptId]], Collection[AttemptId]],
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._api = api
        self._selector = names.selector(installation=installation)
        self._live_among = live_among
        self._now = clock

    def reap(self, namespaces: Iterable[str], *, dry_run: bool = False) -> list[Reaped]:
        """Put everything in order.

        Args:
            dry_run: Say what would be done, and do nothing.

        Raises:
            LauncherUnavailable: The API server does not answer; what was done is done.
            StorageUnavailable: The database does not answer.
        """
        found: list[Reaped] = []
        for namespace in namespaces:
            jobs = self._api.list(Kind.JOBS, namespace, selector=self._selector).items
            pods = self._api.list(Kind.PODS, namespace, selector=self._selector).items
            found += self._jobs(namespace, jobs, pods, dry_run=dry_run)
            found += self._pods(namespace, pods, dry_run=dry_run)
        return found

    def _jobs(
        self,
        namespace: str,
        jobs: Collection[KubeObject],
        pods: Collection[KubeObject],
        *,
        dry_run: bool,
    ) -> Iterable[Reaped]:
        running = [job for job in jobs if not is_finished(job) and label(job, names.ATTEMPT)]
        over = [job for job in jobs if self._is_long_finished(job)]
        live = set(self._live_among([AttemptId(name_of(job)) for job in (*running, *over)]))
        busy = {label(pod, names.ATTEMPT) for pod in pods if status(pod).get("phase") not in OVER}
        for job in jobs:
            name = name_of(job)
            is_idle = name not in busy
            if why := self._is_done_with(job, is_idle=is_idle, is_live=name in live):
                if not dry_run:
                    self._api.delete_job(namespace, name)
                yield Reaped(namespace=namespace, name=name, what="deleted", why=why)
            elif self._is_orphan(job, is_live=name in live):
                why = "no row says that it runs"
                if not dry_run:
                    self._api.patch_job(namespace, name, self._stop(why))
                yield Reaped(namespace=namespace, name=name, what="stopped", why=why)

    def _is_done_with(self, job: KubeObject, *, is_idle: bool, is_live: bool) -> str:
        """Why a Job that never ends by itself may go; empty when it may not."""
        if name_of(job) == names.reaped_marker(label(job, names.SWEEP)):
            return "its sweep is long over" if self._age(job) >= _MARKER_KEPT else ""
        if self._is_long_finished(job):
            # Whose row still says that it runs waits for its controller, as long as its Job lives.
            return "" if is_live else "it has ended, and that is recorded"
        stopped_at = time_of(annotation(job, names.STOPPED_AT))
        if stopped_at is None or is_finished(job) or is_live or not is_idle:
            return ""
        return "it was stopped, and that is recorded" if self._now() - stopped_at >= _KEPT else ""

    def _is_long_finished(self, job: KubeObject) -> bool:
        ended = condition(job, "Complete") or condition(job, "Failed")
        ended_at = time_of((ended or {}).get("lastTransitionTime"))
        is_ours = bool(label(job, names.ATTEMPT))
        return is_ours and ended_at is not None and self._now() - ended_at >= _FINISHED_KEPT

    def _is_orphan(self, job: KubeObject, *, is_live: bool) -> bool:
        if is_live or is_finished(job) or not label(job, names.ATTEMPT):
            return False
        return not annotation(job, names.STOP_REASON) and self._age(job) >= _YOUNG

    def _pods(
        self, namespace: str, pods: Iterable[KubeObject], *, dry_run: bool
    ) -> Iterable[Reaped]:
        for pod in pods:
            leaving_since = time_of(pod["metadata"].get("deletionTimestamp"))
            if leaving_since is None or self._now() - leaving_since < _STUCK:
                continue
            node = part(pod, "spec").get("nodeName")
            why = (
                f"it has been leaving since {leaving_since:%H:%M} on {node}, which does not answer"
            )
            if not dry_run:
                self._api.remove_pod(namespace, name_of(pod))
            yield Reaped(namespace=namespace, name=name_of(pod), what="removed", why=why)

    def _age(self, obj: KubeObject) -> dt.timedelta:
        made_at = time_of(obj["metadata"].get("creationTimestamp"))
        return self._now() - made_at if made_at is not None else dt.timedelta(0)

    def _stop(self, why: str) -> KubeObject:
        return names.stop_patch(ExitReason.LOST, why, at=self._now())
