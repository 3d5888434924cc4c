"""The thread that writes: batches to the disk every few seconds, whatever the gateway does."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from sweepworks.batches import MAX_ENTRIES, Batcher
from sweepworks.bounded_spool import BoundedSpool
from sweepworks.clock import now
from sweepworks.pending import Pending
from sweepworks.sender import Sender
from sweepworks.spool import Spool

_LOOK_SECONDS = 0.5

#: Puts something into the next batch; the lock is released when that is on disk.
_Asked = tuple[Callable[[Pending], None], threading.Lock]


class WritingThread:
    """Makes batches of what is recorded; ends with the one that ends the run.

    Args:
        sender: Gets every batch; None: they only lie on the disk.
        notes_end: Whether to note beside the batches when the run ended.
        flush_seconds: Between two batches, unless something durable is recorded.
        on_batch: Called when there may be something to send.
        say: Prints one line for a person, once per subject.
    """

    def __init__(
        self,
        batcher: Batcher,
        spool: Spool,
        *,
        sender: Sender | None,
        notes_end: bool,
        flush_seconds: float,
        spool_bytes: int,
        on_batch: Callable[[], None],
        say: Callable[[str, str], None],
    ) -> None:
        #: Time, step and values of every call of `log`, one after the other.
        self.entries: deque[Any] = deque()
        #: The same of what is measured beside the script.
        self.system_entries: deque[Any] = deque()
        self._asked: queue.SimpleQueue[_Asked] = queue.SimpleQueue()  # a signal handler may put
        self._pending = Pending()
        self._batcher = batcher
        self._spool = spool
        self._sender = sender
        self._notes_end = notes_end
        self._flush_seconds = flush_seconds
        self._on_batch = on_batch
        self._say = say
        self._bound = BoundedSpool(spool, spool_bytes, sender=sender, say=say)
        # Points left out; each number has one thread that writes it.
        self._n_too_fast = self._n_unwritten = 0
        self.is_done = False  #: the last batch is on disk
        self._thread = threading.Thread(target=self._run, name="sweepworks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def n_dropped(self) -> int:
        """Metric points that had to be left out so far."""
        return self._n_too_fast + self._n_unwritten + self._bound.n_dropped

    def drop(self, n_points: int) -> None:
        """Metric points came faster than they could be stored."""
        self._n_too_fast += n_points

    def beat(self) -> None:
        """The script is alive."""
        self._pending.beat = True

    def ask(self, put: Callable[[Pending], None], *, give_up_at: float | None = None) -> None:
        """Have `put` add something to the next batch; returns when that is on disk.

        Args:
            give_up_at: When not to wait any longer; None: as long as it takes.
        """
        # A bare lock: the thread that releases it never waits for the one that is interrupted.
        done = threading.Lock()
        done.acquire()
        self._asked.put((put, done))
        while not done.acquire(timeout=_LOOK_SECONDS):
            if not self._thread.is_alive():
                return
            if give_up_at is not None and time.monotonic() > give_up_at:
                return

    def join(self, seconds: float) -> None:
        """Until the last batch is on disk."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self.is_done:
            asked = self._next_asked()
            try:
                for put, _ in asked:
                    put(self._pending)
                self._write(durable=bool(asked))
            except Exception as exc:  # noqa: BLE001 - this thread must outlive whatever comes
                self._say(f"writing-{type(exc).__name__}", f"cannot record: {exc!r}")
            for _, done in asked:
                done.release()
            self._on_batch()

    def _next_asked(self) -> list[_Asked]:
        """What was asked for, once something was, or nothing when it is time for a batch."""
        asked: list[_Asked] = []
        try:
            asked.append(self._asked.get(timeout=self._flush_seconds))
            while True:
                asked.append(self._asked.get_nowait())
        except queue.Empty:
            return asked

    def _write(self, *, durable: bool) -> None:
        is_last = self._pending.finish is not None
        if is_last:
            self._bound.wait()  # so that the last batch says all that was left out
            if self._notes_end:
                self._note_end()
        if len(self.entries) >= MAX_ENTRIES:
            self._say(
                "full", "metrics come faster than they can be stored; the newest are left out"
            )
        while True:
            made = self._batcher.drain(
                self.entries, self.system_entries, self._pending, dropped=self.n_dropped
            )
            if made is None:
                break
            self._keep(*made, durable=durable)
        self.is_done = is_last
        self._bound.look()

    def _note_end(self) -> None:
        """For whoever sends the end later, when it is no longer now."""
        try:
            self._spool.note({"ended_at": now()})
        except (OSError, ValueError) as exc:
            self._say("spool", f"cannot write {self._spool.path}: {exc}")

    def _keep(self, sequence: int, batch: bytes, n_points: int, *, durable: bool) -> None:
        is_spooled = True
        try:
            self._spool.append(sequence, batch, durable=durable)
        except (OSError, ValueError) as exc:  # closed: another thread was faster than `finish`
            is_spooled = False
            self._say("spool", f"cannot write {self._spool.path}: {exc}")
        is_queued = self._sender is not None and self._sender.add(
            sequence, batch, is_spooled=is_spooled
        )
        if not (is_spooled or is_queued):
            self._n_unwritten += n_points
            self._say("lost", "and the gateway is away: what is recorded meanwhile is lost")
