"""What frameworks call metrics, as names and numbers."""

from collections.abc import Mapping
from typing import Any

from sweepworks.values import check_key


def plain(metrics: Mapping[Any, Any] | None) -> dict[str, float]:
    """Those that are single numbers; others, such as images and texts, are left out."""
    found: dict[str, float] = {}
    for name, value in (metrics or {}).items():
        try:
            found[check_key(str(name))] = float(value)
        except (TypeError, ValueError, RuntimeError):  # WireError is the second, torch's the last
            continue
    return found
