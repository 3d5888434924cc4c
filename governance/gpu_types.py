"""Types of GPUs: what people call a model, and what drivers and nodes call it. Pure."""

import re
from functools import lru_cache

_MAKERS = frozenset({"nvidia", "amd", "intel", "tesla", "geforce", "instinct"})


@lru_cache(maxsize=4096)
def gpu_words(model: str) -> tuple[str, ...]:
    """A model's name in words: `NVIDIA-A100-SXM4-80GB` and `a100 sxm4 80gb` have the same ones.

    Names of makers and of product lines go, since labels of nodes have them and people leave them
    out.
    """
    words = tuple(re.findall(r"[a-z0-9]+", model.lower()))
    short = tuple(word for word in words if word not in _MAKERS)
    return short or words


def gpu_type(model: str) -> str:
    """A model's name as the ledger and the price book write it: ``a100-sxm4-80gb``."""
    return "-".join(gpu_words(model))


def is_gpu_type(asked: str, model: str) -> bool:
    """Whether `model` is one of the type that was asked for: `a100` asks for all A100s."""
    words = gpu_words(asked)
    return gpu_words(model)[: len(words)] == words
