"""Keeps a spool below its limit: the oldest metric points go, reports never."""

import contextlib
import threading
from collections.abc import Callable

from sweepworks.batches import lighten
from sweepworks.sender import Sender
from sweepworks.spool import Spool
from sweepworks.values import WireError

_SHRINK_TO = 0.75  # of the limit: seldom and much is cheaper than often and little


class BoundedSpool:
    """Shrinks a spool that has grown too large, in a thread: a rewrite takes seconds.

    Args:
        sender: What is sent from the spool; None: nothing is.
        say: Prints one line for a person, once per subject.
    """

    def __init__(
        self,
        spool: Spool,
        limit_bytes: int,
        *,
        sender: Sender | None,
        say: Callable[[str, str], None],
    ) -> None:
        self._spool = spool
        self._limit_bytes = limit_bytes
        self._sender = sender
        self._say = say
        self._shrinking: threading.Thread | None = None
        self.n_dropped = 0  #: metric points that there was no room for

    def look(self) -> None:
        """Begin to shrink it, if it is time to."""
        is_under_way = self._shrinking is not None and self._shrinking.is_alive()
        if self._spool.size_bytes > self._limit_bytes and not is_under_way:
            self._shrinking = threading.Thread(
                target=self._shrink, name="sweepworks-shrink", daemon=True
            )
            self._shrinking.start()

    def wait(self) -> None:
        """Until all that is to be left out is known."""
        if self._shrinking is not None:
            self._shrinking.join()

    def _shrink(self) -> None:
        holding = contextlib.nullcontext(0) if self._sender is None else self._sender.holding()
        try:
            with holding as acknowledged:
                self._spool.shrink(
                    int(self._limit_bytes * _SHRINK_TO),
                    acknowledged=acknowledged,
                    lighten=self._lighten,
                )
        except OSError as exc:
            self._say("shrink", f"cannot shrink {self._spool.path}: {exc.strerror}")
            return
        if self.n_dropped:
            self._say(
                "dropped",
                f"{self._spool.path} is full ({self._limit_bytes} bytes): the oldest metric points "
                "are left out; reports are kept",
            )

    def _lighten(self, batch: bytes) -> bytes | None:
        try:
            lighter, n_points = lighten(batch)
        except WireError:  # of a later version of this library, maybe; not ours to judge
            return batch
        self.n_dropped += n_points
        return lighter
