"""The machine: node, processor, memory, GPUs and how they are wired."""

import os
import platform
from pathlib import Path
from typing import Any

from sweepworks.system.nvml import open_gpus

NODE = "SWEEPWORKS_NODE"  #: where a container cannot see it


def hardware() -> dict[str, Any]:
    """What there is. Where a driver of GPUs is to be asked it may take seconds."""
    gpus = open_gpus(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
    return {
        "node": os.environ.get(NODE) or platform.node(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_bytes": _memory(),
        "gpus": [] if gpus is None else gpus.describe(),
        "gpu_topology": {} if gpus is None else gpus.topology(),
        "driver": None if gpus is None else gpus.driver(),
    }


def _cpu() -> str:
    try:
        for line in (
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        ):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
