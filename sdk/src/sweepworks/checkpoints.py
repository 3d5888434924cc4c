"""Checkpoints: stored where the search may pause a trial, found again by a later attempt.

The first checkpoint of a level stands, as its first report does: what a later attempt makes of the
same level changes nothing.
"""

import contextlib
import re
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sweepworks import artifacts
from sweepworks.artifacts import Changed, Description, Refused
from sweepworks.connection import Connection, Unreachable
from sweepworks.downloading import download
from sweepworks.uploads import Uploads

MODES = ("rungs", "all", "none")
TYPE = "checkpoint"
_FOLDER = ".sweepworks-checkpoint"
_LEVEL_DIGITS = 10  # for people: names sort by level as long as it is below 10 billion
_MAX_FILE_NAME = 200
_PATIENCE_SECONDS = 10.0  # starting over costs more than waiting for a gateway that restarts
_RETRY_SECONDS = 0.5
_ATTEMPT = re.compile(r".+-a(?P<number>[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that a script saved to go on from, and the resource level that it had reached."""

    path: Path
    level: int


class Checkpoints:
    """Those of one run, as one attempt sees them.

    Args:
        attempt: Its name, ``<run>-a<number>``; None outside a sweep.
        connection: None: the gateway is not to be asked.
        uploads: None: nothing is recorded.
        mode: Which are stored: those of ``rungs``, ``all`` or ``none``.
        rungs: Resource levels at which the search may pause the trial.
        say: Prints one line for a person, once per subject.
        beat: Says that the script is alive.
    """

    def __init__(
        self,
        run: str,
        *,
        attempt: str | None,
        connection: Connection | None,
        uploads: Uploads | None,
        mode: str,
        rungs: tuple[int, ...],
        say: Callable[[str, str], None],
        beat: Callable[[], None],
    ) -> None:
        self._run = run
        self._connection = connection if _is_repeated(attempt) else None
        self._uploads = uploads
        self._mode = mode
        self._rungs = rungs
        self._say = say
        self._beat = beat
        self._stored_level = -1
        self._lock = threading.Lock()  # two threads may ask at once; one of them downloads
        self._has_looked = False
        self._newest: Checkpoint | None = None

    def store(self, level: int, path: Path) -> bool:
        """Store the checkpoint of a level, if it can matter; never raises for an outage.

        Returns:
            False when it waits for the gateway.
        """
        if self._uploads is None or not self._is_wanted(level):
            return True
        self._stored_level = level
        return self._uploads.store(path, name_of(level, path), TYPE, first_stands=True)

    def newest(self) -> Checkpoint | None:
        """The one that the attempt starts from; downloaded at the first call."""
        with self._lock:
            if not self._has_looked:
                self._has_looked = True
                self._newest = self._restore()
                if self._newest is not None:
                    self._stored_level = max(self._stored_level, self._newest.level)
            return self._newest

    def _is_wanted(self, level: int) -> bool:
        if self._mode != "rungs":
            return self._mode == "all"
        # A script that reports every second epoch meets a rung at the first report beyond it.
        return any(self._stored_level < rung <= level for rung in self._rungs)

    def _restore(self) -> Checkpoint | None:
        if self._connection is None:
            return None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with contextlib.closing(self._connection.twin()) as twin:
                    return self._fetch(twin)
            except Unreachable as exc:
                if time.monotonic() > deadline:
                    self._say("resume", f"the gateway does not answer ({exc}); starting over")
                    return None
                time.sleep(_RETRY_SECONDS)
            except (Refused, Changed, OSError, KeyError, TypeError, ValueError) as exc:
                self._say("resume", f"the checkpoint cannot be had ({exc}); starting over")
                return None

    def _fetch(self, connection: Connection) -> Checkpoint | None:
        status, _, answer = connection.request("GET", f"/api/v1/runs/{self._run}/checkpoint")
        found = artifacts.expect(status, answer, "checkpoint")["checkpoint"]
        if found is None:
            return None
        name, level = str(found["name"]), int(found["level"])
        described = Description(name, TYPE, str(found["sha256"]), int(found["size_bytes"]))
        artifacts.check_name(name)
        path = _folder() / name.rsplit("/", 1)[-1]
        if not (path.is_file() and _is(path, described)):
            download(connection, self._run, described, path, beat=self._beat)
        return Checkpoint(path, level)


def name_of(level: int, path: Path) -> str:
    """Name of the artifact; what a name cannot hold becomes ``_``."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", path.name)[-_MAX_FILE_NAME:]
    return f"checkpoints/{level:0{_LEVEL_DIGITS}d}/{plain}"


def _is(path: Path, described: Description) -> bool:
    found = artifacts.describe(path, described.name, described.type)
    return (found.sha256, found.size) == (described.sha256, described.size)


def _is_repeated(attempt: str | None) -> bool:
    """Whether there was an attempt before; only then is anything looked for."""
    match = _ATTEMPT.fullmatch(attempt or "")
    return match is not None and int(match["number"]) > 1


def _folder() -> Path:
    """Where a checkpoint is put: the working directory, which each attempt has to itself."""
    folder = Path.cwd() / _FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="sweepworks-checkpoint-"))
    return folder
