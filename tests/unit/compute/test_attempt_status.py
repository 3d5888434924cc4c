"""What of a pod's status an attempt keeps."""

import datetime as dt

import pytest

from compute.kubernetes.attempt_status import status_of
from compute.kubernetes.objects import KubeObject
from compute.kubernetes.sighting import Sighting
from sweeps.ids import AttemptId
from sweeps.states import ExitReason

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
JOB: KubeObject = {"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}}
SHA = "sha256:" + "a" * 64


def a_pod(image: str, ran: str) -> KubeObject:
    container = {
        "name": "trial",
        "image": image,
        "imageID": ran,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }


@pytest.mark.parametrize(
    ("image", "ran", "expected"),
    [
        ("r.example/a:1", f"r.example/a@{SHA}", f"r.example/a:1@{SHA}"),
        ("r.example/a:1", f"docker-pullable://r.example/a@{SHA}", f"r.example/a:1@{SHA}"),
        (f"r.example/a@{SHA}", f"r.example/a@{SHA}", f"r.example/a@{SHA}"),
        # Known to the node alone: there is nothing to pull by that.
        ("r.example/a:1", SHA, f"r.example/a:1 (id {SHA})"),
        ("r.example/a:1", f"docker://{SHA}", f"r.example/a:1 (id {SHA})"),
        ("r.example/a:1", "", ""),
    ],
)
def test_the_image_is_the_one_that_ran(image: str, ran: str, expected: str) -> None:
    seen = Sighting(job=JOB, pods=[a_pod(image, ran)])

    assert status_of(AttemptId("a"), seen, now=NOW).image == expected


def an_ended_pod(
    name: str,
    *,
    code: int | None = None,
    ended: str = "",
    leaving: str = "",
    disrupted: bool = False,
) -> KubeObject:
    """Leaving: when it is to be gone, 30 s after it was told to."""
    terminated = {
        "exitCode": code,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": f"2026-01-01T00:{ended}Z",
    }
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}} if code is None else {
        "terminated": terminated
    }  # fmt: skip
    deleted = {
        "deletionTimestamp": f"2026-01-01T00:{leaving}Z",
        "deletionGracePeriodSeconds": 30,
    }
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **(deleted if leaving else {}),
        },
        "status": {
            "phase": "Running" if code is None else "Failed",
            "containerStatuses": [{"name": "trial", "state": state}],
            "conditions": [disruption] if disrupted else [],
        },
    }


FAILED_JOB: KubeObject = {
    **JOB,
    "spec": {"completions": 2},
    "status": {
        "conditions": [
            {"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:40Z"}
        ]
    },
}


@pytest.mark.parametrize(
    ("failed", "other", "reason"),
    [
        # The Job has ended the other one, which had no time to say how.
        (
            an_ended_pod("a", code=3, ended="00:10"),
            an_ended_pod("b", leaving="00:40"),
            ExitReason.SCRIPT_FAILED,
        ),
        (
            an_ended_pod("a", code=3, ended="00:10"),
            an_ended_pod("b", code=143, ended="00:10", leaving="00:40"),
            ExitReason.SCRIPT_FAILED,
        ),
        # A node was drained; the other script broke in the same second for that.
        (
            an_ended_pod("a", code=1, ended="00:10"),
            an_ended_pod("b", code=143, ended="00:10", leaving="00:40", disrupted=True),
            ExitReason.EVICTED,
        ),
    ],
)
def test_of_several_pods_the_first_one_to_fail_says_why(
    failed: KubeObject, other: KubeObject, reason: ExitReason
) -> None:
    for seen in (
        Sighting(job=FAILED_JOB, pods=[failed], deleted_pods=[other]),
        Sighting(job=FAILED_JOB, deleted_pods=[other, failed]),
    ):
        status = status_of(AttemptId("a"), seen, now=NOW + dt.timedelta(hours=1))

        assert status.exit is not None
        assert status.exit.reason is reason
