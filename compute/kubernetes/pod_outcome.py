"""How a pod has ended, from what the kubelet and the control plane write into it.

Reasons of the condition `DisruptionTarget`: Kubernetes, "Disruptions", pod disruption conditions.
"""

import re
import signal

from compute.kubernetes import names
from compute.kubernetes.objects import KubeObject, condition, items, part, status
from sweeps.states import ExitReason
from sweeps.trials import Exit

_DISRUPTIONS = {
    "PreemptionByScheduler": ExitReason.PREEMPTED,
    "DeletionByTaintManager": ExitReason.NODE_LOST,
    "DeletionByPodGC": ExitReason.NODE_LOST,
    "EvictionByEvictionAPI": ExitReason.EVICTED,
    "TerminationByKubelet": ExitReason.EVICTED,
}
_POD_REASONS = {
    "Evicted": ExitReason.EVICTED,
    "Preempting": ExitReason.PREEMPTED,
    "Preempted": ExitReason.PREEMPTED,
    "NodeLost": ExitReason.NODE_LOST,
    "NodeShutdown": ExitReason.EVICTED,
    "Shutdown": ExitReason.EVICTED,
    "Terminated": ExitReason.EVICTED,
    "NodeAffinity": ExitReason.EVICTED,
    "UnexpectedAdmissionError": ExitReason.EVICTED,
    "OutOfcpu": ExitReason.EVICTED,
    "OutOfmemory": ExitReason.EVICTED,
    "DeadlineExceeded": ExitReason.TIMED_OUT,
}
#: The runtime could not start the command: runc, containerd and Docker's shim call it so.
_NO_START = {"StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"}
_FOREIGN = {signal.SIGKILL, signal.SIGTERM}  #: that nobody here has sent: the machine's doing
_MOST_MESSAGE = 4000
_NOTHING: KubeObject = {}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def pod_exit(pod: KubeObject) -> Exit:
    """Of a pod whose phase is Succeeded or Failed, or that was deleted before it came to that."""
    said = status(pod)
    ended = terminated(pod)
    code = None if ended is None else int(ended.get("exitCode", 0))
    message = _message(said, ended)
    if said.get("phase") == "Succeeded" or (code == 0 and said.get("phase") != "Failed"):
        return Exit(reason=ExitReason.COMPLETED, code=0)
    disruption = condition(pod, "DisruptionTarget")
    if disruption is not None:
        reason = _DISRUPTIONS.get(str(disruption.get("reason")), ExitReason.EVICTED)
        return Exit(reason=reason, code=code, message=str(disruption.get("message") or message))
    if ended is not None and ended.get("reason") == "OOMKilled":
        return Exit(reason=ExitReason.OUT_OF_MEMORY, code=code, message=message)
    if said.get("reason") in _POD_REASONS:
        return Exit(reason=_POD_REASONS[str(said["reason"])], code=code, message=message)
    if ended is not None and ended.get("reason") in _NO_START:
        return Exit(reason=ExitReason.LAUNCH_FAILED, code=code, message=message)
    if pod["metadata"].get("deletionTimestamp"):
        return Exit(
            reason=ExitReason.DELETED, code=code, message="its pod was deleted by somebody else"
        )
    if code is None or (ended is not None and ended.get("reason") == "ContainerStatusUnknown"):
        return Exit(reason=ExitReason.LOST, message=message or "its pod ended without a word")
    return _exit_of_code(code, message)


def _exit_of_code(code: int, message: str) -> Exit:
    if code - 128 in _FOREIGN:
        return Exit(reason=ExitReason.KILLED, code=code, signal=code - 128, message=message)
    return Exit(reason=ExitReason.SCRIPT_FAILED, code=code, message=message)


def terminated(pod: KubeObject) -> KubeObject | None:
    """How the trial's container ended; None while it has not."""
    return part(container_state(pod), "terminated") or None


def has_begun(pod: KubeObject) -> bool:
    """Whether the trial's container was started."""
    state = container_state(pod)
    return bool(part(state, "running") or part(state, "terminated").get("startedAt"))


def container_state(pod: KubeObject) -> KubeObject:
    """`state` of the trial's container; empty when the kubelet has not said anything yet."""
    return part(container_status(pod), "state")


def container_status(pod: KubeObject) -> KubeObject:
    """What the kubelet says of the trial's container."""
    statuses = items(status(pod), "containerStatuses")
    return next((one for one in statuses if one.get("name") == names.CONTAINER), _NOTHING)


def _message(pod_status: KubeObject, ended: KubeObject | None) -> str:
    said = (ended or {}).get("message") or pod_status.get("message") or ""
    # No database takes NUL in a text.
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(said)).strip()[-_MOST_MESSAGE:]
