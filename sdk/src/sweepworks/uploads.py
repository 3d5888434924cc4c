"""A run's files on their way to the gateway."""

import contextlib
import itertools
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sweepworks.artifacts import (
    Changed,
    Description,
    Refused,
    Unavailable,
    describe,
    described_by,
)
from sweepworks.batches import ends_run
from sweepworks.clock import now_us
from sweepworks.connection import Connection, Unreachable
from sweepworks.spool import REFUSED, Spool
from sweepworks.uploading import upload as send_file

_GOOD = 200
_CONFLICT = 409
_RETRY_SECONDS = 10.0
_HOLD_SECONDS = 60.0  # that reports wait for a file which alone is not answered
_ASK_SECONDS = 2.0
_PARTS_SECONDS = 300.0  # a file in parts may wait for the store: a copy of it would be large
_NOTE = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    path: Path
    described: Description
    first_stands: bool
    subject: str  #: under which it is said, once, that it is not stored


class Uploads:
    """Stores files at once; with the gateway away, copies wait in the spool's folder.

    Args:
        connection: None: nothing can be sent from here, copies wait for good.
        is_away: Whether the gateway is known not to answer.
        patience_seconds: How long the script waits for the gateway to answer at all.
        limit_bytes: Of the copies that wait; files beyond it are given up.
        beat: Says that the script is alive.
        say: Prints one line for a person, once per subject.
        keep: Leave the copies where they are when they are stored.
    """

    def __init__(
        self,
        run: str,
        *,
        connection: Connection | None,
        spool: Spool,
        is_away: Callable[[], bool],
        patience_seconds: float,
        limit_bytes: int,
        beat: Callable[[], None],
        say: Callable[[str, str], None],
        keep: bool = False,
    ) -> None:
        self._run = run
        self._connection = connection
        self._spool = spool
        self._is_away = is_away
        self._patience_seconds = patience_seconds
        self._limit_bytes = limit_bytes
        self._beat = beat
        self._say = say
        self._keeps = keep
        self._waiting: deque[_Upload] = deque()
        self._numbers = itertools.count()  # two threads may copy in the same microsecond
        self.n_stored = 0  #: of those that waited
        self.is_answered = True  #: the last time; else reports wait for what is to go before them
        self._n_unanswered = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def let_go(self, batch: bytes) -> bool:
        """Whether a batch may be sent before the files that wait.

        A report may not go before its checkpoint, which a script may add at any moment; nor
        anything before the end of the run, after which nothing is taken.
        """
        return self.is_answered and (self.is_idle or not ends_run(batch))

    def store(
        self,
        path: Path,
        name: str,
        kind: str,
        *,
        first_stands: bool = False,
        subject: str | None = None,
    ) -> bool:
        """Store a file under a name; never raises for what the gateway or the disk does.

        Args:
            first_stands: That the name is taken by other bytes is as it should be.
            subject: Files of one subject are complained of once; by default each is one.

        Returns:
            Whether the gateway has answered; else a copy waits.
        """
        subject = subject or f"artifact-{name}"
        try:
            # While others wait, the gateway is away: asking again would only slow the script.
            if self._connection is not None and not (self._waiting or self._is_away()):
                with contextlib.suppress(Unreachable, Changed):
                    described = describe(path, name, kind, beat=self._beat)
                    upload = _Upload(
                        path=path, described=described, first_stands=first_stands, subject=subject
                    )
                    self._bring(
                        upload,
                        patience_seconds=self._patience_seconds,
                        parts_seconds=_PARTS_SECONDS,
                        beat=self._beat,
                    )
                    return True
            self._keep(path, name, kind, first_stands=first_stands, subject=subject)
        except (OSError, Changed) as exc:
            self._say_unstored(name, exc, subject=subject)
        return False

    def retry(self, *, beat: Callable[[], None]) -> None:
        """Bring what waits, oldest first, until the gateway does not answer.

        Then `is_answered` is false: a checkpoint is stored before its report. It is true again for
        a gateway that answers otherwise, when the file has waited for a minute.

        Args:
            beat: Called while bytes go out; the batches wait for them.
        """
        self.is_answered = True
        for upload in list(self._waiting):
            is_stored = False
            # Before, not after: a gateway that comes back meanwhile gets the file first.
            is_there = self._is_overdue(upload) and self._is_gateway_there()
            try:
                is_stored = self._bring(upload, patience_seconds=_RETRY_SECONDS, beat=beat)
            except Unavailable:
                continue  # what is wrong with it must not hold up the others
            except Unreachable as exc:
                self.is_answered = is_there
                self._say_away(exc)
                if not is_there:
                    beat()  # the batches, which say it otherwise, wait
                return
            except (OSError, Changed) as exc:
                self._say_unstored(upload.described.name, exc, subject=upload.subject)
            self._n_unanswered = 0
            self._waiting.remove(upload)
            self.n_stored += is_stored
            with contextlib.suppress(OSError):
                self._put_away(upload, is_stored=is_stored)

    def _is_overdue(self, upload: _Upload) -> bool:
        """Whether it has waited for so long that reports may go before it, if they can."""
        try:
            return time.time() - upload.path.stat().st_mtime > _HOLD_SECONDS
        except OSError:
            return False

    def _is_gateway_there(self) -> bool:
        """Whether it is only files that it, or the store behind it, does not take."""
        assert self._connection is not None  # else everything waits
        twin = self._connection.twin(timeout_seconds=_ASK_SECONDS)
        with contextlib.closing(twin), contextlib.suppress(Unreachable):
            return twin.request("GET", "/healthz", authorised=False)[0] == _GOOD
        return False

    def _say_away(self, why: Unreachable) -> None:
        self._n_unanswered += 1
        if self._n_unanswered == 2:
            self._say(
                "files-away",
                f"files are not taken now ({why}); they are kept beside {self._spool.path}, and "
                "what was reported after them waits, too",
            )

    def _put_away(self, upload: _Upload, *, is_stored: bool) -> None:
        if is_stored and self._keeps:
            return
        _note_of(upload.path).unlink(missing_ok=True)
        if is_stored:
            upload.path.unlink(missing_ok=True)
        else:  # the script may have written over its own since
            upload.path.rename(upload.path.with_name(upload.path.name + REFUSED))

    def _bring(
        self,
        upload: _Upload,
        *,
        patience_seconds: float,
        beat: Callable[[], None],
        parts_seconds: float = 0.0,
    ) -> bool:
        """Whether it is stored, or need not be; what is refused is said, and counts as done."""
        assert self._connection is not None  # else everything waits
        # The background thread uses the other one.
        twin = self._connection.twin(timeout_seconds=patience_seconds)
        with contextlib.closing(twin):
            try:
                send_file(
                    twin,
                    self._run,
                    upload.path,
                    upload.described,
                    beat=beat,
                    patience_seconds=parts_seconds,
                )
            except Refused as exc:
                if not (upload.first_stands and exc.status == _CONFLICT):
                    self._say_unstored(upload.described.name, exc, subject=upload.subject)
                    return False
        return True

    def _say_unstored(self, name: str, why: Exception, *, subject: str) -> None:
        self._say(subject, f"the artifact {name!r} is not stored: {why}")

    def take_over(self) -> None:
        """Queue the copies that the spool's former writer could not bring."""
        spool = self._spool.path
        for path in sorted(spool.parent.glob(f"{spool.stem}-*")):
            if path.name.endswith((_NOTE, REFUSED)):
                continue
            try:
                document = json.loads(_note_of(path).read_text(encoding="utf-8"))
                upload = _Upload(
                    path=path,
                    described=described_by(document["described"]),
                    first_stands=bool(document["first_stands"]),
                    subject=f"artifact-{path.name}",
                )
            except FileNotFoundError:
                path.unlink(missing_ok=True)  # its writer ended in the midst of it
            except (ValueError, KeyError, TypeError) as exc:
                self._say_unstored(path.name, exc, subject=f"artifact-{path.name}")
            else:
                self._waiting.append(upload)

    def _keep(self, path: Path, name: str, kind: str, *, first_stands: bool, subject: str) -> None:
        """Copy a file that cannot be brought now, since the script may overwrite it."""
        # A copy made in one step: the thread that sends takes from it meanwhile.
        waiting_bytes = sum(upload.described.size for upload in list(self._waiting))
        if waiting_bytes + path.stat().st_size > self._limit_bytes:
            raise OSError(
                f"the gateway is away, and {waiting_bytes} bytes of files wait for it already"
            )
        spool = self._spool.path
        kept = spool.with_name(f"{spool.stem}-{now_us()}-{next(self._numbers)}")
        try:
            _make_private(kept)
            shutil.copyfile(path, kept)
            # Of the copy: the script may write the file at this moment.
            described = describe(kept, name, kind, beat=self._beat)
            note = {"described": asdict(described), "first_stands": first_stands}
            _sync(kept)
            unseen = _note_of(kept).with_suffix(".tmp")
            _make_private(unseen)
            unseen.write_text(json.dumps(note), encoding="utf-8")
            _sync(unseen)
            unseen.replace(_note_of(kept))
        except (OSError, Changed):
            kept.unlink(missing_ok=True)  # half a copy is of no use
            raise
        self._waiting.append(
            _Upload(path=kept, described=described, first_stands=first_stands, subject=subject)
        )
        self.is_answered = False  # until it was tried: what is reported next must not go before it


def _make_private(path: Path) -> None:
    """An empty file that is its owner's to read, as the spool is; the folder may be anybody's."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _note_of(kept: Path) -> Path:
    """What says under which name a copy is to be stored, for whoever brings it."""
    return kept.with_name(kept.name + _NOTE)
