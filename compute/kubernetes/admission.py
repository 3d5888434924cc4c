"""Kueue: a queue decides when a Job may start, and may take its place away again. Pure.

Kueue lets a Job start by ending its suspension, and suspends it again to give its quota to others;
later it starts the same Job once more by itself. We stop Jobs by suspending them, too, but then they
say why in an annotation. So a suspended Job without that annotation waits for its queue.

**One execution is one attempt.** A Job that is suspended again after its script had begun has
lost an execution. The attempt ends then as preempted, and its Job is taken from the queue, by
leaving it no places for pods: if Kueue starts it once more, nothing runs. The next attempt waits in
the queue in its place. Where the script had not begun, nothing is lost: the same attempt waits on.
If nobody looked before Kueue had started the Job once more, the same attempt goes on.
"""

from collections.abc import Sequence

from compute.kubernetes import names
from compute.kubernetes.objects import (
    KubeObject,
    annotation,
    condition,
    label,
    part,
    refuted,
    status,
    time_of,
)
from compute.kubernetes.pod_outcome import has_begun
from compute.kubernetes.sighting import Complaint, Sighting, is_finished

QUEUE = "kueue.x-k8s.io/queue-name"
PRIORITY = "kueue.x-k8s.io/priority-class"
JOB_UID = "kueue.x-k8s.io/job-uid"  #: of a Workload: whose it is

_PUT_BACK = 3  # the third state of a Job's spec: made suspended, admitted, suspended again


def queue_labels(queue: str, priority_class: str | None) -> dict[str, str]:
    """What a Job says to Kueue; empty without a queue."""
    if not queue:
        return {}
    return {QUEUE: queue, **({PRIORITY: priority_class} if priority_class else {})}


def is_queued(job: KubeObject) -> bool:
    """Whether a queue decides about the Job."""
    return bool(label(job, QUEUE))


def waits(job: KubeObject) -> bool:
    """Whether the Job is not admitted, or not any more."""
    is_stopped = bool(annotation(job, names.STOP_REASON)) or is_finished(job)
    return is_queued(job) and bool(part(job, "spec").get("suspend")) and not is_stopped


def is_put_back(seen: Sighting) -> bool:
    """Whether an execution was lost to the queue."""
    if seen.is_deleted or not waits(seen.job):
        return False
    pods = (*seen.pods, *seen.deleted_pods)
    if pods:
        return any(has_begun(pod) for pod in pods)
    # Nobody looked while it ran, if it ran.
    return int(seen.job["metadata"].get("generation") or 0) >= _PUT_BACK


def since_admitted(job: KubeObject, pods: Sequence[KubeObject]) -> Sequence[KubeObject]:
    """Those of the deleted pods that its queue has not taken away before it started the Job again."""
    started_at = time_of(status(job).get("startTime"))
    if not is_queued(job) or started_at is None:
        return pods
    made = [(time_of(pod["metadata"].get("creationTimestamp")), pod) for pod in pods]
    return [pod for made_at, pod in made if made_at is None or made_at >= started_at]


def complaint_of(workload: KubeObject | None) -> Complaint:
    """Why Kueue does not let a Job start, from what it keeps of the Job."""
    if workload is None:
        return Complaint()
    if part(workload, "spec").get("active") is False:
        why = eviction_of(workload)
        return Complaint(f"its queue has given it up{f': {why}' if why else ''}", is_final=True)
    reserved = refuted(workload, "QuotaReserved")
    return Complaint(str((reserved or {}).get("message") or ""))


def eviction_of(workload: KubeObject | None) -> str:
    """Why Kueue has taken the place of a Job away; empty when that is not known."""
    evicted = condition(workload, "Evicted") if workload is not None else None
    return str((evicted or {}).get("message") or "")
