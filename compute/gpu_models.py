"""What the GPUs of this machine are, as NVIDIA's driver calls them."""

import functools
from collections.abc import Iterable

from sweepworks.system.nvml import open_gpus


def model_of(devices: Iterable[str]) -> str:
    """The model of devices, by their numbers or identifiers; several are named with commas.

    Empty where no driver tells. May take seconds the first time.
    """
    return ", ".join(dict.fromkeys(filter(None, [_model(device) for device in devices])))


@functools.cache
def _model(device: str) -> str:
    gpus = open_gpus(visible=device)
    if gpus is None:
        return ""
    return next((str(one["model"] or "") for one in gpus.describe()), "")
