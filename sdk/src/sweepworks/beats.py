"""Signs of life beside the batches, while an upload holds these up."""

import contextlib
import time
from collections.abc import Callable

from sweepworks.connection import Connection, Unreachable, post_json

_PATIENCE_SECONDS = 2.0


class Beats:
    """Says from time to time that the script lives, and hears whether it is to stop.

    Args:
        connection: To where; another one of its kind is opened.
        every_seconds: The least time between two.
        on_control: Called with ``continue``, ``stop`` or ``pause`` from each answer.
    """

    def __init__(
        self,
        connection: Connection,
        run: str,
        *,
        every_seconds: float,
        on_control: Callable[[str], None],
    ) -> None:
        self._connection = connection.twin(timeout_seconds=_PATIENCE_SECONDS)
        self._path = f"/api/v1/runs/{run}/beat"
        self._every_seconds = every_seconds
        self._on_control = on_control
        self._next_at = time.monotonic() + every_seconds

    def beat(self) -> None:
        """Say it, unless it was said just now; what goes wrong is left to the next time."""
        if time.monotonic() < self._next_at:
            return
        with contextlib.suppress(Unreachable):
            status, answer = post_json(self._connection, self._path, {})
            if status == 200:
                self._on_control(str(answer.get("control", "continue")))
        self._next_at = time.monotonic() + self._every_seconds

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()
