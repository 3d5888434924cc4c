"""Looks after reruns of a home whose commands were killed: nobody else on this machine does."""

import logging
import threading
import time

from orchestration.home import Home
from sweeps.errors import SweepsError
from sweeps.ids import RunId

_PERIOD_SECONDS = 10.0

logger = logging.getLogger(__name__)


class RerunUpkeep:
    """A thread of its own, which looks at the disk alone as long as there are none.

    Args:
        database_url: Of the database that has their rows.
    """

    def __init__(
        self, home: Home, *, database_url: str, period_seconds: float = _PERIOD_SECONDS
    ) -> None:
        self._home = home
        self._database_url = database_url
        self._period_seconds = period_seconds
        self._done: set[RunId] = set()

    def start(self) -> None:
        """Begin, and go on as long as the process lives."""
        threading.Thread(target=self._run, name="reruns", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except SweepsError as exc:  # the next look tries again
                logger.warning("cannot look after reruns: %s", exc)
            except Exception:  # a defect of ours: the supervisor, and the next look, go on
                logger.exception("cannot look after reruns")
            time.sleep(self._period_seconds)

    def look(self) -> None:
        """Once."""
        if not any(self._home.reruns.glob("scratch-*")):
            return
        # A supervisor has no use for any of it otherwise.
        from orchestration.reruns.folders import left_reruns

        left = [run_id for run_id in left_reruns(self._home) if run_id not in self._done]
        if not left:
            return
        from orchestration.reruns.left import settle
        from storage.database import open_pool
        from storage.runs.reruns import RerunStore

        with open_pool(self._database_url, max_size=1) as pool:
            self._done.update(settle(self._home, RerunStore(pool), left))
