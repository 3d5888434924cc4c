"""Why Jobs have no pods: asked seldom, since the answer is in events, which are not watched."""

import datetime as dt
from collections.abc import Callable

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.objects import KubeObject, name_of, time_of
from compute.kubernetes.sweep_view import SweepView

_AFTER = dt.timedelta(seconds=10)  # a pod is usually made within one
_AGAIN = dt.timedelta(seconds=60)
_BETWEEN = dt.timedelta(seconds=2)  # of two requests, however many Jobs wait


class Complaints:
    """Remembers what was said about each Job; at most one request every two seconds."""

    def __init__(self, api: ClusterApi, *, clock: Callable[[], dt.datetime]) -> None:
        self._api = api
        self._now = clock
        self._known: dict[str, tuple[dt.datetime, str]] = {}
        self._asked_at: dt.datetime | None = None

    def about(self, view: SweepView, job: KubeObject) -> str:
        """The last warning about a Job that has no pod; empty when none is known."""
        now, name = self._now(), name_of(job)
        known_at, message = self._known.get(name, (None, ""))
        made_at = time_of(job["metadata"].get("creationTimestamp")) or now
        is_due = now - made_at >= _AFTER and (known_at is None or now - known_at >= _AGAIN)
        is_free = self._asked_at is None or now - self._asked_at >= _BETWEEN
        if is_due and is_free:
            self._asked_at = now
            message = self._api.complaint(view.namespace, name)
            self._known[name] = (now, message)
        return message
