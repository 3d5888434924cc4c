"""Files to the store that the gateway names: known bytes are not sent again, lost parts are.

What has arrived is the store's to say. No state is kept here: whoever was cut off asks what is
missing, and sends that.
"""

import enum
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from sweepworks.artifacts import Changed, Description, describe, expect, no_bytes, nonsense
from sweepworks.connection import Connection, Unreachable, post_json
from sweepworks.part_requests import PartRequest, part_requests, send_parts
from sweepworks.parts import count_parts

_ANSWER_SECONDS = 10.0
# Of a file in parts: a folder reads it once more. One that is slower says that it is at it.
_FINISH_BYTES_PER_SECOND = 100e6
_FINISHING = 202
_MISSING = 428
_MOST_LOSSES = 3  # of bytes between their arrival and the commit
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0


def upload(
    connection: Connection,
    run: str,
    path: Path,
    described: Description,
    *,
    beat: Callable[[], None],
    patience_seconds: float = 0.0,
    on_sent: Callable[[int], None] = no_bytes,
) -> None:
    """Store a file as an artifact of the run; the same again is success. See `upload_to`."""
    upload_to(
        connection,
        f"/api/v1/runs/{run}/artifacts",
        path,
        described,
        beat=beat,
        patience_seconds=patience_seconds,
        on_sent=on_sent,
    )


def upload_to(
    connection: Connection,
    location: str,
    path: Path,
    described: Description,
    *,
    beat: Callable[[], None],
    patience_seconds: float = 0.0,
    on_sent: Callable[[int], None] = no_bytes,
) -> None:
    """Store a file under a path of the gateway that takes files; the same again is success.

    Args:
        connection: Its patience is for the first answer; what is known to be there gets more.
        beat: Called while bytes go out.
        patience_seconds: How long no part may arrive before a file in parts is given up. One of a
            single part is given up at once: it is soon copied, and waits as a copy.
        on_sent: Called, in any thread, with the bytes of each part that has arrived.

    Raises:
        Unreachable: The gateway, or the store, does not answer; try again later.
        Refused: It does not take the file, for the reason given.
        Changed: The file is not what was described.
        OSError: The file cannot be read.
    """
    has_parts = count_parts(described.size) > 1
    if has_parts and not described.crc32:  # a description without them, of an older version
        again = describe(path, described.name, described.type, beat=beat)
        if again.sha256 != described.sha256:
            raise Changed(f"{path} is another file than was described")
        described = again
    patience = _Patience(patience_seconds if has_parts else 0.0, beat)
    one = _Upload(connection, location, path, described, beat)

    def arrived(n_bytes: int) -> None:
        patience.renew()
        on_sent(n_bytes)

    has_begun, n_lost = False, 0
    while n_lost <= _MOST_LOSSES:
        try:
            missing = one.missing_parts()
            has_begun = True
            if missing:
                send_parts(connection, path, missing, beat=beat, on_sent=arrived)
                if has_parts:
                    continue
            began_at = time.monotonic()
            try:
                ended = one.commit()
            except Unreachable:
                patience.extend(time.monotonic() - began_at)  # it may be at work all the same
                raise
            if ended is _End.STORED:
                return
            if ended is _End.FINISHING:  # as good as an arrival
                patience.renew()
                patience.pause()
            else:
                n_lost += 1
        except Unreachable:
            if not has_begun or not patience.wait():
                raise
    raise Unreachable("the store loses what it is given")


class _End(enum.Enum):
    """What has become of a file whose parts were all sent."""

    STORED = enum.auto()
    FINISHING = enum.auto()  #: the store puts it together: another request had begun it
    LOST = enum.auto()  #: bytes are missing, and are to be sent again


class _Upload:
    """The requests about one file."""

    def __init__(
        self,
        connection: Connection,
        location: str,
        path: Path,
        described: Description,
        beat: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._path = path
        self._described = described
        self._beat = beat
        self._body = asdict(described)
        self._location = location

    def missing_parts(self) -> tuple[PartRequest, ...]:
        """Parts that are to be sent next."""
        self._beat()
        answer = expect(*post_json(self._connection, self._location, self._body), "upload")
        missing = answer["upload"]
        found = () if missing is None else part_requests(missing, size=self._described.size)
        self._connection.limit(_ANSWER_SECONDS)
        return found

    def commit(self) -> _End:
        """Give the artifact to the run."""
        self._beat()
        slow = self._described.size / _FINISH_BYTES_PER_SECOND if self._described.crc32 else 0.0
        self._connection.limit(_ANSWER_SECONDS + slow)
        status, answer = post_json(self._connection, f"{self._location}/commit", self._body)
        self._connection.limit(_ANSWER_SECONDS)
        if status == _MISSING:
            return _End.LOST
        if status == _FINISHING and answer.get("finishing") is True:
            return _End.FINISHING
        stored = expect(status, answer, "artifact", good=(201,))["artifact"]
        if (
            not isinstance(stored, dict)
            or cast("Any", stored).get("sha256") != self._described.sha256
        ):
            raise nonsense(status)
        return _End.STORED


class _Patience:
    """Waits a little longer each time, as long as something arrives now and then."""

    def __init__(self, seconds: float, beat: Callable[[], None]) -> None:
        self._seconds = seconds
        self._beat = beat
        self.renew()

    def renew(self) -> None:
        """Something has arrived."""
        self._gives_up_at = time.monotonic() + self._seconds
        self._pause = _FIRST_PAUSE_SECONDS

    def extend(self, seconds: float) -> None:
        """Do not count a time in which something may have been going on."""
        self._gives_up_at += seconds

    def wait(self) -> bool:
        """Whether it is worth another try, after a pause."""
        if time.monotonic() + self._pause > self._gives_up_at:
            return False
        self.pause()
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return True

    def pause(self) -> None:
        """Wait without counting."""
        ends_at = time.monotonic() + self._pause
        while (left := ends_at - time.monotonic()) > 0:
            self._beat()
            time.sleep(min(left, _FIRST_PAUSE_SECONDS))
