"""Why an attempt does not start, and for how long that is worth waiting. Pure."""

import datetime as dt
from dataclasses import dataclass

from compute.kubernetes import admission, names
from compute.kubernetes.objects import (
    KubeObject,
    annotation,
    part,
    refuted,
    status,
    time_of,
)
from compute.kubernetes.pod_outcome import container_state, container_status
from compute.kubernetes.sighting import Sighting, is_without_pods
from sweeps.states import ExitReason
from sweeps.trials import Exit

_PULL = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"}
_PULL_AT_ONCE = {"InvalidImageName"}
_CONFIGURATION = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a pod may be kept from starting."""

    unschedulable: dt.timedelta = dt.timedelta(hours=1)
    #: Likewise, of pods that have to be near a storage pool: a peak lasts for hours, and is no fault.
    near_data: dt.timedelta = dt.timedelta(days=1)
    image_pull: dt.timedelta = dt.timedelta(minutes=5)  #: registries come back, typing errors stay
    configuration: dt.timedelta = dt.timedelta(minutes=2)  #: for a secret that is made meanwhile


def hindrance(seen: Sighting, *, now: dt.datetime, patience: Patience) -> Exit | None:
    """Why an attempt that has not started is not worth waiting for any longer."""
    if admission.waits(seen.job):
        if seen.complaint.is_final:
            return Exit(reason=ExitReason.PREEMPTED, message=seen.complaint.message)
        return None  # a queue takes as long as it takes
    may_run_since = _may_run_since(seen.job) or now
    if is_without_pods(seen) and now - may_run_since >= patience.unschedulable:
        why = f": {seen.complaint.message}" if seen.complaint.message else ""
        return Exit(reason=ExitReason.UNSCHEDULABLE, message=f"no pod was made for it{why}")
    for pod in seen.live_pods:
        created_at = time_of(pod["metadata"].get("creationTimestamp")) or now
        waiting = part(container_state(pod), "waiting")
        reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        age = now - created_at
        if reason in _PULL_AT_ONCE or (reason in _PULL and age >= patience.image_pull):
            image = container_status(pod).get("image", "")
            return Exit(
                reason=ExitReason.IMAGE_PULL_FAILED,
                message=f"the image {image!r} cannot be pulled: {message or reason}",
            )
        if reason in _CONFIGURATION and age >= patience.configuration:
            return Exit(reason=ExitReason.LAUNCH_FAILED, message=f"{reason}: {message}")
        unscheduled = refuted(pod, "PodScheduled")
        if unscheduled is not None and unscheduled.get("reason") == "Unschedulable":
            since = time_of(unscheduled.get("lastTransitionTime")) or created_at
            is_near = bool(annotation(seen.job, names.ONLY_NEAR))
            if now - since >= (patience.near_data if is_near else patience.unschedulable):
                return Exit(
                    reason=ExitReason.UNSCHEDULABLE, message=str(unscheduled.get("message", ""))
                )
    return None


def _may_run_since(job: KubeObject) -> dt.datetime | None:
    """When pods of the Job could have been made; None: not yet."""
    if admission.is_queued(job):
        return time_of(status(job).get("startTime"))  # set again at each admission
    return time_of(job["metadata"].get("creationTimestamp"))
