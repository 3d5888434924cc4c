"""What our objects are called, and how they are found again.

Attempts have names that are legal for Jobs, pods and labels already (see `sweeps.ids`). What people
typed, such as an experiment, is not: as a label it is made legal, as an annotation it stays.
"""

import datetime as dt
import hashlib
import re
from typing import Any

LABEL_BYTES = 63  #: of a value; Kubernetes' limit

CONTAINER = "trial"  #: the one of a pod that executes the command

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "sweepworks"
INSTALLATION = "sweepworks.io/installation"  #: whose objects they are; two may share a cluster
TENANT = "sweepworks.io/tenant"
EXPERIMENT = "sweepworks.io/experiment"
SWEEP = "sweepworks.io/sweep"
RUN = "sweepworks.io/run"
ATTEMPT = "sweepworks.io/attempt"

ONLY_NEAR = (
    "sweepworks.io/only-near"  #: annotation of Jobs: storage pools whose nodes they have to be on
)

GPU_RESOURCE = "sweepworks.io/gpu-resource"  #: annotation of pods: what a GPU is called there

INDEX = "batch.kubernetes.io/job-completion-index"  #: annotation of an indexed Job's pods

STOP_REASON = "sweepworks.io/stop-reason"  #: annotation: why we have ended it
STOP_MESSAGE = "sweepworks.io/stop-message"
STOPPED_AT = "sweepworks.io/stopped-at"  #: annotation: RFC 3339

_LEGAL = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_DIGEST = 8


def label_value(text: str) -> str:
    """`text` as a label's value: itself if it is legal, else what is left of it and a digest.

    Different texts get different values; the same text always the same.
    """
    if _LEGAL.fullmatch(text):
        return text
    kept = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[: LABEL_BYTES - _DIGEST - 1].strip("-_.")
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{kept}-{digest}" if kept else digest


def stop_annotations(reason: str, message: str, *, at: dt.datetime) -> dict[str, str]:
    """What a Job says from then on of why it does not run."""
    return {
        STOP_REASON: str(reason),
        STOPPED_AT: at.isoformat(timespec="milliseconds"),
        **({STOP_MESSAGE: message} if message else {}),
    }


def stop_patch(reason: str, message: str, *, at: dt.datetime) -> dict[str, Any]:
    """A merge patch that ends a Job's pods, and keeps the Job."""
    return {
        "metadata": {"annotations": stop_annotations(reason, message, at=at)},
        # Without places for pods, too: a queue may let go on what is suspended.
        "spec": {"suspend": True, "parallelism": 0},
    }


def reaped_marker(sweep_id: str) -> str:
    """Name of the Job, never started, that says that a sweep is over."""
    return f"{sweep_id}-over"


def selector(**labels: str) -> str:
    """A label selector for objects with all of the labels, by their short names."""
    names = {"installation": INSTALLATION, "sweep": SWEEP, "attempt": ATTEMPT, "tenant": TENANT}
    terms = [f"{MANAGED_BY}={MANAGER}"]
    terms += [f"{names[short]}={label_value(value)}" for short, value in labels.items()]
    return ",".join(terms)
