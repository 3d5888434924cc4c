"""Brings the scalars of a folder's event files into a run."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from sweepworks.foreign.progress import Progress
from sweepworks.run import Run
from sweepworks.tensorboard.events import Event, read_event
from sweepworks.tensorboard.records import Broken, Records
from sweepworks.values import WireError, check_key

_FILES = "events.out.tfevents.*"


class EventReader:
    """Follows every event file in a folder and those below it.

    A file in a folder below has its path before the names of its scalars, as TensorBoard shows it:
    ``validation/loss``. Like `sweepworks.foreign.reader.LineReader`, it reads each file from the
    beginning, and brings nothing again that a reader before it had brought.

    Args:
        objective: Scalar that is reported to the search, at its step; None: there is no search.
        progress: File that says how far it has come.
        say: Takes a subject and a sentence.
    """

    def __init__(
        self,
        run: Run,
        folder: Path,
        *,
        objective: str | None,
        progress: Path,
        say: Callable[[str, str], None],
    ) -> None:
        self._run = run
        self._folder = folder
        self._objective = objective
        self._path = progress
        self._say = say
        self._files: dict[str, Records] = {}
        self._broken: set[str] = set()
        self._said: set[str] = set()
        self._progress = _load(progress)
        self.names: set[str] = set()  #: of scalars that were found

    def pump(self) -> bool:
        """Bring what has come.

        Returns:
            Whether more is there already.
        """
        is_more = False
        for path in sorted(self._folder.rglob(_FILES)):
            name = path.relative_to(self._folder).as_posix()
            if name in self._broken:
                continue
            try:
                is_more = self._bring(name, path) or is_more
            except Broken as exc:
                self._broken.add(name)
                self._complain(name, path, exc)
            except (
                OSError
            ) as exc:  # it may pass: a file server that is away, rights that are mended
                self._complain(name, path, exc)
        return is_more

    def _complain(self, name: str, path: Path, exc: Exception) -> None:
        if (complaint := f"cannot read {path}: {exc}") not in self._said:
            self._said.add(complaint)
            self._say(f"events-{name}", complaint)

    def _bring(self, name: str, path: Path) -> bool:
        records = self._files.setdefault(name, Records(path))
        read = records.read()
        before = self._progress.get(name, Progress())
        prefix = "" if "/" not in name else name.rpartition("/")[0] + "/"
        reports: dict[int, dict[str, float]] = {}
        points: list[Event] = []
        for at, record in read:
            event = self._event(record, prefix)
            if event.scalars and at > before.logged:
                points.append(event)
            if at > before.reported and event.step >= 0 and self._objective in event.scalars:
                value = event.scalars[self._objective]
                reports.setdefault(event.step, {self._objective: value})
        end = read[-1][0] if read else 0
        if points:
            self._save(name, before.reached(logged=end))
            for event in points:
                self._run.log_at(event.seconds, event.scalars, event.step)
        if reports:
            self._run.report_all(reports)
        if points or reports:
            self._save(name, before.reached(logged=end, reported=end))
        return not records.is_at_end

    def _event(self, record: bytes, prefix: str) -> Event:
        try:
            event = read_event(record)
        except (ValueError, TypeError) as exc:
            self._say("event", f"an event is left out: {exc}")
            return Event()
        scalars: dict[str, float] = {}
        for tag, value in event.scalars.items():
            try:
                scalars[check_key(prefix + tag)] = value
            except WireError as exc:
                self._say("tag", f"a scalar is left out: {exc}")
        self.names |= scalars.keys()
        return Event(event.seconds, event.step, scalars)

    def _save(self, name: str, progress: Progress) -> None:
        self._progress[name] = progress
        document = {
            name: [progress.logged, progress.reported] for name, progress in self._progress.items()
        }
        unseen = self._path.with_name(f"{self._path.name}.new")
        try:
            unseen.write_text(json.dumps(document), encoding="utf-8")
            unseen.replace(self._path)
        except OSError as exc:  # it is only for whoever would follow
            self._say("progress", f"cannot write {self._path}: {exc}")


def _load(path: Path) -> dict[str, Progress]:
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        document = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): Progress(logged=int(logged), reported=int(reported))
            for name, (logged, reported) in document.items()
        }
    return {}
