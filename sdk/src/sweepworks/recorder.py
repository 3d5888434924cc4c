"""What a run records, on its way to the disk and to the gateway.

Two threads: one makes batches and writes them to the disk every few seconds, another one sends.
A gateway that hangs must not keep anything from the disk. The script's own threads only queue and
wait: a signal handler may interrupt them anywhere, and record in its turn.
"""

import queue
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from sweepworks.batches import MAX_ENTRIES, Batcher, lighten, now
from sweepworks.beats import Beats
from sweepworks.connection import Connection
from sweepworks.pending import Pending
from sweepworks.sender import Sender
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads
from sweepworks.values import Scalar, WireError
from sweepworks.wire import ReportRecord

_SHRINK_TO = 0.75  # of the limit: seldom and much is cheaper than often and little
_LOOK_SECONDS = 0.5
_ALIVE_SECONDS = 60.0

#: Puts something into the next batch; the lock is released when that is on disk.
_Asked = tuple[Callable[[Pending], None], threading.Lock]


class Recorder:
    """Batches every few seconds, at once when something durable is recorded.

    Args:
        attempt: None outside sweeps: then it says by itself, every minute, that the process lives,
            since nothing else would notice its end.
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
        self._asked: queue.SimpleQueue[_Asked] = queue.SimpleQueue()  # a signal handler may put
        self._pending = Pending()
        self._has_batches = threading.Event()
        self._shrinking: threading.Thread | None = None
        self._is_written = False  # the last batch is on disk
        self._give_up_at: float | None = None
        self._connection = connection
        self._spool = spool
        self._is_trial = attempt is not None
        self._spool_bytes = spool_bytes
        self._flush_seconds = flush_seconds
        self._say = say
        # Points left out, by why; each number has one thread that writes it.
        self._dropped = {"no time": 0, "no room": 0, "not written": 0}
        self._batcher = Batcher(writer=writer, run=run, attempt=attempt, warn=say)
        self._sender: Sender | None = None
        self._beats: Beats | None = None
        self._alive: Beats | None = None
        if connection is not None:
            self._sender = Sender(connection, spool, on_control=on_control, say=say)
            self._beats = Beats(connection, run, every_seconds=flush_seconds, on_control=on_control)
            if attempt is None:
                self._alive = Beats(
                    connection, run, every_seconds=_ALIVE_SECONDS, on_control=on_control
                )
        self.uploads = Uploads(
            run,
            connection=connection,
            spool=spool,
            is_away=lambda: self.is_away,
            patience_seconds=patience_seconds,
            limit_bytes=spool_bytes,
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

        def put(pending: Pending) -> None:
            pending.reports.append(report)
            pending.beat = True

        self._ask(put)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Names and values to search for; on disk when it returns."""
        self._ask(lambda pending: pending.tags.update(tags))

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Parameters for the record; on disk when it returns."""
        self._ask(lambda pending: pending.params.update(params))

    def drop(self, n_points: int) -> None:
        """Metric points came faster than they could be stored."""
        self._dropped["no time"] += n_points

    def beat(self) -> None:
        """The script is alive."""
        self._pending.beat = True

    def finish(self, state: str, message: str, *, seconds: float) -> None:
        """Send what is left, for at most that long."""
        give_up_at = time.monotonic() + seconds

        def put(pending: Pending) -> None:
            pending.finish, pending.message = state, message

        self._ask(put, give_up_at=give_up_at)
        if self._sender is not None and self._sending is not None:
            self._sender.hurry()
            self._give_up_at = give_up_at
            self._has_batches.set()
            self._sending.join(max(0.0, give_up_at - time.monotonic()))
        if self._connection is not None:
            self._connection.close()
        for beats in (self._beats, self._alive):
            if beats is not None:
                beats.close()
        if n_dropped := self._n_dropped():
            self._say("dropped-in-all", f"{n_dropped} metric points were left out")
        if self._is_all_sent():
            self._spool.delete()
        else:
            self._spool.close()
            self._say("left", self._what_is_left())

    def _what_is_left(self) -> str:
        path = self._spool.path
        if self._is_trial or (self._sender is not None and self._sender.is_over):
            return f"not everything is stored; the rest is kept in {path}"
        folder = shlex.quote(str(path.parent))
        return f"not everything is stored; `sweepworks sync {folder}` sends what is left"

    def wait_until_written(self, seconds: float) -> None:
        """Until the last batch is on disk: for who interrupts `finish` and ends the process."""
        self._writing.join(seconds)

    def leave(self) -> None:
        """In a forked child: let go of the file, which is its parent's."""
        self._spool.close()

    def _ask(self, put: Callable[[Pending], None], *, give_up_at: float | None = None) -> None:
        # A bare lock: the thread that releases it never waits for the one that is interrupted.
        done = threading.Lock()
        done.acquire()
        self._asked.put((put, done))
        while not done.acquire(timeout=_LOOK_SECONDS):
            if not self._writing.is_alive():
                return
            if give_up_at is not None and time.monotonic() > give_up_at:
                return

    # The thread that writes

    def _keep_writing(self) -> None:
        while not self._is_written:
            asked = self._next_asked()
            try:
                for put, _ in asked:
                    put(self._pending)
                self._write(durable=bool(asked))
            except Exception as exc:  # noqa: BLE001 - this thread must outlive whatever comes
                self._say(f"writing-{type(exc).__name__}", f"cannot record: {exc!r}")
            for _, done in asked:
                done.release()
            self._has_batches.set()

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
        if is_last and self._shrinking is not None:
            self._shrinking.join()  # so that the last batch says all that was left out
        if is_last and not self._is_trial:
            self._note_end()
        if len(self.entries) >= MAX_ENTRIES:
            self._say(
                "full", "metrics come faster than they can be stored; the newest are left out"
            )
        while True:
            made = self._batcher.drain(self.entries, self._pending, dropped=self._n_dropped())
            if made is None:
                break
            self._keep(*made, durable=durable)
        self._is_written = is_last
        # A thread of its own: a rewrite takes seconds, and reports do not wait for it.
        if self._spool.size_bytes > self._spool_bytes and not (
            self._shrinking is not None and self._shrinking.is_alive()
        ):
            self._shrinking = _start(self._bound_the_spool)

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
            self._dropped["not written"] += n_points
            self._say("lost", "and the gateway is away: what is recorded meanwhile is lost")

    def _bound_the_spool(self) -> None:
        try:
            if self._sender is None:
                self._shrink(acknowledged=0)
            else:
                with self._sender.holding() as acknowledged:
                    self._shrink(acknowledged=acknowledged)
        except OSError as exc:
            self._say("shrink", f"cannot shrink {self._spool.path}: {exc.strerror}")
            return
        if self._dropped["no room"]:
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
        try:
            lighter, n_points = lighten(batch)
        except WireError:  # of a later version of this library, maybe; not ours to judge
            return batch
        self._dropped["no room"] += n_points
        return lighter

    def _n_dropped(self) -> int:
        return sum(self._dropped.values())

    # The thread that sends

    def _keep_sending(self) -> None:
        assert self._sender is not None  # else there is no such thread
        while True:
            self._has_batches.wait(self._flush_seconds)
            self._has_batches.clear()
            give_up_at = self._give_up_at
            try:
                # Before the report that a kept checkpoint belongs to.
                self.uploads.retry(beat=self._beat_beside)
                self._sender.pump(holds_end=not self.uploads.is_idle)
                if self._alive is not None:
                    self._alive.beat()
            except Exception as exc:  # noqa: BLE001 - this thread must outlive whatever comes
                self._say(f"sending-{type(exc).__name__}", f"cannot send: {exc!r}")
            if give_up_at is not None:
                is_over = self._is_all_sent() or self._sender.is_over
                if is_over or time.monotonic() > give_up_at:
                    return
                time.sleep(0.2)
                self._has_batches.set()

    def _beat_beside(self) -> None:
        if self._beats is not None:
            self._beats.beat()

    def _is_all_sent(self) -> bool:
        return (
            self._is_written
            and self._sender is not None
            and self._sender.is_idle
            and self.uploads.is_idle
        )


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="sweepworks", daemon=True)
    thread.start()
    return thread
