"""How many Jobs a second this process makes: a token bucket, so that nobody sleeps for it."""

import threading
import time
from collections.abc import Callable

_PER_SECOND = 20.0
BURST_SECONDS = 0.5  #: while Jobs are made nothing else is looked at


class LaunchRate:
    """Allows `per_second` launches, and a burst of what half a second allows.

    **Thread safety**: safe.
    """

    def __init__(
        self, per_second: float = _PER_SECOND, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_second = per_second
        self._most = max(per_second * BURST_SECONDS, 1.0)
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = self._most
        self._filled_at = clock()

    def take(self) -> bool:
        """Whether one more launch is allowed now."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self.per_second)
            self._filled_at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
