"""The thread that sends: batches and files, and signs of life beside them."""

import threading
import time
from collections.abc import Callable

from sweepworks.beats import Beats
from sweepworks.connection import Connection
from sweepworks.sender import Sender
from sweepworks.uploads import Uploads

_ALIVE_SECONDS = 60.0
_HURRY_SECONDS = 0.2


class SendingThread:
    """Sends what there is, whenever there is something; a gateway that hangs holds up only this.

    Args:
        says_alive: Say every minute that the process lives, although it records nothing: outside
            sweeps nothing else would notice its end.
        every_seconds: How often to look without being woken; also between signs of life while
            a file goes out.
        is_written: Whether nothing more is added.
        on_control: Called with ``continue``, ``stop`` or ``pause`` from each answer.
        say: Prints one line for a person, once per subject.
    """

    def __init__(
        self,
        run: str,
        connection: Connection,
        sender: Sender,
        uploads: Uploads,
        *,
        says_alive: bool,
        every_seconds: float,
        is_written: Callable[[], bool],
        on_control: Callable[[str], None],
        say: Callable[[str, str], None],
    ) -> None:
        self._sender = sender
        self._uploads = uploads
        self._every_seconds = every_seconds
        self._is_written = is_written
        self._say = say
        self._beats = Beats(connection, run, every_seconds=every_seconds, on_control=on_control)
        self._alive = (
            Beats(connection, run, every_seconds=_ALIVE_SECONDS, on_control=on_control)
            if says_alive
            else None
        )
        self._is_woken = threading.Event()
        self._give_up_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="sweepworks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send."""
        self._is_woken.set()

    def finish(self, *, give_up_at: float) -> None:
        """Send what is left, and end; waits until then at most."""
        self._sender.hurry()
        self._give_up_at = give_up_at
        self._is_woken.set()
        self._thread.join(max(0.0, give_up_at - time.monotonic()))
        self._beats.close()
        if self._alive is not None:
            self._alive.close()

    @property
    def is_all_sent(self) -> bool:
        """Whether everything is stored, the end of the run included."""
        return self._is_written() and self._sender.is_idle and self._uploads.is_idle

    def _run(self) -> None:
        while True:
            self._is_woken.wait(self._every_seconds)
            self._is_woken.clear()
            give_up_at = self._give_up_at
            try:
                # Before the report that a kept checkpoint belongs to.
                self._uploads.retry(beat=self._beats.beat)
                self._sender.pump(may_go=self._uploads.let_go)
                if self._alive is not None:
                    self._alive.beat()
            except Exception as exc:  # noqa: BLE001 - this thread must outlive whatever comes
                self._say(f"sending-{type(exc).__name__}", f"cannot send: {exc!r}")
            if give_up_at is not None:
                is_over = self.is_all_sent or self._sender.is_over
                if is_over or time.monotonic() > give_up_at:
                    return
                time.sleep(_HURRY_SECONDS)
                self._is_woken.set()
