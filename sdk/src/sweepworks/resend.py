"""What writers that are gone left in a spool folder, and sending it."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from sweepworks.artifacts import no_beat
from sweepworks.connection import Connection
from sweepworks.frames import read_batches
from sweepworks.sender import Sender
from sweepworks.spool import SUFFIX, Spool
from sweepworks.uploads import Uploads
from sweepworks.values import WireError
from sweepworks.wire import decode_flush

_PATIENCE_SECONDS = 10.0
_NAME = re.compile(rf"(?P<run>.+)-[0-9a-f]{{16}}{re.escape(SUFFIX)}")


def spools_in(folder: Path) -> dict[str, list[Path]]:
    """Files of writers, alive or gone, by run; empty when there is no such folder."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.setdefault(match["run"], []).append(path)
    return found


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
) -> bool:
    """Send everything in the file of a writer that is gone, once, and delete it.

    Args:
        connection: With a token that opens the run.
        say: Takes a subject and a sentence on what was not stored.

    Returns:
        Whether nothing of it is left. False: its writer lives, or the gateway does not answer.

    Raises:
        OSError: The file cannot be read.
    """
    spool = Spool.adopt(path)
    if spool is None:
        return not path.exists()
    try:
        uploads = Uploads(
            run,
            connection=connection,
            spool=spool,
            is_away=lambda: False,
            patience_seconds=_PATIENCE_SECONDS,
            limit_bytes=0,  # nothing is added
            beat=no_beat,
            say=say,
        )
        uploads.take_over()
        uploads.retry(beat=no_beat)  # before the report that a kept checkpoint belongs to
        if not uploads.is_answered:
            return False
        sender = Sender(connection, spool, on_control=lambda _: None, say=say)
        sender.take_over()
        sender.pump()
        if sender.is_over:
            say("aside", f"the rest is kept in {spool.set_aside()}")
            return True
        if not (sender.is_idle and uploads.is_idle):
            return False
        spool.delete()
    finally:
        spool.close()
    return True
