"""A curve in one line of text."""

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, low: float, high: float) -> str:
    """A bar for each value, between `low` and `high`; a blank for what is no finite number."""
    span = high - low
    return "".join(
        " "
        if not math.isfinite(value)
        else _BARS[0]
        if span <= 0
        else _BARS[min(len(_BARS) - 1, max(0, int((value - low) / span * len(_BARS))))]
        for value in values
    )
