"""What is known of one attempt's objects in the cluster. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from compute.kubernetes.objects import KubeObject, condition, part, status

OVER = frozenset({"Succeeded", "Failed"})  #: phases of pods that execute nothing any more


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a Job has no pods."""

    message: str = ""
    is_final: bool = False  #: it will never have any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """All that is known of one attempt's objects."""

    job: KubeObject
    is_deleted: bool = False  #: the Job is gone, and this its last state
    pods: Sequence[KubeObject] = ()
    deleted_pods: Sequence[KubeObject] = ()  #: their last states
    complaint: Complaint = field(default_factory=Complaint)  #: why no pod is made

    @property
    def live_pods(self) -> list[KubeObject]:
        """Those that execute something, or may."""
        return [pod for pod in self.pods if status(pod).get("phase") not in OVER]

    def is_over(self, pod: KubeObject) -> bool:
        """Whether that pod executes nothing any more."""
        return status(pod).get("phase") in OVER or any(pod is one for one in self.deleted_pods)


def n_nodes(job: KubeObject) -> int:
    """Pods of an attempt."""
    return int(part(job, "spec").get("completions") or 1)


def is_without_pods(seen: Sighting) -> bool:
    """Whether a Job that may run has not got a pod, nor had one: a quota may forbid it."""
    is_held = bool(part(seen.job, "spec").get("suspend")) or seen.is_deleted
    return not (is_held or is_finished(seen.job) or seen.pods or seen.deleted_pods)


def is_finished(job: KubeObject) -> bool:
    """Whether the Job itself has come to an end, one way or the other."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None
