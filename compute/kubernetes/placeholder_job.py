"""Jobs that stand for what is never to start."""

from collections.abc import Mapping
from typing import Any

from compute.kubernetes import names


def placeholder_job(
    name: str, *, sweep_id: str, installation: str, annotations: Mapping[str, str]
) -> dict[str, Any]:
    """A Job that never starts: its name is taken, and what it says is kept."""
    labels = {
        names.MANAGED_BY: names.MANAGER,
        names.INSTALLATION: names.label_value(installation),
        names.SWEEP: names.label_value(sweep_id),
    }
    nothing = {"name": names.CONTAINER, "image": "none.invalid/never-started"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels, "annotations": dict(annotations)},
        "spec": {
            "suspend": True,
            "parallelism": 0,
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "containers": [nothing],
                },
            },
        },
    }
