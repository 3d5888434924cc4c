"""Reruns on this machine whose commands are gone: process and rows are brought together."""

import datetime as dt
import logging
from collections.abc import Iterable
from dataclasses import replace

from compute.attempt_folder import AttemptFolder
from compute.attempt_statuses import AttemptStatuses
from orchestration.home import Home
from storage.embedded.failures import filesystem_errors
from storage.runs.reruns import RerunStore
from sweeps import ids
from sweeps.ids import AttemptId, RunId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import AttemptState, ExitReason
from sweeps.trials import Attempt

logger = logging.getLogger(__name__)


def settle(home: Home, store: RerunStore, left: Iterable[RunId]) -> list[RunId]:
    """Do for them what their commands would do; those that are done with come back.

    A process whose attempt has ended by its rows, since nothing was heard of it for too long, is asked
    to end by its own shim: no number of a process is used, which might be another one's by now. An
    attempt whose process has ended ends at that time, and is charged until then.

    Raises:
        DiskFull: There is no space to ask one to end.
        StorageUnavailable: The database does not answer, or the home cannot be read.
    """
    statuses = AttemptStatuses(has_gpus=True, clock=lambda: dt.datetime.now(dt.UTC))
    done: list[RunId] = []
    for run_id in left:
        attempt_id = ids.attempt_id(run_id, 1)
        folder = AttemptFolder.of(home.runs, attempt_id)
        if folder is None:
            continue
        with filesystem_errors(folder.path):
            status = statuses.of(folder, attempt_id)
        if status is None or status.phase is AttemptPhase.PENDING:
            continue
        state = store.state_of(attempt_id)
        if status.phase is AttemptPhase.EXITED:
            _end(store, attempt_id, status)
            done.append(run_id)
        elif state is AttemptState.ENDED:
            logger.warning("%s is over, and its command is gone: ending its process", run_id)
            with filesystem_errors(folder.path):
                folder.ask_to_stop(ExitReason.LOST)
        elif state is AttemptState.PENDING:  # its command did not come to say so
            seen = replace(_told(attempt_id, status), state=AttemptState.RUNNING)
            store.note_attempt(seen)
    return done


def _end(store: RerunStore, attempt_id: AttemptId, status: AttemptStatus) -> None:
    ended = status.exit
    if ended is None or (ended.code is None and ended.signal is None):
        return  # its shim was killed: when it was heard of last says more than when that was noticed
    told = _told(attempt_id, status)
    store.note_attempt(
        replace(told, state=AttemptState.ENDED, exit=ended, ended_at=status.ended_at)
    )


def _told(attempt_id: AttemptId, status: AttemptStatus) -> Attempt:
    return status.told_of(
        Attempt(
            attempt_id=attempt_id,
            run_id=ids.run_of(attempt_id),
            number=1,
            created_at=dt.datetime.now(dt.UTC),  # its row has its own
        )
    )
