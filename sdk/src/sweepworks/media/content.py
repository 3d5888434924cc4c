"""Something to be stored, as the script gave it: copied already, turned into bytes later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NotMedia(ValueError):
    """What a script gave is not what it should be; the text says what would be."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """Content of a file to be."""

    extension: str  #: without the dot
    size_bytes: int  #: about what it takes in memory
    encode: Callable[[], bytes]  #: its bytes; may take a while, and may raise anything

    @classmethod
    def of(cls, extension: str, content: bytes) -> "Content":
        """Bytes that are as they should be."""
        return cls(extension, len(content), lambda: content)


def as_array(value: Any) -> Any:
    """An array of numpy's, or what can be made one: tensors are brought from their device.

    Raises:
        NotMedia: It is none.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif not hasattr(value, "dtype") and hasattr(value, "__array__"):
        value = value.__array__()
    if not all(hasattr(value, name) for name in ("shape", "dtype", "astype", "tobytes")):
        raise NotMedia(f"{type(value).__name__} is no array")
    return value
