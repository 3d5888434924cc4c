"""Looks after the home's spool folder: sends what scripts left there, lets go of what nobody took."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sweepworks.spool import REFUSED
from sweepworks.sync import Fate, Sync, Synced

_PERIOD_SECONDS = 60.0
_REFUSED_DAYS = 30  # long enough for a person to look at what was refused, and to mend it

logger = logging.getLogger(__name__)


class SpoolUpkeep:
    """A thread of its own: what is large takes its time, and the services are watched meanwhile.

    It may end at any moment; whoever looks next goes on.

    Args:
        gateway: Address and API token, as they are now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        gateway: Callable[[], tuple[str, str]],
        period_seconds: float = _PERIOD_SECONDS,
    ) -> None:
        self._folder = folder
        self._gateway = gateway
        self._period_seconds = period_seconds
        self._told: set[tuple[Path, Fate]] = set()

    def start(self) -> None:
        """Begin, and go on as long as the process lives."""
        threading.Thread(target=self._run, name="spools", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self.look(now=time.time())
            except Exception:  # the next look tries again
                logger.exception("cannot look after %s", self._folder)
            time.sleep(self._period_seconds)

    def look(self, *, now: float) -> None:
        """Once: send what can be sent, delete what is too old; `now` in seconds since 1970."""
        url, token = self._gateway()
        for synced in Sync(url, token).folder(self._folder):
            self._tell(synced)
        oldest = now - _REFUSED_DAYS * 86_400
        for path in self._folder.glob(f"*{REFUSED}"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
                logger.info("deleted %s, %d days after it was refused", path, _REFUSED_DAYS)

    def _tell(self, synced: Synced) -> None:
        """Of each file once: it is looked at again and again."""
        if synced.fate is Fate.LIVE or (synced.path, synced.fate) in self._told:
            return
        self._told.add((synced.path, synced.fate))
        logger.log(
            logging.INFO if synced.is_good else logging.WARNING,
            "%s: %s",
            synced.path.name,
            "; ".join((synced.fate, *synced.unstored)),
        )
