"""What a Job and its pods say of an attempt. Pure: objects in, a status out."""

import datetime as dt

from compute.kubernetes import names
from compute.kubernetes.objects import (
    KubeObject,
    annotation,
    condition,
    part,
    refuted,
    status,
    time_of,
)
from compute.kubernetes.pod_outcome import (
    container_state,
    container_status,
    has_begun,
    pod_exit,
    terminated,
)
from compute.kubernetes.sighting import Sighting
from compute.kubernetes.telling_pod import have_all_begun, started_at, telling_pod
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import ExitReason
from sweeps.trials import Exit

_WATCH_LAG = dt.timedelta(seconds=10)


def status_of(attempt_id: AttemptId, seen: Sighting, *, now: dt.datetime) -> AttemptStatus:
    """The attempt's status; of an attempt of several pods, that of the first one to fail."""
    pod = telling_pod(seen)
    exit_ = None if _is_ahead(seen, now) else _exit(seen, pod)
    phase = AttemptPhase.EXITED if exit_ is not None else AttemptPhase.PENDING
    began_at = started_at(pod)
    if pod is None and condition(seen.job, "Complete") is not None:
        began_at = time_of(status(seen.job).get("startTime"))  # its pod was tidied away
    if exit_ is None and not have_all_begun(seen):
        began_at = None  # it runs when the last of its pods does
    if exit_ is None and began_at is not None:
        phase = AttemptPhase.RUNNING
    return AttemptStatus(
        attempt_id=attempt_id,
        phase=phase,
        started_at=began_at,
        ended_at=_ended_at(seen, pod, began_at) if exit_ is not None else None,
        exit=exit_,
        node=str(part(pod, "spec").get("nodeName") or "") if pod is not None else "",
        image=_image(pod),
        scheduled_at=_scheduled_at(pod),
        waits_for=_waits_for(seen) if phase is AttemptPhase.PENDING else "",
    )


def _is_ahead(seen: Sighting, now: dt.datetime) -> bool:
    """Whether the watch of the Jobs may have told of an end that that of the pods has not yet."""
    ended = condition(seen.job, "Complete") or condition(seen.job, "Failed")
    if ended is None or seen.is_deleted or annotation(seen.job, names.STOP_REASON):
        return False  # of one that we have stopped, nothing more is to be learned from its pods
    ended_at = time_of(ended.get("lastTransitionTime"))
    is_fresh = ended_at is not None and now - ended_at < _WATCH_LAG
    has_none = not seen.pods and not seen.deleted_pods
    return bool(seen.live_pods) or (has_none and is_fresh)


def _exit(seen: Sighting, pod: KubeObject | None) -> Exit | None:
    job = seen.job
    if condition(job, "Complete") is not None:
        return Exit(reason=ExitReason.COMPLETED, code=0)
    own = _own_exit(seen, pod)
    stopped = annotation(job, names.STOP_REASON)
    if stopped:
        # Times are whole seconds; a pod that is being deleted is so by our stop.
        is_other = own is not None and own.reason is not ExitReason.DELETED
        if is_other and _ended_before_stop(job, pod):
            return own
        if seen.live_pods and not seen.is_deleted:
            return None
        return Exit(
            reason=ExitReason(stopped),
            code=own.code if own is not None else None,
            message=annotation(job, names.STOP_MESSAGE),
        )
    return own


def _own_exit(seen: Sighting, pod: KubeObject | None) -> Exit | None:
    """How it ended without our doing; None while it has not."""
    failed = condition(seen.job, "Failed")
    if failed is not None and failed.get("reason") == "DeadlineExceeded":
        return Exit(reason=ExitReason.TIMED_OUT, message=str(failed.get("message", "")))
    if pod is not None and seen.is_over(pod):
        ended = pod_exit(pod)
        is_alone = len(seen.pods) + len(seen.deleted_pods) == 1
        is_untold = ended.reason is ExitReason.LOST and any(pod is one for one in seen.deleted_pods)
        if ended.reason is ExitReason.DELETED:
            # Perhaps we have stopped it, and the watch of the Jobs is behind: its Job will tell.
            return ended if failed is not None or seen.is_deleted else None
        # A Job of several pods is over when the last one is; the first failure ends it. Of a pod
        # that went while nobody could look, the Job tells more.
        if not is_untold and (ended.reason is not ExitReason.COMPLETED or is_alone):
            return ended
    if failed is not None:
        message = str(failed.get("message", ""))
        return Exit(reason=ExitReason.DELETED, message=f"its pod is gone: {message}")
    if seen.is_deleted:
        return Exit(reason=ExitReason.DELETED, message="its Job was deleted by somebody else")
    return None


def _ended_before_stop(job: KubeObject, pod: KubeObject | None) -> bool:
    ended_at = time_of((terminated(pod) or {}).get("finishedAt")) if pod is not None else None
    stopped_at = time_of(annotation(job, names.STOPPED_AT))
    return ended_at is not None and stopped_at is not None and ended_at < stopped_at


def _image(pod: KubeObject | None) -> str:
    """With its digest, as the kubelet resolved it.

    Without a repository it is the id of an image that only its node has: nobody can pull by that.
    """
    if pod is None:
        return ""
    told = container_status(pod)
    name, ran = str(told.get("image") or ""), str(told.get("imageID") or "")
    repository, found, sha256 = ran.rpartition("sha256:")
    if not found or not name:
        return ""
    name = name.partition("@")[0]
    return f"{name}@sha256:{sha256}" if repository.endswith("@") else f"{name} (id sha256:{sha256})"


def _scheduled_at(pod: KubeObject | None) -> dt.datetime | None:
    scheduled = condition(pod, "PodScheduled") if pod is not None else None
    return None if scheduled is None else time_of(scheduled.get("lastTransitionTime"))


def _waits_for(seen: Sighting) -> str:
    """Why it does not run yet."""
    pod = next((pod for pod in seen.live_pods if not has_begun(pod)), None)
    why = f": {seen.complaint.message}" if seen.complaint.message else ""
    if part(seen.job, "spec").get("suspend"):
        return f"waits for its queue to admit it{why}"
    if pod is None:
        return f"no pod yet{why}" if why else "waits for its pod"
    unscheduled = refuted(pod, "PodScheduled")
    if unscheduled is not None:
        return f"no node yet: {unscheduled.get('message', '')}"
    waiting = part(container_state(pod), "waiting")
    if waiting.get("reason") in {None, "ContainerCreating", "PodInitializing"}:
        return "its container is being made"
    return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")


def _ended_at(
    seen: Sighting, pod: KubeObject | None, began_at: dt.datetime | None
) -> dt.datetime | None:
    """The latest of what is told: seconds are whole ones, so nothing ends before it began."""
    failed = condition(seen.job, "Failed") or {}
    candidates = (
        time_of((terminated(pod) or {}).get("finishedAt")) if pod is not None else None,
        time_of(status(seen.job).get("completionTime")),
        time_of(failed.get("lastTransitionTime")),
        time_of(annotation(seen.job, names.STOPPED_AT)),
    )
    found = next((one for one in candidates if one is not None), None)
    return max(found, began_at) if found is not None and began_at is not None else found
