"""The process of a Dagster run, as the run's tags tell: which one, on which host, of which home.

The launcher tags a run when it starts a process, and the process does so itself once it executes:
Dagster rewrites all tags with every change of state, so one of them may be lost.
"""

import datetime as dt
import platform
from collections.abc import Mapping
from enum import Enum, auto

import dagster as dg
import psutil

from compute.process_mark import ProcessMark
from orchestration.home import Home

PID_TAG = "sweepworks/pid"
STARTED_TAG = "sweepworks/pid_started"
HOST_TAG = "sweepworks/host"
HOME_TAG = "sweepworks/home"
HOME_ID_TAG = "sweepworks/home_id"

#: From the last change of a run until a process that it does not name is no longer waited for.
_COMING = dt.timedelta(minutes=1)


class WorkerState(Enum):
    """What is known about the process of an unfinished Dagster run."""

    ALIVE = auto()
    COMING = auto()  #: it has none yet, or none that has said so
    GONE = auto()
    ELSEWHERE = auto()  #: of another home, where we cannot look


def home_tags(home: Home) -> Mapping[str, str]:
    """For a run that gets a process of this home."""
    return {
        HOST_TAG: platform.node(),
        HOME_TAG: str(home.folder),
        HOME_ID_TAG: home.identity(),
    }


#: For a run whose process is being started: it has none that could be looked for.
COMING_TAGS: Mapping[str, str] = {PID_TAG: "", STARTED_TAG: ""}


def process_tags(pid: int) -> Mapping[str, str]:
    """For the run of the process that has this number now."""
    try:
        start = ProcessMark.of(pid).start
    except psutil.NoSuchProcess:
        start = ""  # it has ended already: gone, and not still coming
    return {PID_TAG: str(pid), STARTED_TAG: start}


def worker_state(record: dg.RunRecord, home: Home, *, now: dt.datetime) -> WorkerState:
    """What is known, in `home`, about the process of a run that has not finished."""
    run = record.dagster_run
    if is_elsewhere(run, home):
        return WorkerState.ELSEWHERE
    if run.tags.get(PID_TAG):
        return WorkerState.GONE if worker_process(run) is None else WorkerState.ALIVE
    # The database itself notes the time of the first state, in whatever zone it is set to.
    is_fresh = run.status is dg.DagsterRunStatus.NOT_STARTED
    changed_at = record.create_timestamp if is_fresh else record.update_timestamp
    return WorkerState.COMING if now - changed_at < _COMING else WorkerState.GONE


def is_elsewhere(run: dg.DagsterRun, home: Home) -> bool:
    """Whether a process of the run is, or was, one of another home."""
    return run.tags.get(HOME_ID_TAG, home.identity()) != home.identity()


def worker_process(run: dg.DagsterRun) -> psutil.Process | None:
    """The living process of a run of this home, or None; never another one with its number."""
    pid, start = run.tags.get(PID_TAG), run.tags.get(STARTED_TAG)
    return ProcessMark(pid=int(pid), start=start).process() if pid and start else None


def place_of(run: dg.DagsterRun) -> str:
    """Where the run's process is, for people."""
    return f"home {run.tags.get(HOME_TAG, '?')} on host {run.tags.get(HOST_TAG, '?')}"
