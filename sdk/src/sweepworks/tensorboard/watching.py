"""Watching a folder of event files from the script that writes them."""

import os
import threading
from pathlib import Path

from sweepworks import environment as env
from sweepworks.run import Run
from sweepworks.tensorboard.reader import EventReader

_EVERY_SECONDS = 2.0


class Watch:
    """Reads in a thread of its own until the run is finished; what goes wrong is said, not raised."""

    def __init__(self, run: Run, reader: EventReader) -> None:
        self._run = run
        self._reader = reader
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name="sweepworks-tensorboard", daemon=True
        )
        self._thread.start()
        run.at_finish(self.close)

    def close(self) -> None:
        """Read what is left, and no more. `Run.finish` does it; close your writer before that."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._read()

    def _work(self) -> None:
        while not self._stopped.wait(_EVERY_SECONDS):
            self._read()

    def _read(self) -> None:
        # A bound: a signal handler may finish the run while the lock is held further down.
        if not self._lock.acquire(timeout=_EVERY_SECONDS):
            return
        try:
            while self._reader.pump():
                pass
        except Exception as exc:  # noqa: BLE001 - nothing that is read here is worth a run
            self._run.say("tensorboard", f"event files are not read: {exc!r}")
        finally:
            self._lock.release()


def watch(run: Run, logdir: str | os.PathLike[str], *, objective: str | None = None) -> Watch:
    """Log the scalars of all event files in a folder, now and as they come, until the run ends.

    How far it has come is kept in the folder: nothing comes twice when the script goes on later.

    Args:
        objective: Scalar that is reported to the search, at its step; by default the objective of
            the sweep.
    """
    folder = Path(logdir)
    folder.mkdir(parents=True, exist_ok=True)
    reader = EventReader(
        run,
        folder,
        objective=objective or os.environ.get(env.OBJECTIVE) or None,
        progress=folder / f".sweepworks-{run.id}.json",
        say=run.say,
    )
    return Watch(run, reader)
