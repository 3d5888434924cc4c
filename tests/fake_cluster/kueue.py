"""A queue that admits Jobs by quota, as Kueue's reconciler does it for batch Jobs.

Its Workload follows the Job's number of pods: one that does not match is made anew. An admitted
Workload's Job is started whoever has suspended it, and a Job without one is suspended.
"""

from dataclasses import dataclass, field

from tests.fake_cluster.store import Key, Object, Store

QUEUE = "kueue.x-k8s.io/queue-name"
PRIORITY = "kueue.x-k8s.io/priority-class"


@dataclass
class Workload:
    """What is kept of a Job."""

    uid: str
    n_pods: int
    priority: int
    is_admitted: bool = False
    is_active: bool = True
    evicted: str = ""
    pending: str = ""

    def document(self) -> Object:
        conditions = [
            {"type": "Admitted", "status": _truth(self.is_admitted)},
            {
                "type": "QuotaReserved",
                "status": _truth(self.is_admitted),
                "message": "" if self.is_admitted else self.pending,
            },
        ]
        if self.evicted:
            conditions.append({"type": "Evicted", "status": "True", "message": self.evicted})
        labels = {"kueue.x-k8s.io/job-uid": self.uid}
        return {
            "metadata": {"name": f"job-{self.uid}", "labels": labels},
            "spec": {"active": self.is_active},
            "status": {"conditions": conditions},
        }


@dataclass
class Kueue:
    """One ClusterQueue whose quota is a number of pods, behind any number of LocalQueues."""

    store: Store
    quota: int = 10
    priorities: dict[str, int] = field(default_factory=dict)
    workloads: dict[str, Workload] = field(default_factory=dict)  # by uid of the Job

    def step(self) -> None:
        with self.store.changed:
            jobs = [(key, job) for key, job in self.store.objects.items() if _is_queued(key, job)]
        for key, job in jobs:
            self._reconcile(key, job)
        self._admit()

    def preempt(self, namespace: str, name: str, message: str = "Preempted") -> None:
        """Give its place to something more important; it is queued again."""
        job = self.store.get(("jobs", namespace, name))
        assert job is not None
        workload = self.workloads[job["metadata"]["uid"]]
        assert workload.is_admitted
        workload.evicted = message

    def deactivate(self, namespace: str, name: str) -> None:
        """Give it up for good, as after too many evictions."""
        job = self.store.get(("jobs", namespace, name))
        assert job is not None
        workload = self.workloads[job["metadata"]["uid"]]
        workload.is_active = workload.is_admitted = False

    def _reconcile(self, key: Key, job: Object) -> None:
        uid = job["metadata"]["uid"]
        if _is_finished(job):
            self.workloads.pop(uid, None)
            return
        is_suspended = bool(job["spec"].get("suspend"))
        n_pods = min(job["spec"].get("parallelism", 1), job["spec"].get("completions", 1))
        workload = self.workloads.get(uid)
        if workload is None or workload.n_pods != n_pods:
            priority = self.priorities.get(job["metadata"]["labels"].get(PRIORITY, ""), 0)
            self.workloads[uid] = workload = Workload(uid, n_pods, priority)
        if workload.evicted and workload.is_admitted:
            if not is_suspended:
                self._suspend(key, True)
            elif not self._has_pods(key):
                workload.is_admitted = False  # and waits again
        elif workload.is_admitted and is_suspended:
            self._suspend(key, False)
        elif not workload.is_admitted and not is_suspended:
            self._suspend(key, True)

    def _admit(self) -> None:
        used = sum(one.n_pods for one in self.workloads.values() if one.is_admitted)
        waiting = [w for w in self.workloads.values() if not w.is_admitted and w.is_active]
        for workload in sorted(waiting, key=lambda one: -one.priority):
            if used + workload.n_pods <= self.quota:
                workload.is_admitted, workload.evicted = True, ""
                used += workload.n_pods
            else:
                free = self.quota - used
                workload.pending = (
                    f"insufficient unused quota: {workload.n_pods} asked, {free} free"
                )

    def _suspend(self, key: Key, is_suspended: bool) -> None:
        self.store.update(key, lambda job: job["spec"].update(suspend=is_suspended))

    def _has_pods(self, key: Key) -> bool:
        return bool(self.store.select("pods", key[1], {"batch.kubernetes.io/job-name": key[2]}))


def _is_queued(key: Key, job: Object) -> bool:
    return key[0] == "jobs" and QUEUE in (job["metadata"].get("labels") or {})


def _is_finished(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(
        one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions
    )


def _truth(value: bool) -> str:
    return "True" if value else "False"
