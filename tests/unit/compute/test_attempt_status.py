"""What of a pod's status an attempt keeps."""

import datetime as dt

import pytest

from compute.kubernetes.attempt_status import status_of
from compute.kubernetes.objects import KubeObject
from compute.kubernetes.sighting import Sighting
from sweeps.ids import AttemptId

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
