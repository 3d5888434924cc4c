"""Jobs that are to end, and Jobs that stand for what is never to start."""

import datetime as dt
from collections.abc import Callable

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.objects import KubeObject, annotation
from compute.kubernetes.placeholder_job import placeholder_job
from compute.kubernetes.sighting import is_finished
from compute.kubernetes.sweep_view import SweepView
from sweeps.errors import LauncherUnavailable
from sweeps.ids import AttemptId
from sweeps.states import ExitReason

_TRIES = 3


class JobStopper:
    """Suspends Jobs for a reason, and remembers in the cluster what is over.

    Args:
        installation: Marks our objects among those of other installations in the cluster.
    """

    def __init__(
        self, api: ClusterApi, *, installation: str, clock: Callable[[], dt.datetime]
    ) -> None:
        self._api = api
        self._installation = installation
        self._now = clock

    def stop(self, view: SweepView, attempt_id: AttemptId, reason: ExitReason) -> None:
        """Suspend the attempt's Job; one that is still to be launched is made suspended."""
        for _ in range(_TRIES):
            sighting = view.look([attempt_id]).get(attempt_id)
            job = sighting.job if sighting else self._api.read_job(view.namespace, attempt_id)
            if job is not None:
                is_over = is_finished(job) or annotation(job, names.STOP_REASON)
                if not is_over and not (sighting and sighting.is_deleted):
                    self.suspend(view, job, reason)
                return
            annotations = names.stop_annotations(reason, "", at=self._now())
            if self._hold_place(view, attempt_id, annotations):
                return
        raise LauncherUnavailable(f"{attempt_id} is made and deleted again and again")

    def suspend(
        self, view: SweepView, job: KubeObject, reason: ExitReason, message: str = ""
    ) -> None:
        """End the Job's pods, and let it say why."""
        patched = self._api.patch_job(
            view.namespace,
            job["metadata"]["name"],
            names.stop_patch(reason, message, at=self._now()),
        )
        if patched is not None:
            view.put(patched)

    def mark_over(self, view: SweepView) -> None:
        """Say that nothing of the sweep is to start any more."""
        self._hold_place(view, names.reaped_marker(view.sweep_id), {})

    def _hold_place(self, view: SweepView, name: str, annotations: dict[str, str]) -> bool:
        placeholder = placeholder_job(
            name,
            sweep_id=view.sweep_id,
            installation=self._installation,
            annotations=annotations,
        )
        made = self._api.create_job(view.namespace, placeholder)
        if made is not None:
            view.put(made)
        return made is not None
