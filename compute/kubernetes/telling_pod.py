"""Which of an attempt's pods says most about it. Pure."""

import datetime as dt

from compute.kubernetes.objects import KubeObject, condition, part, status, time_of
from compute.kubernetes.pod_outcome import container_state, has_begun, terminated
from compute.kubernetes.sighting import Sighting, n_nodes


def telling_pod(seen: Sighting) -> KubeObject | None:
    """The pod that says most: the first one that failed, else the first one that started."""

    def rank(pod: KubeObject) -> tuple[int, str, int]:
        if status(pod).get("phase") != "Succeeded" and seen.is_over(pod):
            return 0, _end_of(pod), _guilt(pod)
        created_at = str(pod["metadata"].get("creationTimestamp"))
        return (1 if started_at(pod) else 2), created_at, 0

    return min((*seen.pods, *seen.deleted_pods), key=rank, default=None)


def _end_of(pod: KubeObject) -> str:
    """When it ended, or was told to: a Job ends its other pods once one has failed."""
    if finished_at := (terminated(pod) or {}).get("finishedAt"):
        return str(finished_at)
    until = time_of(pod["metadata"].get("deletionTimestamp"))
    if until is None:
        return ""
    grace = dt.timedelta(seconds=int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
    return (until - grace).strftime("%Y-%m-%dT%H:%M:%SZ")


def _guilt(pod: KubeObject) -> int:
    """Which of several pods that ended in the same second was the first: those removed came last."""
    if condition(pod, "DisruptionTarget") is not None:
        return 0
    return 2 if pod["metadata"].get("deletionTimestamp") else 1


def have_all_begun(seen: Sighting) -> bool:
    """Whether the containers of all of its pods were started."""
    n_begun = sum(has_begun(pod) for pod in (*seen.pods, *seen.deleted_pods))
    return n_begun >= n_nodes(seen.job)


def started_at(pod: KubeObject | None) -> dt.datetime | None:
    """When its container was started; None when it was not."""
    if pod is None:
        return None
    state = container_state(pod)
    running = part(state, "running") or part(state, "terminated")
    return time_of(running.get("startedAt"))
