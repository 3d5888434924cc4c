"""Time as a port, so that the controller can be run in simulated time."""

import datetime as dt
from typing import Protocol


class Clock(Protocol):
    """Where `now` comes from."""

    def now(self) -> dt.datetime:
        """The present as an aware UTC instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """The present as an aware UTC instant."""
        return dt.datetime.now(dt.UTC)
