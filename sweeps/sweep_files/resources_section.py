"""What the section `resources` asks for, from values that are good."""

from collections.abc import Mapping
from typing import Any

from sweeps.specs import Resources


def resources_of(read: Mapping[str, Any]) -> Resources:
    """Of a trial, or of a run of an evaluation; see `fields` for the keys."""
    return Resources(
        cpu=read["cpu"],
        memory_bytes=read["memory"],
        gpu=read["gpu"],
        gpu_type=read["gpu_type"] or "",
    )
