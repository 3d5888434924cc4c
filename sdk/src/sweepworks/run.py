"""A run as its training script sees it."""

import atexit
import contextlib
import os
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Mapping
from time import time as _time
from typing import Any, Self

from sweepworks import artifacts, ending
from sweepworks.batches import MAX_ENTRIES, Batcher, Pending, now_us
from sweepworks.beats import Beats
from sweepworks.checkpoints import Checkpoint, Checkpoints
from sweepworks.connection import Connection
from sweepworks.decisions import await_decision
from sweepworks.sender import Sender
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads
from sweepworks.wire import ReportRecord, Scalar

_PATIENCE_SECONDS = 2.0  # for an upload to begin, where nobody waits for decisions


class Run:
    """One tracked training execution.

    `log` only appends to memory. Everything else goes on in a background thread and on disk, so
    that nothing the network does reaches the training loop. After a fork only the parent records:
    data-loader workers may call `log`, and it does nothing there.

    Attributes:
        id: Name of the run.
        params: The configuration, read-only.
        seed: The trial's seed, 32 bits.
        max_resource: Resource level at which the search takes the trial for complete; None when
            it does not say.
    """

    def __init__(
        self,
        *,
        run_id: str,
        attempt_id: str | None,
        params: Mapping[str, Scalar],
        seed: int,
        connection: Connection | None,
        spool: Spool | None,
        writer: str,
        rungs: tuple[int, ...] = (),
        max_resource: int | None = None,
        checkpoints: str = "rungs",
        decision_timeout: float = 2.0,
        flush_seconds: float = 2.0,
        finish_seconds: float = 30.0,
    ) -> None:
        self.id = run_id
        self.params: Mapping[str, Scalar] = types.MappingProxyType(dict(params))
        self.seed = seed
        self.max_resource = max_resource
        self._rungs = rungs
        self._decision_timeout = decision_timeout
        self._flush_seconds = flush_seconds
        self._finish_seconds = finish_seconds
        self._entries: deque[Any] = deque()
        self._step = 0
        self._pending = Pending()
        self._lock = threading.RLock()  # batches are made and spooled one at a time
        self._wake = threading.Event()
        self._said: set[str] = set()
        self._stop = False
        self._finished = False
        self._silent = spool is None
        self._connection = connection
        self._spool = spool
        self._uploads: Uploads | None = None
        if spool is not None:
            self._uploads = Uploads(
                run_id,
                connection=connection,
                spool=spool,
                is_away=self._is_away,
                patience_seconds=decision_timeout or _PATIENCE_SECONDS,
                beat=self.heartbeat,
                say=self._say,
            )
        self._checkpoints = Checkpoints(
            run_id,
            attempt=attempt_id,
            connection=connection,
            uploads=self._uploads,
            mode=checkpoints,
            rungs=tuple(rung for rung in rungs if max_resource is None or rung < max_resource),
            say=self._say,
            beat=self.heartbeat,
        )
        self._batcher = Batcher(writer=writer, run=run_id, attempt=attempt_id, warn=self._say)
        self._sender: Sender | None = None
        self._beats: Beats | None = None
        self._thread: threading.Thread | None = None
        if spool is not None:
            if connection is not None:
                self._beats = Beats(
                    connection, run_id, every_seconds=flush_seconds, on_control=self._on_control
                )
                self._sender = Sender(connection, spool, on_control=self._on_control, say=self._say)
            self._thread = threading.Thread(target=self._work, name="sweepworks", daemon=True)
            self._thread.start()
            atexit.register(self._at_exit)
            ending.watch()
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._after_fork)

    # What a training loop calls

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record metric points: names and numbers. Best effort, never slow.

        Args:
            step: Where on the curve; counts calls of `log` when left out.
        """
        if step is None:
            step = self._step
            self._step = step + 1
        # Not a deque that drops its oldest: while they are drained, halves of entries would go.
        if len(self._entries) < MAX_ENTRIES:
            self._entries.extend((_time(), step, dict(values)))

    def report(
        self,
        resource_level: int,
        values: Mapping[str, float] | None = None,
        /,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        **named: float,
    ) -> None:
        """Report results at a resource level, such as an epoch: what the search learns from.

        On disk when it returns. Waits for the search's decision at a rung only, and at most
        `SWEEPWORKS_DECISION_TIMEOUT` seconds; not at all while the gateway is away. Never raises
        for an outage.

        Args:
            checkpoint: File from which training can go on after this level. Stored before the
                report, where the search may pause the trial; `SWEEPWORKS_CHECKPOINTS` says
                otherwise. The first checkpoint of a level stands.
        """
        level = int(resource_level)
        numbers = {str(k): float(v) for k, v in {**(values or {}), **named}.items()}
        if level < 0 or not numbers:
            raise ValueError("report needs a level of 0 or more and at least one value")
        saved = None if checkpoint is None else artifacts.existing_file(checkpoint)
        if self._silent or self._finished:
            return
        is_answering = True
        if saved is not None:
            self.heartbeat()
            is_answering = self._checkpoints.store(level, saved)
        with self._lock:
            self._pending.reports.append(
                ReportRecord(level=level, values=numbers, time_us=now_us())
            )
            self._pending.beat = True
            self._make_batches(durable=True)
        self._wake.set()
        is_answering = is_answering and not self._is_away()
        if level in self._rungs and self._connection is not None and is_answering:
            decision = await_decision(
                self._connection, self.id, level, seconds=self._decision_timeout
            )
            self._on_control(decision)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint of an earlier attempt of this run: what to go on from.

        Brought into the working directory at the first use, its sha256 verified. None in a first
        attempt, and, said once on stderr, when it cannot be had: then training begins anew.
        """
        return self._checkpoints.newest()

    @property
    def resumed_from(self) -> int:
        """Resource level that `checkpoint` had reached; 0 when training begins anew."""
        found = self._checkpoints.newest()
        return 0 if found is None else found.level

    @property
    def should_stop(self) -> bool:
        """Whether the search, or a person, wants this run to end: save what you need and return."""
        return self._stop

    def heartbeat(self) -> None:
        """Say that the script is alive although it has nothing to log."""
        with self._lock:
            self._pending.beat = True

    def tag(self, **tags: object) -> None:
        """Attach names and values that can be searched for."""
        with self._lock:
            self._pending.tags.update({name: str(value) for name, value in tags.items()})

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Add parameters to the record; each is set once, another value later is refused."""
        with self._lock:
            for name, value in params.items():
                # Types are promises here, and a broken one must not cost what else is sent.
                is_scalar = isinstance(value, (str, int, float))  # pyright: ignore[reportUnnecessaryIsInstance]
                self._pending.params[name] = value if is_scalar else str(value)

    def log_artifact(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        type: str = "file",  # noqa: A002 - the word users expect
    ) -> None:
        """Store a file under a name (its own by default) and a type such as ``checkpoint``.

        Stored when it returns; with the gateway away, a copy waits in the spool.
        """
        source = artifacts.existing_file(path)
        name = source.name if name is None else name
        artifacts.check_name(name)
        if self._silent or self._finished or self._uploads is None:
            return
        self.heartbeat()
        self._uploads.store(source, name, type)

    def finish(self, state: str = "completed", message: str = "") -> None:
        """Send what is left and end the run; waits at most `SWEEPWORKS_FINISH_TIMEOUT` seconds (30). Twice is once."""
        if self._finished or self._silent:
            self._finished = True
            return
        with self._lock:
            self._pending.finish, self._pending.message = state, message[:2000]
            self._make_batches(durable=True)
            self._finished = True
        if self._sender is not None:
            self._sender.hurry()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(self._finish_seconds)
        if self._connection is not None and self._beats is not None:
            self._connection.close()
            self._beats.close()
        assert self._spool is not None  # else silent
        if self._sender is not None and self._is_all_sent():
            self._sender.put_away()
        else:
            self._spool.close()
            self._say(
                "left", f"not everything is stored yet; the rest is kept in {self._spool.path}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.finish("failed", f"{kind.__name__}: {error}")

    # The background

    def _work(self) -> None:
        give_up_at: float | None = None
        while True:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            finished = self._finished
            with self._lock:
                self._make_batches(durable=False)
            if self._sender is not None and self._uploads is not None:
                # Before the report that a kept checkpoint belongs to.
                self._uploads.retry(beat=self._beat_beside)
                self._sender.pump()
            if finished:
                if self._sender is None or self._is_all_sent():
                    return
                give_up_at = give_up_at or time.monotonic() + self._finish_seconds
                if time.monotonic() > give_up_at:
                    return
                time.sleep(0.2)
                self._wake.set()

    def _make_batches(self, *, durable: bool) -> None:
        """Move what was logged into the spool; the lock is held."""
        if self._spool is None or self._finished:
            return
        if len(self._entries) >= MAX_ENTRIES:
            self._say(
                "full", "metrics come faster than they can be stored; the newest are left out"
            )
        pending, self._pending = self._pending, Pending()
        while (batch := self._batcher.drain(self._entries, pending)) is not None:
            try:
                self._spool.append(*batch, durable=durable)
            except OSError as exc:
                self._say("spool", f"cannot write {self._spool.path}: {exc.strerror}")
            if self._sender is not None:
                self._sender.add(*batch)
            pending = Pending()

    def _beat_beside(self) -> None:
        if self._beats is not None:
            self._beats.beat()

    def _is_away(self) -> bool:
        return self._sender is not None and self._sender.is_away

    def _is_all_sent(self) -> bool:
        return (
            self._sender is not None
            and self._sender.is_idle
            and self._uploads is not None
            and self._uploads.is_idle
        )

    def _on_control(self, control: str | None) -> None:
        if control in {"stop", "pause"}:
            self._stop = True

    def _say(self, subject: str, sentence: str) -> None:
        if subject in self._said:
            return
        if subject in {"away", "back"}:  # the next outage is news again
            self._said -= {"away", "back"}
        self._said.add(subject)
        with contextlib.suppress(OSError, ValueError):
            print(f"sweepworks: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - for the person at the console

    def _at_exit(self) -> None:
        if not self._finished and not self._silent:
            failure = ending.failure()
            if failure is None:
                self.finish()
            else:
                self.finish("failed", failure)

    def _after_fork(self) -> None:
        self._silent = True
        self._entries = deque(maxlen=3)
        self._lock = threading.RLock()
