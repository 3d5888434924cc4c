"""The row of a rerun's attempt, kept up with what its launcher says: what it holds and costs hangs on it."""

import contextlib
import datetime as dt
import time
from dataclasses import replace

from orchestration.reruns.patience import DATABASE_SECONDS, patiently
from storage.runs.reruns import RerunStore
from sweeps import ids
from sweeps.errors import StorageUnavailable
from sweeps.ids import AttemptId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import AttemptState
from sweeps.trials import Attempt, Exit

_BEAT_SECONDS = 20.0


class RerunAttempt:
    """One attempt, from when it was written down to its end.

    While whoever has it lives, it says so now and then: what is silent is ended by others in the end.
    """

    def __init__(self, store: RerunStore, attempt_id: AttemptId) -> None:
        self._store = store
        self._attempt = Attempt(
            attempt_id=attempt_id,
            run_id=ids.run_of(attempt_id),
            number=1,
            created_at=dt.datetime.now(dt.UTC),
        )
        self._beat_at = 0.0
        self._is_open = True
        self.may_be_alive = False  #: it was launched, perhaps

    @property
    def attempt_id(self) -> AttemptId:
        """Its name."""
        return self._attempt.attempt_id

    @property
    def has_started(self) -> bool:
        """Whether its launcher has seen it run."""
        return self._attempt.state is not AttemptState.PENDING

    def beat(self) -> bool:
        """Say that somebody sees to it; False: others have given it up, and what it held is theirs."""
        if self._is_open and time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + _BEAT_SECONDS
            with contextlib.suppress(StorageUnavailable):  # no reason to end a training
                self._is_open = self._store.beat(self.attempt_id)
        return self._is_open

    def see(self, status: AttemptStatus) -> None:
        """Write down what is new; what cannot be written now is at the next look."""
        seen = status.told_of(self._attempt)
        if status.phase is AttemptPhase.RUNNING:
            seen = replace(seen, state=AttemptState.RUNNING)
        if seen != self._attempt:
            with contextlib.suppress(StorageUnavailable):
                self._is_open = self._store.note_attempt(seen)
                self._attempt = seen

    def end(self, ended: Exit, status: AttemptStatus | None = None) -> None:
        """Write down that it has ended: from now on it holds nothing. `StorageUnavailable`.

        Args:
            status: What its launcher says last; None: it was never launched.
        """
        seen = self._attempt if status is None else status.told_of(self._attempt)
        at = status.ended_at if status is not None else None
        self._attempt = replace(
            seen, state=AttemptState.ENDED, exit=ended, ended_at=at or dt.datetime.now(dt.UTC)
        )
        patiently(lambda: self._store.note_attempt(self._attempt), seconds=DATABASE_SECONDS)
