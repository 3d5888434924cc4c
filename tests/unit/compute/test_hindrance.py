"""For how long an attempt may be kept from starting."""

import datetime as dt

import pytest

from compute.kubernetes import names
from compute.kubernetes.hindrance import Patience, hindrance
from compute.kubernetes.objects import KubeObject
from compute.kubernetes.sighting import Sighting
from sweeps.states import ExitReason
from sweeps.trials import Exit

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
WORDS = "0/5 nodes are available"
POD: KubeObject = {
    "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "status": {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": WORDS,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    },
}


def a_job(**annotations: str) -> KubeObject:
    metadata = {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": {**metadata, "annotations": annotations}, "spec": {}}


@pytest.mark.parametrize(
    ("job", "hours"), [(a_job(), 1), (a_job(**{names.ONLY_NEAR: "ssd-west"}), 24)]
)
def test_what_has_to_be_near_its_data_waits_longer_for_a_node(job: KubeObject, hours: int) -> None:
    seen, ends_at = Sighting(job=job, pods=[POD]), BEGAN + dt.timedelta(hours=hours)
    almost = ends_at - dt.timedelta(seconds=1)

    assert hindrance(seen, now=almost, patience=Patience()) is None
    assert hindrance(seen, now=ends_at, patience=Patience()) == Exit(
        reason=ExitReason.UNSCHEDULABLE, message=WORDS
    )
