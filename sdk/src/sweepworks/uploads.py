"""A run's files on their way to the gateway."""

import contextlib
import json
import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sweepworks import artifacts
from sweepworks.artifacts import Description, Refused
from sweepworks.batches import now_us
from sweepworks.connection import Connection, Unreachable
from sweepworks.spool import Spool

_CONFLICT = 409
_RETRY_SECONDS = 10.0
_NOTE = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    path: Path
    described: Description
    first_stands: bool


class Uploads:
    """Stores files at once; with the gateway away, copies wait in the spool's folder.

    Args:
        connection: None: nothing can be sent from here, copies wait for good.
        is_away: Whether the gateway is known not to answer.
        patience_seconds: How long the script waits for the gateway to answer at all.
        beat: Says that the script is alive.
        say: Prints one line for a person, once per subject.
    """

    def __init__(
        self,
        run: str,
        *,
        connection: Connection | None,
        spool: Spool,
        is_away: Callable[[], bool],
        patience_seconds: float,
        beat: Callable[[], None],
        say: Callable[[str, str], None],
    ) -> None:
        self._run = run
        self._connection = connection
        self._spool = spool
        self._is_away = is_away
        self._patience_seconds = patience_seconds
        self._beat = beat
        self._say = say
        self._waiting: deque[_Upload] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def store(self, path: Path, name: str, kind: str, *, first_stands: bool = False) -> bool:
        """Store a file under a name; never raises for what the gateway or the disk does.

        Args:
            first_stands: That the name is taken by other bytes is as it should be.

        Returns:
            Whether the gateway has answered; else a copy waits.
        """
        try:
            upload = _Upload(
                path=path,
                described=artifacts.describe(path, name, kind, beat=self._beat),
                first_stands=first_stands,
            )
            # While others wait, the gateway is away: asking again would only slow the script.
            if not (self._waiting or self._is_away()) and self._bring(
                upload, patience_seconds=self._patience_seconds, beat=self._beat
            ):
                return True
            self._keep(upload)
        except OSError as exc:
            self._say(f"artifact-{name}", f"the artifact {name!r} is not stored: {exc}")
        return False

    def retry(self, *, beat: Callable[[], None]) -> None:
        """Bring what waits, oldest first, until the gateway does not take it.

        Args:
            beat: Called while bytes go out; the batches wait for them.
        """
        while self._waiting:
            upload = self._waiting[0]
            try:
                if not self._bring(upload, patience_seconds=_RETRY_SECONDS, beat=beat):
                    return
            except OSError as exc:
                name = upload.described.name
                self._say(f"artifact-{name}", f"the artifact {name!r} is not stored: {exc}")
            self._waiting.popleft()
            with contextlib.suppress(OSError):
                _note_of(upload.path).unlink(missing_ok=True)
                upload.path.unlink(missing_ok=True)

    def _bring(self, upload: _Upload, *, patience_seconds: float, beat: Callable[[], None]) -> bool:
        """False: not now. What is refused is said, and counts as done."""
        if self._connection is None:
            return False
        # The background thread uses the other one.
        twin = self._connection.twin(timeout_seconds=patience_seconds)
        with contextlib.closing(twin):
            try:
                artifacts.upload(twin, self._run, upload.path, upload.described, beat=beat)
            except Unreachable:
                return False
            except Refused as exc:
                if not (upload.first_stands and exc.status == _CONFLICT):
                    name = upload.described.name
                    self._say(f"artifact-{name}", f"the artifact {name!r} is not stored: {exc}")
        return True

    def take_over(self) -> None:
        """Queue the copies that the spool's former writer could not bring."""
        spool = self._spool.path
        for note in sorted(spool.parent.glob(f"{spool.stem}-*{_NOTE}")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                document = json.loads(note.read_text(encoding="utf-8"))
                upload = _Upload(
                    path=note.with_name(note.name.removesuffix(_NOTE)),
                    described=Description(**document["described"]),
                    first_stands=bool(document["first_stands"]),
                )
                self._waiting.append(upload)

    def _keep(self, upload: _Upload) -> None:
        """Copy a file that cannot be brought now, since the script may overwrite it."""
        spool = self._spool.path
        kept = spool.with_name(f"{spool.stem}-{now_us()}-{len(self._waiting)}")
        note = {"described": asdict(upload.described), "first_stands": upload.first_stands}
        try:
            shutil.copyfile(upload.path, kept)
            _note_of(kept).write_text(json.dumps(note), encoding="utf-8")
        except OSError:
            for path in (kept, _note_of(kept)):
                path.unlink(missing_ok=True)  # half a copy is of no use
            raise
        self._waiting.append(replace(upload, path=kept))


def _note_of(kept: Path) -> Path:
    """What says under which name a copy is to be stored, for whoever brings it."""
    return kept.with_name(kept.name + _NOTE)
