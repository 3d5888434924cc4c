"""What is done about attempts whenever somebody looks at them."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from compute.kubernetes import admission, names
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.attempt_status import status_of
from compute.kubernetes.complaints import Complaints
from compute.kubernetes.hindrance import Patience, hindrance
from compute.kubernetes.job_stopper import JobStopper
from compute.kubernetes.objects import KubeObject, annotation
from compute.kubernetes.rendezvous import Rendezvous
from compute.kubernetes.sighting import Sighting, is_without_pods
from compute.kubernetes.sweep_view import SweepView
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import ExitReason


class PodObserver(Protocol):
    """Who wants to know of pods that end."""

    def look(
        self,
        namespace: str,
        attempt_id: AttemptId,
        pods: Iterable[KubeObject],
        *,
        is_stopped: bool = False,
    ) -> None:
        """An attempt's pods as they are now, again and again; returns at once.

        Args:
            is_stopped: They are going to be removed, all of them.
        """
        ...


class AttemptUpkeep:
    """Ends attempts that are not worth waiting for, and shows pods to who wants to know of them.

    Args:
        patience: How long a pod may be kept from starting.
    """

    def __init__(
        self,
        api: ClusterApi,
        stopper: JobStopper,
        *,
        patience: Patience,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self.observer: PodObserver | None = None
        self._stopper = stopper
        self._patience = patience
        self._now = clock
        self._complaints = Complaints(api, clock=clock)
        self._rendezvous = Rendezvous(api)

    def begin(self, view: SweepView, job: KubeObject) -> None:
        """Make what a Job needs besides itself."""
        self._rendezvous.ensure(view, job)

    def look(self, view: SweepView, attempt_id: AttemptId, seen: Sighting) -> AttemptStatus:
        """The attempt's status, after what is to be done about it was done."""
        if not seen.is_deleted:
            self._rendezvous.ensure(view, seen.job)
        if self.observer is not None:
            self.observer.look(view.namespace, attempt_id, seen.pods)
        if is_without_pods(seen) or admission.waits(seen.job):
            seen = replace(seen, complaint=self._complaints.about(view, seen.job))
        status = status_of(attempt_id, seen, now=self._now())
        if admission.is_put_back(seen):
            why = self._complaints.eviction(view, seen.job)
            self._stopper.suspend(view, seen.job, ExitReason.PREEMPTED, why)
        elif status.phase is AttemptPhase.PENDING and not annotation(seen.job, names.STOP_REASON):
            why = hindrance(seen, now=self._now(), patience=self._patience)
            if why is not None:
                self._stopper.suspend(view, seen.job, why.reason, why.message)
        return status

    def hear(self, namespace: str, attempt_id: AttemptId, pod: KubeObject) -> None:
        """A pod has changed, this instant: one that is removed may be gone before the next look."""
        if self.observer is not None:
            self.observer.look(namespace, attempt_id, [pod])

    def announce_end(self, view: SweepView, attempt_id: AttemptId, seen: Sighting) -> None:
        """Say that its pods are going to be removed: what they print at last goes with them."""
        if self.observer is not None:
            self.observer.look(view.namespace, attempt_id, seen.live_pods, is_stopped=True)
