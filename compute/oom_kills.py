"""Processes that the kernel has killed for memory, as far as they are ours. Standard library only."""

import time
from collections import deque

from compute.control_group import ControlGroup

# From the kernel's count to the death it is about: memory is freed in between.
_WINDOW_SECONDS = 60.0


class OomKills:
    """Counts of the last minute."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()  # when, and how many until then

    def count(self) -> None:
        """Look, now and then."""
        now = time.monotonic()
        self._counts.append((now, ControlGroup().oom_kills()))
        while len(self._counts) > 1 and self._counts[1][0] < now - _WINDOW_SECONDS:
            self._counts.popleft()

    def was_one_lately(self) -> bool:
        """Whether there was one since; an older one in the same control group was of another."""
        return ControlGroup().oom_kills() > self._counts[0][1]
