"""Media on their way: encoded and stored in a thread of their own, as many as there is room for."""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sweepworks.media.content import Content
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads

_MOST_WAITING = 1_000
_MOST_BYTES = 128 * 1024 * 1024  # that wait; a single one may not be larger than that
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    name: str  #: of the artifact
    kind: str
    subject: str  #: of what is said about it
    content: Content


class Outbox:
    """Takes what a script logs, and never makes it wait.

    What there is no room for is left out and counted. What a process had not encoded when it was
    killed is lost.

    Args:
        say: Prints one line for a person, once per subject.
    """

    def __init__(self, uploads: Uploads, spool: Spool, *, say: Callable[[str, str], None]) -> None:
        self._uploads = uploads
        self._spool = spool
        self._say = say
        # A signal handler may put while its thread does: neither of both has a lock to wait for.
        self._asked: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._waiting: deque[_Item] = deque()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._number = 0
        self._n_dropped = 0

    def put(self, name: str, kind: str, content: Content, *, subject: str) -> None:
        """Take something to be stored under a name, or leave it out, and say so."""
        waiting = list(self._waiting)
        n_bytes = sum(item.content.size_bytes for item in waiting)
        if len(waiting) >= _MOST_WAITING or n_bytes + content.size_bytes > _MOST_BYTES:
            self._n_dropped += 1
            self._say(
                "media-full",
                "images, sounds, tables and figures come faster than they can be stored, or are "
                "too large; some are left out",
            )
            return
        item = _Item(name, kind, subject, content)
        self._waiting.append(item)
        self._asked.put(item)
        self._start()

    def finish(self, *, seconds: float) -> None:
        """Store what waits, for at most that long."""
        give_up_at = time.monotonic() + seconds
        while self._waiting and self._is_working() and time.monotonic() < give_up_at:
            time.sleep(min(_LOOK_SECONDS, seconds))
        self._asked.put(None)
        if n_lost := self._n_dropped + len(self._waiting):
            self._say("media-dropped", f"{n_lost} images, sounds, tables or figures were left out")

    def _is_working(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        if self._thread is not None or not self._starting.acquire(blocking=False):
            return  # or another thread is at it
        thread = threading.Thread(target=self._work, name="sweepworks-media", daemon=True)
        try:
            thread.start()
            self._thread = thread
        except RuntimeError as exc:  # the interpreter ends
            self._say("media-thread", f"media are left out: {exc}")
        finally:
            self._starting.release()

    def _work(self) -> None:
        while (item := self._asked.get()) is not None:
            try:
                self._store(item)
            except Exception as exc:  # noqa: BLE001 - whatever a script's own class raises
                self._say(item.subject, f"{item.kind} {item.name} is left out: {exc!r}")
            with contextlib.suppress(ValueError):
                self._waiting.remove(item)

    def _store(self, item: _Item) -> None:
        encoded = item.content.encode()
        self._number += 1
        # By this name, what a process that was killed leaves is removed with its spool.
        path = self._spool.path.with_name(f"{self._spool.path.stem}-media-{self._number}")
        try:
            path.write_bytes(encoded)
            self._uploads.store(path, item.name, item.kind, first_stands=True, subject=item.subject)
        finally:
            path.unlink(missing_ok=True)
