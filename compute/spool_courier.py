"""What scripts on this machine left in the folder of their spools, sent in their place."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Collection
from pathlib import Path

from sweepworks import environment as env
from sweepworks.connection import Connection
from sweepworks.resend import attempt_of, resend, spools_in

from sweeps import ids
from sweeps.ids import AttemptId, TenantId
from sweeps.ports import Credentials

_RETRY_SECONDS = 2.0

logger = logging.getLogger(__name__)


class SpoolCourier:
    """A `sweeps.ports.Courier`.

    Any number of couriers may share a folder: whoever locks a file sends it. A thread of its own
    does that, which begins with the first file that was left.

    Args:
        folder: Where trials keep what is not acknowledged yet.
        credentials: For tokens like those that the attempts had.
    """

    def __init__(self, folder: Path, *, credentials: Credentials) -> None:
        self._folder = folder
        self._credentials = credentials
        self._asked: queue.SimpleQueue[tuple[Path, AttemptId, TenantId]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._not_before: dict[Path, float] = {}  # infinite while it is under way
        self._told: set[Path] = set()
        self._said: set[str] = set()
        self._thread: threading.Thread | None = None

    def unsent(
        self, tenant_id: TenantId, attempt_ids: Collection[AttemptId]
    ) -> Collection[AttemptId]:
        """Those of the attempts, all of which have ended, whose runs have a spool left."""
        try:
            spools = spools_in(self._folder)
        except OSError as exc:
            logger.warning("cannot look for unsent reports: %s", exc)
            return set(attempt_ids)  # what cannot be seen may be there
        left: set[AttemptId] = set()
        for attempt_id in attempt_ids:
            for path in spools.get(ids.run_of(attempt_id), ()):
                left.add(attempt_id)
                self._ask(path, attempt_id, tenant_id)
        return left

    def _ask(self, path: Path, attempt_id: AttemptId, tenant_id: TenantId) -> None:
        with self._lock:
            if time.monotonic() < self._not_before.get(path, 0.0):
                return
            self._not_before[path] = float("inf")
        self._asked.put((path, attempt_id, tenant_id))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            path, attempt_id, tenant_id = self._asked.get()
            is_sent = False
            try:
                is_sent = self._send(path, attempt_id, tenant_id)
            except Exception:  # one file that cannot be read must not hold up the others
                if path not in self._told:  # it is tried again and again
                    logger.exception("cannot send what is left in %s", path)
                self._told.add(path)
            with self._lock:
                if is_sent:
                    del self._not_before[path]
                else:
                    self._not_before[path] = time.monotonic() + _RETRY_SECONDS

    def _send(self, path: Path, attempt_id: AttemptId, tenant_id: TenantId) -> bool:
        """Whether nothing is left of the file. A run's earlier attempt may have written it."""
        try:
            writer = AttemptId(attempt_of(path) or attempt_id)
        except FileNotFoundError:
            return True
        if ids.run_of(writer) != ids.run_of(attempt_id):
            raise ValueError(f"{path} is that of {writer!r}")
        variables = self._credentials.for_attempt(tenant_id, writer)
        url, token = variables.get(env.GATEWAY_URL), variables.get(env.RUN_TOKEN)
        if not url or not token:
            return False
        with contextlib.closing(Connection(url, token)) as connection:
            return resend(path, ids.run_of(attempt_id), connection, say=self._say).is_done

    def _say(self, _subject: str, sentence: str) -> None:
        if sentence not in self._said:  # a file that is damaged stays, and is tried again
            logger.warning("%s", sentence)
        self._said.add(sentence)
