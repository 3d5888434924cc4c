"""Why Jobs have no pods: asked seldom, since the answer is in objects that are not watched."""

import datetime as dt
from collections.abc import Callable

from compute.kubernetes import admission
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.objects import KubeObject, name_of, time_of
from compute.kubernetes.sighting import Complaint
from compute.kubernetes.sweep_view import SweepView

_AFTER = dt.timedelta(seconds=10)  # a pod is usually made within one
_AGAIN = dt.timedelta(seconds=60)
_BETWEEN = dt.timedelta(seconds=2)  # of two requests, however many Jobs wait


class Complaints:
    """Remembers what was said about each Job; at most one request every two seconds."""

    def __init__(self, api: ClusterApi, *, clock: Callable[[], dt.datetime]) -> None:
        self._api = api
        self._now = clock
        self._known: dict[str, tuple[dt.datetime, Complaint]] = {}
        self._asked_at: dt.datetime | None = None

    def about(self, view: SweepView, job: KubeObject) -> Complaint:
        """What was said last about a Job that has no pod, by its queue or the control plane."""
        now, name = self._now(), name_of(job)
        known_at, complaint = self._known.get(name, (None, Complaint()))
        made_at = time_of(job["metadata"].get("creationTimestamp")) or now
        is_due = now - made_at >= _AFTER and (known_at is None or now - known_at >= _AGAIN)
        is_free = self._asked_at is None or now - self._asked_at >= _BETWEEN
        if is_due and is_free:
            self._asked_at = now
            if admission.waits(job):
                complaint = admission.complaint_of(self._api.workloads.of_job(view.namespace, job))
            else:
                complaint = Complaint(self._api.complaint(view.namespace, name))
            self._known[name] = (now, complaint)
        return complaint

    def eviction(self, view: SweepView, job: KubeObject) -> str:
        """Why its queue has taken its place away; asked once, when it has."""
        told = admission.eviction_of(self._api.workloads.of_job(view.namespace, job))
        return told or "its queue has given its place to others"
