"""What writers that are gone left in a spool folder, and sending it."""

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sweepworks.artifacts import no_beat
from sweepworks.connection import Connection
from sweepworks.frames import Damage, damage, read_batches
from sweepworks.sender import Sender
from sweepworks.spool import SUFFIX, Spool
from sweepworks.uploads import Uploads
from sweepworks.values import WireError
from sweepworks.wire import decode_flush

_PATIENCE_SECONDS = 10.0
_AGAIN_SECONDS = 0.5
_NAME = re.compile(rf"(?P<run>.+)-(?P<writer>[0-9a-f]{{16}}){re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """What became of the file of one writer."""

    is_done: bool  #: nothing of it is left to be sent
    is_live: bool = False  #: its writer lives, or somebody else sends it
    is_sealed: bool = False  #: the run takes nothing more; what was left is set aside
    batches: int = 0  #: that were sent just now
    artifacts: int = 0  #: likewise


def spools_in(folder: Path) -> dict[str, list[Path]]:
    """Files of writers, alive or gone, by run; empty when there is no such folder."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.setdefault(match["run"], []).append(path)
    return found


def writer_of(path: Path) -> str | None:
    """Name of the writer whose file it is; None when it is none."""
    match = _NAME.fullmatch(path.name)
    return None if match is None else match["writer"]


def attempt_of(path: Path) -> str | None:
    """Name of the attempt whose script wrote the file; None outside sweeps, or without a batch."""
    for _, batch in read_batches(path):
        try:
            return decode_flush(batch).attempt
        except WireError:
            return None
    return None


def resend(
    path: Path, run: str, connection: Connection, *, say: Callable[[str, str], None]
) -> Resent:
    """Send everything in the file of a writer that is gone, once, and delete it.

    Of one that is damaged in its midst what lies before that is sent, and the file is kept.

    Args:
        connection: With a token that opens the run.
        say: Takes a subject and a sentence on what was not stored.

    Raises:
        OSError: The file cannot be read.
    """
    spool = Spool.adopt(path)
    if spool is None:
        is_gone = not path.exists()
        return Resent(is_done=is_gone, is_live=not is_gone)
    with contextlib.closing(spool):
        return send_all(spool, run, connection, say=say)


def send_all(
    spool: Spool,
    run: str,
    connection: Connection,
    *,
    say: Callable[[str, str], None],
    stored: int | None = None,
    beat: Callable[[], None] = no_beat,
    keep: bool = False,
    patience_seconds: float = 0.0,
    on_sent: Callable[[int], None] = lambda _: None,
) -> Resent:
    """As `resend`, for a file that is adopted already.

    Args:
        stored: Sequence of the writer's last flush that the gateway has, when it was asked: then
            small batches go as one.
        beat: Called while files go out, which may take longer than a run may be silent.
        keep: Delete nothing; that all is sent is noted.
        patience_seconds: How long to try again, while the gateway takes nothing.
        on_sent: Called with the bytes of every batch that needs no more sending.
    """
    resending = _Resending(spool, run, connection, say=say, beat=beat, keep=keep, on_sent=on_sent)
    return resending.run(patience_seconds, stored=stored)


class _Resending:
    def __init__(
        self,
        spool: Spool,
        run: str,
        connection: Connection,
        *,
        say: Callable[[str, str], None],
        beat: Callable[[], None],
        keep: bool,
        on_sent: Callable[[int], None],
    ) -> None:
        self._spool = spool
        self._say = say
        self._beat = beat
        self._keep = keep
        self._on_sent = on_sent
        self._batches = 0
        self._uploads = Uploads(
            run,
            connection=connection,
            spool=spool,
            is_away=lambda: False,
            patience_seconds=_PATIENCE_SECONDS,
            limit_bytes=0,  # nothing is added
            beat=no_beat,
            say=say,
            keep=keep,
        )
        self._sender = Sender(
            connection, spool, on_control=lambda _: None, say=say, on_sent=self._count
        )

    def run(self, patience_seconds: float, *, stored: int | None) -> Resent:
        self._uploads.take_over()
        self._sender.take_over(stored=stored)
        self._sender.hurry()
        give_up_at = time.monotonic() + patience_seconds
        while not self._try() and time.monotonic() < give_up_at:
            time.sleep(_AGAIN_SECONDS)
        is_done = self._is_done
        if is_done and damage(self._spool.path) is Damage.CORRUPT:
            is_done = False
            self._say(
                "damaged",
                f"{self._spool.path} is damaged in its midst; what lies behind that is not sent, "
                "and the file is kept",
            )
        elif self._sender.is_over and not self._keep:
            self._say("aside", f"the rest is kept in {self._spool.set_aside()}")
        elif is_done and not self._keep:
            self._spool.delete()
        return Resent(
            is_done=is_done,
            is_sealed=self._sender.is_over,
            batches=self._batches,
            artifacts=self._uploads.n_stored,
        )

    @property
    def _is_done(self) -> bool:
        return self._sender.is_over or (self._sender.is_idle and self._uploads.is_idle)

    def _try(self) -> bool:
        """Whether trying again would change nothing."""
        self._uploads.retry(beat=self._beat)  # before the report that a kept checkpoint belongs to
        self._sender.pump(may_go=self._uploads.let_go)
        return self._is_done

    def _count(self, n_bytes: int) -> None:
        self._batches += 1
        self._on_sent(n_bytes)
