"""Seeds: set everywhere at once from one number, and written down."""

import hashlib
import os
import random
import sys
from importlib.util import find_spec
from typing import Any

_MOST_NUMPY = 2**32


def seed_everything(seed: int, *, deterministic: bool = False) -> dict[str, Any]:
    """Seed Python, and numpy, torch and tensorflow as far as the script has imported them.

    So call it below the imports: to import for it what it may not use would take seconds. Each gets a number of its own, made from `seed` and its name, so that two of them do not draw
    the same. Best effort on GPUs: bitwise equal results need the same hardware and libraries, and
    `deterministic`.

    Args:
        seed: The run's.
        deterministic: Also ask torch and tensorflow for deterministic operations, which are slower
            and, of torch, raise where there is none.

    Returns:
        What was set, by name; `not_imported` are those of them that are installed and were not.
    """
    made = {name: derived(seed, name) for name in ("python", "numpy", "torch", "tensorflow")}
    done: dict[str, Any] = {"seed": seed, "deterministic": deterministic, "python": made["python"]}
    random.seed(made["python"])
    # For processes that this one starts; its own hashes were fixed when it began.
    done["hash_seed"] = os.environ.setdefault("PYTHONHASHSEED", str(seed % _MOST_NUMPY))
    numpy = _module("numpy")
    if numpy is not None:
        numpy.random.seed(made["numpy"])
        done["numpy"] = made["numpy"]
    torch = _module("torch")
    if torch is not None:
        torch.manual_seed(made["torch"])  # of all devices, at once or when they are first used
        done["torch"] = made["torch"]
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.backends.cudnn.benchmark = False
            torch.use_deterministic_algorithms(True)
        done["torch_flags"] = {
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
        }
    tensorflow = _module("tensorflow")
    if tensorflow is not None:
        tensorflow.random.set_seed(made["tensorflow"])
        done["tensorflow"] = made["tensorflow"]
        if deterministic:
            tensorflow.config.experimental.enable_op_determinism()
    done["not_imported"] = [
        name for name in ("numpy", "torch", "tensorflow") if name not in done and find_spec(name)
    ]
    return done


def derived(seed: int, name: str) -> int:
    """A number of 32 bits for one use of a seed."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big")


def _module(name: str) -> Any:
    """A module that the script has imported. What it does not use is not imported for it."""
    return sys.modules.get(name)
