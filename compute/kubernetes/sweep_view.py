"""What is known of one sweep's Jobs and pods."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compute.kubernetes import admission, names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.objects import KubeObject, label
from compute.kubernetes.reflector import Reflector
from compute.kubernetes.sighting import Sighting
from sweeps.ids import AttemptId, SweepId


@dataclass(frozen=True, slots=True)
class Seen:
    """A sweep at one moment."""

    attempts: Mapping[AttemptId, Sighting]
    is_reaped: bool  #: nothing of it is to start any more


class SweepView:
    """Two reflectors, their objects put together by attempt."""

    def __init__(
        self, api: ClusterApi, sweep_id: SweepId, *, namespace: str, installation: str
    ) -> None:
        self.sweep_id = sweep_id
        self.namespace = namespace
        selector = names.selector(installation=installation, sweep=sweep_id)
        self._jobs = Reflector(api, Kind.JOBS, namespace, selector=selector)
        self._pods = Reflector(api, Kind.PODS, namespace, selector=selector)

    def look(self) -> Seen:
        """What there is.

        Raises:
            LauncherUnavailable: Nothing was heard of the server for too long.
        """
        jobs, gone_jobs = self._jobs.look()
        pods, gone_pods = self._pods.look()
        live, deleted = _by_attempt(pods.values()), _by_attempt(gone_pods.values())
        marker = names.reaped_marker(self.sweep_id)
        attempts = {
            AttemptId(name): Sighting(
                job=job,
                is_deleted=name not in jobs,
                pods=live.get(name, ()),
                deleted_pods=admission.since_admitted(job, deleted.get(name, ())),
            )
            for name, job in {**gone_jobs, **jobs}.items()
            if name != marker
        }
        return Seen(attempts=attempts, is_reaped=marker in jobs)

    def put(self, job: KubeObject) -> None:
        """Know of a Job as the server has just answered it."""
        self._jobs.put(job)

    def relist(self) -> None:
        """Ask the server for everything, now."""
        self._jobs.relist()
        self._pods.relist()

    def close(self) -> None:
        """Watch no longer."""
        self._jobs.close()
        self._pods.close()


def _by_attempt(pods: Iterable[KubeObject]) -> dict[str, list[KubeObject]]:
    found: dict[str, list[KubeObject]] = {}
    for pod in pods:
        found.setdefault(label(pod, names.ATTEMPT), []).append(pod)
    return found
