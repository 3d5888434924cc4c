"""What a figure was measured on, and how it is printed: a table for people, JSON for machines."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import psutil

Figures = Mapping[str, object]


def describe() -> dict[str, object]:
    """The machine in a few words; a figure without them means nothing."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load": [round(value, 1) for value in load],  # others at work make figures worse
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def show(figures: Figures, *, as_json: bool) -> None:
    """Print the figures; with `as_json`, one object on the last line."""
    figures = {**figures, "machine": describe()}
    if as_json:
        print(json.dumps(figures))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        print(
            f"{name:<{width}}  {value:.3f}"
            if isinstance(value, float)
            else f"{name:<{width}}  {value}"
        )
