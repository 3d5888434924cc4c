"""Counters that only grow, as what they grew by in a second."""

import time
from collections.abc import Callable


class Rates:
    """Remembers what each counter was at the last look.

    Args:
        clock: Seconds, from anywhere.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, tuple[float, float]] = {}

    def per_second(self, name: str, count: float) -> float | None:
        """Growth since the last look; None at the first one, and when the counter began anew."""
        now = self._clock()
        before = self._last.get(name)
        self._last[name] = (now, count)
        if before is None or now <= before[0] or count < before[1]:
            return None
        return (count - before[1]) / (now - before[0])
