"""What a run records, on its way to the disk and to the gateway.

Two threads: one makes batches and writes them to the disk every few seconds, another one sends.
A gateway that hangs must not keep anything from the disk. The script's own threads only queue and
wait: a signal handler may interrupt them anywhere, and record in its turn.
"""

import shlex
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from sweepworks.batches import Batcher
from sweepworks.connection import Connection
from sweepworks.pending import Pending
from sweepworks.sender import Sender
from sweepworks.sending import SendingThread
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads
from sweepworks.values import Scalar
from sweepworks.wire import ReportRecord
from sweepworks.writing import WritingThread


class Recorder:
    """Batches every few seconds, at once when something durable is recorded.

    Args:
        attempt: None outside sweeps.
        connection: None: nothing is sent.
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
        self._connection = connection
        self._spool = spool
        self._is_trial = attempt is not None
        self._say = say
        self._sender: Sender | None = None
        self._sending: SendingThread | None = None
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
        if connection is not None:
            self._sender = Sender(connection, spool, on_control=on_control, say=say)
            self._sending = SendingThread(
                run,
                connection,
                self._sender,
                self.uploads,
                says_alive=not self._is_trial,
                every_seconds=flush_seconds,
                is_written=lambda: self._writing.is_done,
                on_control=on_control,
                say=say,
            )
        self._writing = WritingThread(
            Batcher(writer=writer, run=run, attempt=attempt, warn=say),
            spool,
            sender=self._sender,
            notes_end=not self._is_trial,  # a trial's end is its controller's business
            flush_seconds=flush_seconds,
            spool_bytes=spool_bytes,
            on_batch=self._wake,
            say=say,
        )
        self._writing.start()
        if self._sending is not None:
            self._sending.start()

    @property
    def entries(self) -> deque[Any]:
        """Time, step and values of every call of `log`, one after the other."""
        return self._writing.entries

    @property
    def system_entries(self) -> deque[Any]:
        """The same of what is measured beside the script."""
        return self._writing.system_entries

    @property
    def is_away(self) -> bool:
        """Whether the gateway did not answer the last time."""
        return self._sender is not None and (self._sender.is_away or not self.uploads.is_answered)

    def report(self, *reports: ReportRecord) -> None:
        """On disk when it returns."""

        def put(pending: Pending) -> None:
            pending.reports.extend(reports)
            pending.beat = True

        self._writing.ask(put)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Names and values to search for; on disk when it returns."""
        self._writing.ask(lambda pending: pending.tags.update(tags))

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Parameters for the record; on disk when it returns."""
        self._writing.ask(lambda pending: pending.params.update(params))

    def add_provenance(self, section: str, document: Mapping[str, Any]) -> None:
        """What the run was made of; on disk when it returns."""
        self._writing.ask(lambda pending: pending.provenance.update({section: document}))

    def drop(self, n_points: int) -> None:
        """Metric points came faster than they could be stored."""
        self._writing.drop(n_points)

    def beat(self) -> None:
        """The script is alive."""
        self._writing.beat()

    def finish(self, state: str, message: str, *, seconds: float) -> None:
        """Send what is left, for at most that long."""
        give_up_at = time.monotonic() + seconds

        def put(pending: Pending) -> None:
            pending.finish, pending.message = state, message

        self._writing.ask(put, give_up_at=give_up_at)
        if self._sending is not None:
            self._sending.finish(give_up_at=give_up_at)
        if self._connection is not None:
            self._connection.close()
        if n_dropped := self._writing.n_dropped:
            self._say("dropped-in-all", f"{n_dropped} metric points were left out")
        if self._sending is not None and self._sending.is_all_sent:
            self._spool.delete()
        else:
            self._spool.close()
            self._say("left", self._what_is_left())

    def wait_until_written(self, seconds: float) -> None:
        """Until the last batch is on disk: for who interrupts `finish` and ends the process."""
        self._writing.join(seconds)

    def leave(self) -> None:
        """In a forked child: let go of the file, which is its parent's."""
        self._spool.close()

    def _wake(self) -> None:
        if self._sending is not None:
            self._sending.wake()

    def _what_is_left(self) -> str:
        path = self._spool.path
        if self._is_trial or (self._sender is not None and self._sender.is_over):
            return f"not everything is stored; the rest is kept in {path}"
        folder = shlex.quote(str(path.parent))
        return f"not everything is stored; `sweepworks sync {folder}` sends what is left"
