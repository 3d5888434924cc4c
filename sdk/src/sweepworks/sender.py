"""Sends batches in order, one at a time, until each is acknowledged; in a thread of its own."""

import contextlib
import heapq
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any, cast

from sweepworks.connection import Connection, Unreachable
from sweepworks.merging import Groups
from sweepworks.spool import Spool, read_spool
from sweepworks.wire import MEDIA_TYPE

_MEMORY_BYTES = 32 * 1024 * 1024  # of batches kept besides the spool; more are read back from it
_MAX_BACKOFF_SECONDS = 30.0
_MAX_RETRY_AFTER_SECONDS = 120.0  # whatever a proxy says: it may be wrong
_MAX_TOLD = 20  # parts that were refused
_GOOD = 200
_SEALED = 409
# Of the gateway's own answers: what may be otherwise the next time, a token that is new included.
_LATER = {401, 407, 408, 425, 429}


class Sender:
    """The way of one writer's batches to the gateway.

    Args:
        on_control: Called with ``continue``, ``stop`` or ``pause`` from each acknowledgement.
        say: Prints one line for a person, once per subject.
        on_sent: Called with the bytes of every batch that needs no more sending.
    """

    def __init__(
        self,
        connection: Connection,
        spool: Spool,
        *,
        on_control: Callable[[str], None],
        say: Callable[[str, str], None],
        on_sent: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._spool = spool
        self._on_control = on_control
        self._say = say
        self._on_sent = on_sent
        self._groups: Groups | None = None
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._unspooled: dict[int, bytes] = {}  # of what waits: what the disk did not take
        self._spilled = False  # some batches are in the spool alone
        self._last_added = 0
        self.acknowledged = 0
        self.is_over = False  #: the run is sealed: nothing more of it is ever taken
        self._told: set[str] = set()
        self._is_held = False
        self._away = False
        self._failures = 0
        self._not_before = 0.0
        self._max_backoff_seconds = _MAX_BACKOFF_SECONDS
        # The module's own numbers are the script's: what it seeded must not depend on the network.
        self._jitter = random.Random()  # noqa: S311 - no secret

    def add(self, sequence: int, batch: bytes, *, is_spooled: bool = True) -> bool:
        """Queue a batch, in memory or for what is in the spool already.

        Returns:
            False when it is in neither, or will never be taken, and so not queued.
        """
        with self._lock:
            if self.is_over:
                return False
            if self._spilled or self._waiting_bytes + len(batch) > _MEMORY_BYTES:
                if not is_spooled:
                    return False
                self._spilled = True
            else:
                self._waiting.append((sequence, batch))
                self._waiting_bytes += len(batch)
                if not is_spooled:
                    self._unspooled[sequence] = batch
            self._last_added = sequence
            return True

    @contextlib.contextmanager
    def holding(self) -> Generator[int, None, None]:
        """While the spool is rewritten: nothing more is sent than what is under way already.

        Yields the sequence that was acknowledged last. Then what the spool has is what is sent, and
        what was never in it.
        """
        with self._lock:
            self._is_held = True
            acknowledged = self.acknowledged
        try:
            yield acknowledged
        finally:
            with self._lock:
                self._waiting.clear()
                self._waiting_bytes, self._spilled, self._is_held = 0, True, False

    def take_over(self, *, stored: int | None = None) -> None:
        """Queue what the spool's former writer could not send.

        Args:
            stored: Sequence of its last flush that the gateway has; None when nobody has asked. If
                it is known, small batches are merged: of what went before, nothing is in doubt.
        """
        with self._lock:
            for sequence, _ in read_spool(self._spool.path):
                self._last_added, self._spilled = sequence, True
            if stored is not None:
                self.acknowledged = stored
                self._groups = Groups(self._spool.acks)

    def pump(self, *, may_go: Callable[[bytes], bool] = lambda _: True) -> None:
        """Send what waits until nothing does, or the gateway does not take it now.

        Args:
            may_go: Asked before each batch; one that is kept back keeps back what follows it.
        """
        while not self.is_over and time.monotonic() >= self._not_before:
            batch = self._next()
            if batch is None or not may_go(batch[1]):
                return
            if not self._send(*batch):
                return

    def hurry(self) -> None:
        """Try again soon, and often: the script is ending and waits."""
        self._max_backoff_seconds = 1.0
        self._not_before = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the gateway did not answer the last time."""
        return self._failures > 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return self.acknowledged >= self._last_added

    def _next(self) -> tuple[int, bytes] | None:
        with self._lock:
            if self._is_held:
                return None
            if not self._waiting and self._spilled:
                self._refill()
            if not self._waiting:
                return None
            return self._waiting[0] if self._groups is None else self._groups.next(self._waiting)

    def _refill(self) -> None:
        self._spilled = False
        unspooled = sorted(self._unspooled.items())
        for sequence, batch in heapq.merge(read_spool(self._spool.path), unspooled):
            if sequence <= self.acknowledged:
                continue
            if self._waiting_bytes + len(batch) > _MEMORY_BYTES and self._waiting:
                self._spilled = True
                return
            self._waiting.append((sequence, batch))
            self._waiting_bytes += len(batch)
        found = self._waiting[-1][0] if self._waiting else self.acknowledged
        if found >= self._last_added:
            return
        if self._spool.is_whole():  # the rest was left out, there was no room for it
            self._last_added = found
            return
        # The gateway takes nothing of a lower sequence than the last: what comes later must wait.
        self._spilled = True
        if not self._waiting:
            self._not_before = time.monotonic() + self._max_backoff_seconds
            self._say(
                "damaged",
                f"{self._spool.path} is damaged in its midst; nothing behind that is sent, and the "
                "file is kept",
            )

    def _send(self, sequence: int, batch: bytes) -> bool:
        try:
            status, headers, answer = self._connection.request(
                "POST", "/api/v1/ingest", batch, {"Content-Type": MEDIA_TYPE}
            )
        except Unreachable as exc:
            self._back_off(None, str(exc))
            return False
        if status == _GOOD and answer.get("acked") == sequence:
            self._on_control(str(answer.get("control", "continue")))
            self._tell_refused(answer.get("refused"))
        elif status == _SEALED and isinstance(answer.get("error"), str):
            self._give_up(str(answer["error"]))
            return False
        elif _is_rejected(status, answer) and self._is_merged(sequence):
            assert self._groups is not None
            self._groups.split(sequence)
            return True
        elif _is_rejected(status, answer):
            self._reject(sequence, batch, status, str(answer["error"]))
        else:  # also what a proxy says in the gateway's place
            self._back_off(headers.get("retry-after"), f"status {status}")
            return False
        self._done(sequence)
        return True

    def _is_merged(self, sequence: int) -> bool:
        with self._lock:
            return bool(self._waiting) and self._waiting[0][0] < sequence

    def _give_up(self, reason: str) -> None:
        with self._lock:
            self.is_over = True
            self._waiting.clear()
            self._unspooled.clear()
            self._waiting_bytes = 0
        self._say("sealed", f"nothing more of this run is stored: {reason}")

    def _reject(self, sequence: int, batch: bytes, status: int, reason: str) -> None:
        """Repeating it changes nothing: it is kept for a person to look at."""
        where = "it cannot be kept"
        try:
            if (kept := self._spool.refuse(sequence, batch)) is not None:
                where = f"it is kept in {kept}"
        except OSError as exc:
            where = f"{where}: {exc}"
        self._say(f"rejected-{status}", f"the gateway refuses a batch: {reason}; {where}")

    def _tell_refused(self, refused: Any) -> None:
        """Each part once, and the first few: a script may invent names without end."""
        for part in cast("list[Any]", refused) if isinstance(refused, list) else ():
            if len(self._told) >= _MAX_TOLD or not isinstance(part, dict):
                return
            named = cast("dict[str, Any]", part)
            what = str(named.get("what"))
            if what not in self._told:
                self._told.add(what)
                self._say(f"refused-{what}", f"not stored: {what}: {named.get('why')}")

    def _done(self, sequence: int) -> None:
        if self._away:
            self._away = False
            self._say("back", "the gateway is back; sending what was kept")
        self._failures, self._not_before = 0, 0.0
        with self._lock:
            while self._waiting and self._waiting[0][0] <= sequence:
                self._waiting_bytes -= len(self._waiting[0][1])
                self._on_sent(len(self._waiting.popleft()[1]))
            self.acknowledged = sequence
            for stored in [own for own in self._unspooled if own <= sequence]:
                del self._unspooled[stored]
        if self._groups is not None:
            self._groups.stored()
        try:
            self._spool.acknowledge(sequence)
        except OSError as exc:  # it is only for whoever would send the rest later
            self._say("ack", f"cannot note in {self._spool.path} what is stored: {exc.strerror}")

    def _back_off(self, retry_after: str | None, reason: str) -> None:
        self._failures += 1
        seconds = min(self._max_backoff_seconds, 0.5 * 2 ** min(self._failures, 8))
        if retry_after is not None and re.fullmatch("[0-9]+", retry_after):
            seconds = min(max(float(retry_after), 0.1), _MAX_RETRY_AFTER_SECONDS)
        # Many runs lose the same gateway at the same moment; they must not come back as one.
        self._not_before = time.monotonic() + seconds * self._jitter.uniform(0.5, 1.0)
        if not self._away and self._failures > 1:
            self._away = True
            self._say(
                "away",
                f"the gateway does not answer ({reason}); metrics are kept in {self._spool.path} "
                "and sent when it is back",
            )


def _is_rejected(status: int, answer: Mapping[str, Any]) -> bool:
    """Whether the gateway itself has said that it will never take it."""
    return 400 <= status < 500 and status not in _LATER and isinstance(answer.get("error"), str)
