"""Interpreter, packages, lockfile, image, and what of a GPU's software can be told without it."""

import hashlib
import json
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from sweepworks.provenance.code import without_credentials

IMAGE = "SWEEPWORKS_IMAGE"  #: with its digest; whoever starts a container says it
_LOCKFILES = (
    "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock", "conda-lock.yml",
    "requirements.lock", "requirements.txt", "environment.yml",
)  # fmt: skip
_FRAMEWORKS = ("torch", "tensorflow", "jax", "numpy", "scikit-learn", "transformers", "lightning")
_MOST_LOCKFILE_BYTES = 20_000_000
#: Variables that change results, or where work goes. Nothing else of the environment is recorded:
#: it is full of secrets.
ALLOWED = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE", "TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "XLA_FLAGS",
    "PYTHONHASHSEED", "PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE", "NCCL_ALGO", "NCCL_PROTO", "WORLD_SIZE", "RANK", "LOCAL_RANK",
    "CONDA_DEFAULT_ENV", "VIRTUAL_ENV", "LANG", "TZ",
)  # fmt: skip
EXTRA_VARIABLES = "SWEEPWORKS_RECORD_ENV"  #: names besides them, with commas
_SECRET = re.compile(r"token|secret|passw|api_?key|credential|private", re.IGNORECASE)


def software(root: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the run's results may depend on beside its code. Takes some 50 ms for 300 packages."""
    found = list(_packages())
    packages = dict(sorted((name, version) for name, version, _ in found))
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "system": platform.platform(),
        "packages": packages,
        "direct_urls": _direct_urls(found),
        "packages_digest": _digest(json.dumps(packages).encode()),
        "frameworks": {name: packages[name] for name in _FRAMEWORKS if name in packages},
        "cuda": _cuda(packages),
        "lockfile": _lockfile(root),
        "image": environment.get(IMAGE) or None,
        "environment": _allowed(environment),
    }


def _packages() -> Iterator[tuple[str, str, Distribution]]:
    for found in distributions():
        # One whose metadata is gone, or half written, has no name.
        name: str | None = found.metadata["Name"] if found.metadata else None
        if name:
            yield re.sub(r"[-_.]+", "-", name).lower(), found.version or "", found


def _direct_urls(packages: Iterable[tuple[str, str, Distribution]]) -> dict[str, Any]:
    """What PEP 610 has of packages that came from no index: a folder, a commit, a file."""
    found: dict[str, Any] = {}
    for name, _, distribution in packages:
        try:
            text = distribution.read_text("direct_url.json")
            # Conda notes where it was built, and has an index all the same.
            if text and (distribution.read_text("INSTALLER") or "").strip() != "conda":
                direct = json.loads(text)
                found[name] = {**direct, "url": without_credentials(str(direct["url"]))}
        except (OSError, ValueError, KeyError, TypeError):  # half written, or by something else
            continue
    return dict(sorted(found.items()))


def _cuda(packages: Mapping[str, str]) -> dict[str, str | None]:
    """By the wheels that bring it; a framework that is loaded already says what it really uses."""
    versions = {
        "runtime": next(
            (v for n, v in packages.items() if n.startswith("nvidia-cuda-runtime")), None
        ),
        "cudnn": next((v for n, v in packages.items() if n.startswith("nvidia-cudnn")), None),
        "nccl": next((v for n, v in packages.items() if n.startswith("nvidia-nccl")), None),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        versions["runtime"] = (
            getattr(getattr(torch, "version", None), "cuda", None) or versions["runtime"]
        )
    return versions


def _lockfile(root: Path) -> dict[str, str] | None:
    for name in _LOCKFILES:
        path = root / name
        try:
            if path.is_file() and path.stat().st_size <= _MOST_LOCKFILE_BYTES:
                return {"name": name, "sha256": _digest(path.read_bytes())}
        except OSError:
            continue
    return None


def _allowed(environment: Mapping[str, str]) -> dict[str, str]:
    extra = [name.strip() for name in environment.get(EXTRA_VARIABLES, "").split(",")]
    names = [*ALLOWED, *(name for name in extra if name and not _SECRET.search(name))]
    return {name: environment[name][:2000] for name in names if name in environment}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
