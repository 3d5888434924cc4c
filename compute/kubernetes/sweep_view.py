"""What is known of one sweep's Jobs and pods."""

from collections.abc import Callable, Iterable, Mapping

from compute.kubernetes import admission, names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.objects import KubeObject, label
from compute.kubernetes.reflector import Reflector
from compute.kubernetes.sighting import Sighting
from sweeps.ids import AttemptId, SweepId


class SweepView:
    """Two reflectors, their objects put together by attempt.

    Args:
        on_pod: Told of every change of a pod at once: its namespace, its attempt, and itself.
    """

    def __init__(
        self,
        api: ClusterApi,
        sweep_id: SweepId,
        *,
        namespace: str,
        installation: str,
        on_pod: Callable[[str, AttemptId, KubeObject], None] | None = None,
    ) -> None:
        self.sweep_id = sweep_id
        self.namespace = namespace
        selector = names.selector(installation=installation, sweep=sweep_id)
        self._jobs = Reflector(api, Kind.JOBS, namespace, selector=selector)

        def tell(pod: KubeObject) -> None:
            if on_pod is not None:
                on_pod(namespace, AttemptId(_attempt_of(pod)), pod)

        self._pods = Reflector(
            api,
            Kind.PODS,
            namespace,
            selector=selector,
            group_of=_attempt_of,
            on_change=tell,
        )

    def look(self, attempt_ids: Iterable[AttemptId] | None = None) -> Mapping[AttemptId, Sighting]:
        """Attempts that have, or had, a Job.

        Args:
            attempt_ids: Only of these; None: of all, which takes the longer the more there are.

        Raises:
            LauncherUnavailable: Nothing was heard of the server for too long.
        """
        asked = None if attempt_ids is None else list(attempt_ids)
        jobs, gone_jobs = self._jobs.look(asked)
        pods, gone_pods = self._pods.look(asked)
        live, deleted = _by_attempt(pods.values()), _by_attempt(gone_pods.values())
        marker = names.reaped_marker(self.sweep_id)
        return {
            AttemptId(name): Sighting(
                job=job,
                is_deleted=name not in jobs,
                pods=live.get(name, ()),
                deleted_pods=admission.since_admitted(job, deleted.get(name, ())),
            )
            for name, job in {**gone_jobs, **jobs}.items()
            if name != marker
        }

    def is_settled(self, attempt_id: AttemptId) -> bool:
        """Whether an attempt needs no Job: it has one, or had, or its sweep is over.

        Raises:
            LauncherUnavailable: Nothing was heard of the server for too long.
        """
        marker = names.reaped_marker(self.sweep_id)
        jobs, gone_jobs = self._jobs.look([attempt_id, marker])
        return marker in jobs or attempt_id in jobs or attempt_id in gone_jobs

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
        found.setdefault(_attempt_of(pod), []).append(pod)
    return found


def _attempt_of(pod: KubeObject) -> str:
    return label(pod, names.ATTEMPT)
