"""Services of Jobs of several pods: made once, and made sure of by whoever comes later."""

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.multi_node import service
from compute.kubernetes.objects import KubeObject, annotation, name_of
from compute.kubernetes.sighting import is_finished, n_nodes
from compute.kubernetes.sweep_view import SweepView


class Rendezvous:
    """Sees to it that the pods of Jobs find each other.

    A Job is made before its Service, which names it as its owner. Whoever is killed in between is
    followed by one who makes sure of every such Job that it sees for the first time.
    """

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._sure: set[str] = set()

    def ensure(self, view: SweepView, job: KubeObject) -> None:
        """Make the Service of a Job of several pods, unless that was done.

        Raises:
            LauncherUnavailable: The server does not answer, or does not allow it.
        """
        name = name_of(job)
        if n_nodes(job) == 1 or name in self._sure:
            return
        if not is_finished(job) and not annotation(job, names.STOP_REASON):
            self._api.create_service(view.namespace, service(job))
        self._sure.add(name)
