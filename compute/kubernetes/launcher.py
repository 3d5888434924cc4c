"""Attempts as Jobs of a cluster, one each."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.attempt_status import status_of
from compute.kubernetes.attempt_upkeep import AttemptUpkeep, PodObserver
from compute.kubernetes.hindrance import Patience
from compute.kubernetes.image_pinning import ImagePinning
from compute.kubernetes.job_stopper import JobStopper
from compute.kubernetes.launch_rate import LaunchRate
from compute.kubernetes.machine import node_of, on_machine
from compute.kubernetes.nodes import Nodes
from compute.kubernetes.objects import KubeObject
from compute.kubernetes.storage_pools import PoolDesk, bound_labels, near
from compute.kubernetes.sweep_view import SweepView
from compute.kubernetes.trial_job import PodDefaults, trial_job
from governance.cluster.policies import PodPolicy
from governance.cluster.pools import Nearness, NearPool, pools_near
from sweeps import ids
from sweeps.errors import LauncherUnavailable, LaunchRejected, NoCapacity
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest

_POLL_SECONDS = 0.1
_REAP_MARGIN_SECONDS = 30.0  # beyond the grace period, for the control plane


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class KubernetesLauncher:
    """A `sweeps.ports.TrialLauncher`.

    A Job is called as its attempt, so that launching twice is a conflict, which is success. What is
    known comes from one list and one watch each of the sweep's Jobs and pods.

    To stop an attempt its Job is suspended, with the reason as an annotation, and not deleted: the
    Job that stays tells the next controller why, and keeps its name from being launched again. It
    is deleted once nobody asks for it any more.

    Any number of launchers, in any number of processes, may look after the same sweep.

    Args:
        namespace_of: Where a sweep's attempts run.
        installation: Marks our objects among those of other installations in the cluster.
        rate: Of launches; more than that wait as if for a free slot.
        images: Which ones may run, and by which digest; None: any, as they are named.
        policy_of: What a tenant allows the pods of its sweeps, asked anew for every launch.
        pools: Who decides which attempts have to run near their data; None: none has to.
    """

    launches_at_once = 8  # requests take tens of milliseconds, and the rate is the bound

    def __init__(
        self,
        api: ClusterApi,
        *,
        namespace_of: Callable[[SweepId], str],
        installation: str,
        defaults: PodDefaults,
        patience: Patience | None = None,
        rate: LaunchRate | None = None,
        images: ImagePinning | None = None,
        policy_of: Callable[[str], PodPolicy] = lambda _: PodPolicy(),
        pools: PoolDesk | None = None,
        clock: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._api = api
        self._namespace_of = namespace_of
        self._installation = installation
        self._defaults = defaults
        self._rate = rate or LaunchRate()
        self._images = images
        self._policy_of = policy_of
        self._pools = pools
        self._now = clock
        self._nodes = Nodes(api.nodes)
        self._lock = threading.Lock()
        self._views: dict[SweepId, SweepView] = {}
        self._stopper = JobStopper(api, installation=installation, clock=self._now)
        self._upkeep = AttemptUpkeep(
            api, self._stopper, patience=patience or Patience(), clock=self._now
        )

    def launch(self, request: LaunchRequest) -> None:
        """Make the attempt's Job, unless it was made before."""
        if not request.command:
            raise LaunchRejected(f"{request.attempt_id}: its command is empty")
        view = self._view(request.sweep_id)
        if view.is_settled(request.attempt_id):
            return
        policy = self._policy_of(request.tenant_id)
        manifest = self._manifest(request, policy)
        if not self._rate.take():
            raise NoCapacity(f"more than {self._rate.per_second:g} launches a second")
        pools = pools_near(request.datasets, policy.pools)
        made = self._make(view, request.attempt_id, manifest, pools)
        if made is not None:
            view.put(made)
            self._upkeep.begin(view, made)

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Status of those attempts that have, or had, a Job."""
        is_first = sweep_id not in self._views  # which has requests enough
        view = self._view(sweep_id)
        found = view.look(attempt_ids)
        on = {name for seen in found.values() if (name := node_of(seen))}
        nodes = self._nodes.look(set() if is_first else on)
        return {
            attempt_id: on_machine(self._upkeep.look(view, attempt_id, seen), seen, nodes)
            for attempt_id, seen in found.items()
        }

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """Suspend the attempt's Job; one that is still to be launched is made suspended."""
        view = self._view(ids.sweep_of(attempt_id))
        sighting = view.look([attempt_id]).get(attempt_id)
        if sighting is not None:
            self._upkeep.announce_end(view, attempt_id, sighting)
        self._stopper.stop(view, attempt_id, reason)

    def observe(self, observer: PodObserver) -> None:
        """Show the pods of attempts that are polled or stopped to one more who wants to know."""
        self._upkeep.observer = observer

    def reap(self, sweep_id: SweepId) -> int:
        """Stop every attempt of the sweep, wait until its pods are gone, and let no other start."""
        view = self._view(sweep_id)
        self._stopper.mark_over(view)
        view.relist()
        live = self._live(view)
        for attempt_id in live:
            self.stop(attempt_id, reason=ExitReason.CANCELLED)
        give_up_at = time.monotonic() + self._defaults.grace_seconds + _REAP_MARGIN_SECONDS
        while remaining := self._live(view):
            if time.monotonic() > give_up_at:
                raise LauncherUnavailable(
                    f"{len(remaining)} attempts of {sweep_id} do not end, such as {remaining[0]}"
                )
            time.sleep(_POLL_SECONDS)
        self._views.pop(sweep_id).close()
        return len(live)

    def close(self) -> None:
        """Watch no longer."""
        for view in self._views.values():
            view.close()
        self._views.clear()

    def _live(self, view: SweepView) -> list[AttemptId]:
        return [
            attempt_id
            for attempt_id, sighting in view.look().items()
            if status_of(attempt_id, sighting, now=self._now()).phase is not AttemptPhase.EXITED
        ]

    def _make(
        self,
        view: SweepView,
        attempt_id: AttemptId,
        manifest: KubeObject,
        pools: Sequence[NearPool],
    ) -> KubeObject | None:
        """The Job as it was stored, near the data of its attempt; None: it was there already."""
        if not pools:
            return self._api.create_job(view.namespace, manifest)
        placed = dict.fromkeys((one.pool.name for one in pools), Nearness.PREFERRED)
        if self._pools is None:
            return self._api.create_job(view.namespace, near(manifest, pools, placed))
        of_attempt = [one.pool for one in pools]
        placed = self._pools.place(attempt_id, of_attempt, bound=bound_labels(manifest))
        try:
            return self._api.create_job(view.namespace, near(manifest, pools, placed))
        except (NoCapacity, LaunchRejected):  # after any other error it may be there
            self._pools.withdraw(attempt_id)
            raise

    def _manifest(self, request: LaunchRequest, policy: PodPolicy) -> KubeObject:
        image = request.image or self._defaults.image
        if self._images is not None and image:
            pinned = self._images.for_sweep(request.sweep_id, image)
            request = replace(request, image=pinned)
        job = trial_job(
            request,
            defaults=self._defaults,
            installation=self._installation,
            policy=policy,
        )
        if self._images is not None:
            self._images.check(job)
        return job

    def _view(self, sweep_id: SweepId) -> SweepView:
        with self._lock:
            if sweep_id not in self._views:
                self._views[sweep_id] = SweepView(
                    self._api,
                    sweep_id,
                    namespace=self._namespace_of(sweep_id),
                    installation=self._installation,
                    on_pod=self._upkeep.hear,
                )
            return self._views[sweep_id]
