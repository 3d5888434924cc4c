"""Reading what scripts have recorded of themselves: any part may be missing, or be something else."""

from collections.abc import Mapping, Sequence
from typing import Any, cast


def part(document: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    """An object in it; an empty one where there is none."""
    value: object = None if document is None else document.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def texts(document: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """An object of texts in it, without what is no text."""
    return {key: value for key, value in part(document, name).items() if isinstance(value, str)}


def items(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A list in it; an empty one where there is none."""
    value: object = document.get(name)
    return cast("Sequence[Any]", value) if isinstance(value, list) else []


def words(document: Mapping[str, Any], name: str) -> list[str]:
    """The same as texts."""
    return [str(item) for item in items(document, name)]


def text(document: Mapping[str, Any], name: str) -> str | None:
    """A text in it; None where there is none, or an empty one."""
    value: object = document.get(name)
    return value if isinstance(value, str) and value else None


def gpu_models(hardware: Mapping[str, Any]) -> list[str]:
    """What its GPUs are called, in order."""
    gpus = [cast("Mapping[str, Any]", g) for g in items(hardware, "gpus") if isinstance(g, Mapping)]
    return sorted(str(gpu.get("model") or "?") for gpu in gpus)
