"""How a pod has ended, by what its status says."""

from typing import Any

import pytest

from compute.kubernetes.pod_outcome import pod_exit
from sweeps.states import ExitReason


def a_pod(
    *, phase: str = "Failed", deleted: bool = False, terminated: object = None, **status: Any
) -> dict[str, Any]:
    states = [{"name": "trial", "state": {"terminated": terminated}}] if terminated else []
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}
    return {
        "metadata": {"name": "p", **leaving},
        "status": {"phase": phase, "containerStatuses": states, **status},
    }


def disrupted(reason: str) -> list[dict[str, str]]:
    return [{"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "why"}]


@pytest.mark.parametrize(
    ("pod", "reason", "code"),
    [
        (a_pod(phase="Succeeded", terminated={"exitCode": 0}), ExitReason.COMPLETED, 0),
        (a_pod(terminated={"exitCode": 3}), ExitReason.SCRIPT_FAILED, 3),
        (a_pod(terminated={"exitCode": 139}), ExitReason.SCRIPT_FAILED, 139),
        (a_pod(terminated={"exitCode": 137, "reason": "Error"}), ExitReason.KILLED, 137),
        (a_pod(terminated={"exitCode": 143, "reason": "Error"}), ExitReason.KILLED, 143),
        (a_pod(terminated={"exitCode": 137, "reason": "OOMKilled"}), ExitReason.OUT_OF_MEMORY, 137),
        (a_pod(terminated={"exitCode": 128, "reason": "StartError"}), ExitReason.LAUNCH_FAILED, 128),
        (
            a_pod(terminated={"exitCode": 137, "reason": "ContainerStatusUnknown"}),
            ExitReason.LOST, None,
        ),
        (a_pod(), ExitReason.LOST, None),
        (a_pod(reason="Evicted", message="low on memory"), ExitReason.EVICTED, None),
        (a_pod(reason="NodeLost"), ExitReason.NODE_LOST, None),
        (a_pod(reason="DeadlineExceeded"), ExitReason.TIMED_OUT, None),
        (a_pod(deleted=True, terminated={"exitCode": 143}), ExitReason.DELETED, 143),
        (a_pod(phase="Running", deleted=True), ExitReason.DELETED, None),
        (
            a_pod(deleted=True, terminated={"exitCode": 137},
                  conditions=disrupted("PreemptionByScheduler")),
            ExitReason.PREEMPTED, 137,
        ),
        (a_pod(conditions=disrupted("DeletionByTaintManager")), ExitReason.NODE_LOST, None),
        (a_pod(conditions=disrupted("SomethingNew")), ExitReason.EVICTED, None),
    ],
)  # fmt: skip
def test_each_way_to_end_has_a_name(
    pod: dict[str, Any], reason: ExitReason, code: int | None
) -> None:
    ended = pod_exit(pod)

    assert (ended.reason, ended.code) == (reason, code)


def test_a_script_that_ends_well_while_it_is_asked_to_leave_has_ended_well() -> None:
    pod = a_pod(phase="Running", deleted=True, terminated={"exitCode": 0})

    assert pod_exit(pod).reason is ExitReason.COMPLETED


def test_the_last_lines_of_the_log_are_the_message() -> None:
    pod = a_pod(terminated={"exitCode": 1, "message": "x" * 9000 + "\nValueError: \x00no\n"})

    message = pod_exit(pod).message

    assert message.endswith("ValueError: \ufffdno")
    assert len(message) <= 4000
