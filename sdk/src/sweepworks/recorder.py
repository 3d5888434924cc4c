"""What a run records, on its way to the disk and to the gateway.

One thread writes to the disk every few seconds, another one sends: a gateway that hangs must not
keep anything from the disk.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from sweepworks.batches import MAX_ENTRIES, Batcher, Pending, lighten
from sweepworks.beats import Beats
from sweepworks.connection import Connection
from sweepworks.sender import Sender
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads
from sweepworks.wire import ReportRecord, Scalar

_SHRINK_TO = 0.75  # of the limit: seldom and much is cheaper than often and little


class Recorder:
    """Batches every few seconds, at once when something durable is recorded.

    Args:
        patience_seconds: How long an upload may take to begin before a copy waits instead.
        spool_bytes: Beyond that the oldest metric points are left out. Reports never are.
        on_control: Called with ``continue``, ``stop`` or ``pause`` from each acknowledgement.
        say: Prints one line for a person, once per subject.
    """

    def __init__(
        self,
        *,
        run: str,
        attempt: str | None,
        writer: str,
        connection: Connection | None,
        spool: Spool,
        flush_seconds: float,
        patience_seconds: float,
        spool_bytes: int,
        on_control: Callable[[str], None],
        say: Callable[[str, str], None],
    ) -> None:
        #: Time, step and values of every call of `log`, one after the other.
        self.entries: deque[Any] = deque()
        self._pending = Pending()
        self._lock = threading.RLock()  # batches are made and spooled one at a time
        self._wake = threading.Event()
        self._has_batches = threading.Event()
        self._is_ending = False
        self._give_up_at: float | None = None  # set once the last batch is made
        self._connection = connection
        self._spool = spool
        self._spool_bytes = spool_bytes
        self._flush_seconds = flush_seconds
        self._say = say
        self._dropped = 0
        self._batcher = Batcher(writer=writer, run=run, attempt=attempt, warn=say)
        self._sender: Sender | None = None
        self._beats: Beats | None = None
        if connection is not None:
            self._sender = Sender(connection, spool, on_control=on_control, say=say)
            self._beats = Beats(connection, run, every_seconds=flush_seconds, on_control=on_control)
        self.uploads = Uploads(
            run,
            connection=connection,
            spool=spool,
            is_away=lambda: self.is_away,
            patience_seconds=patience_seconds,
            beat=self.beat,
            say=say,
        )
        self._writing = _start(self._keep_writing)
        self._sending = None if self._sender is None else _start(self._keep_sending)

    @property
    def is_away(self) -> bool:
        """Whether the gateway did not answer the last time."""
        return self._sender is not None and self._sender.is_away

    def report(self, report: ReportRecord) -> None:
        """On disk when it returns."""
        with self._lock:
            self._pending.reports.append(report)
            self._pending.beat = True
            self._make_batches(durable=True)
        self._wake.set()

    def drop(self, n_points: int) -> None:
        """Metric points came faster than they could be stored."""
        self._dropped += n_points

    def beat(self) -> None:
        """The script is alive."""
        with self._lock:
            self._pending.beat = True

    def tag(self, tags: Mapping[str, str]) -> None:
        """Names and values to search for."""
        with self._lock:
            self._pending.tags.update(tags)

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Parameters for the record."""
        with self._lock:
            self._pending.params.update(params)

    def finish(self, state: str, message: str, *, seconds: float) -> None:
        """Send what is left, for at most that long."""
        began = time.monotonic()
        self._is_ending = True
        self._wake.set()
        self._writing.join(seconds)  # so that the last batch says all that was left out
        with self._lock:
            self._pending.finish, self._pending.message = state, message[:2000]
            self._make_batches(durable=True)
            self._give_up_at = began + seconds
        if self._sender is not None and self._sending is not None:
            self._sender.hurry()
            self._has_batches.set()
            self._sending.join(max(0.0, began + seconds - time.monotonic()))
        if self._connection is not None and self._beats is not None:
            self._connection.close()
            self._beats.close()
        if self._dropped:
            self._say("dropped-in-all", f"{self._dropped} metric points were left out")
        if self._sender is not None and self._is_all_sent():
            self._sender.put_away()
        else:
            self._spool.close()
            self._say(
                "left", f"not everything is stored yet; the rest is kept in {self._spool.path}"
            )

    # The threads

    def _keep_writing(self) -> None:
        while not self._is_ending:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            with self._lock:
                self._make_batches(durable=False)
            self._bound_the_spool()
            self._has_batches.set()

    def _keep_sending(self) -> None:
        assert self._sender is not None  # else there is no such thread
        while True:
            self._has_batches.wait(self._flush_seconds)
            self._has_batches.clear()
            give_up_at = self._give_up_at
            # Before the report that a kept checkpoint belongs to.
            self.uploads.retry(beat=self._beat_beside)
            self._sender.pump()
            if give_up_at is not None:
                if self._is_all_sent() or time.monotonic() > give_up_at:
                    return
                time.sleep(0.2)
                self._has_batches.set()

    def _make_batches(self, *, durable: bool) -> None:
        """Move what was logged into the spool; the lock is held."""
        if self._give_up_at is not None:
            return
        if len(self.entries) >= MAX_ENTRIES:
            self._say(
                "full", "metrics come faster than they can be stored; the newest are left out"
            )
        pending, self._pending = self._pending, Pending()
        pending.dropped = self._dropped
        while (batch := self._batcher.drain(self.entries, pending)) is not None:
            try:
                self._spool.append(*batch, durable=durable)
            except OSError as exc:
                self._say("spool", f"cannot write {self._spool.path}: {exc.strerror}")
            if self._sender is not None:
                self._sender.add(*batch)
            pending = Pending(dropped=self._dropped)

    def _bound_the_spool(self) -> None:
        if self._spool.size_bytes <= self._spool_bytes:
            return
        try:
            if self._sender is None:
                self._shrink(acknowledged=0)
            else:
                with self._sender.holding() as acknowledged:
                    self._shrink(acknowledged=acknowledged)
        except OSError as exc:
            self._say("shrink", f"cannot shrink {self._spool.path}: {exc.strerror}")
            return
        if self._dropped:
            self._say(
                "dropped",
                f"{self._spool.path} is full ({self._spool_bytes} bytes): the oldest metric points "
                "are left out; reports are kept",
            )

    def _shrink(self, *, acknowledged: int) -> None:
        self._spool.shrink(
            int(self._spool_bytes * _SHRINK_TO), acknowledged=acknowledged, lighten=self._lighten
        )

    def _lighten(self, batch: bytes) -> bytes | None:
        lighter, n_points = lighten(batch)
        self._dropped += n_points
        return lighter

    def _beat_beside(self) -> None:
        if self._beats is not None:
            self._beats.beat()

    def _is_all_sent(self) -> bool:
        return self._sender is not None and self._sender.is_idle and self.uploads.is_idle


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="sweepworks", daemon=True)
    thread.start()
    return thread
