"""Life cycles of sweeps, runs and attempts. Values are stored: add, never rename or remove."""

import enum


class SweepState(enum.StrEnum):
    """Where a sweep is in its life."""

    SUBMITTED = "submitted"  #: a row; nobody has started it
    RUNNING = "running"  #: a controller has claimed it
    PAUSED = "paused"  #: asked to pause: live trials end, no new ones start
    COMPLETED = "completed"  #: ended by one of its limits, or the space is exhausted
    FAILED = "failed"  #: gave up, with a reason
    CANCELLED = "cancelled"  #: ended by a person

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to the sweep any more."""
        return self in {SweepState.COMPLETED, SweepState.FAILED, SweepState.CANCELLED}


class SweepRequest(enum.StrEnum):
    """What a person wants of a sweep; the controller brings the state there."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class RunState(enum.StrEnum):
    """Where a run is in its life; a trial is a run as the search sees it."""

    PENDING = "pending"  #: a row; no attempt has started
    QUEUED = "queued"  #: waits for admission or a free slot
    RUNNING = "running"  #: an attempt executes
    PAUSED = "paused"  #: ended at a rung on purpose, may be promoted
    COMPLETED = "completed"  #: ended by itself, with an objective if it is a trial
    STOPPED = "stopped"  #: ended early by the search
    FAILED = "failed"  #: out of attempts, or its script is broken
    CANCELLED = "cancelled"  #: ended by a person

    @property
    def is_terminal(self) -> bool:
        """Whether the run is finished for good; the database freezes such rows."""
        return self in _TERMINAL_RUNS


_TERMINAL_RUNS = frozenset(
    {RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, RunState.CANCELLED}
)


class AttemptState(enum.StrEnum):
    """Where one execution of a run is, as far as the record knows."""

    PENDING = "pending"  #: written down, perhaps not launched yet
    RUNNING = "running"  #: the launcher has seen it start
    ENDED = "ended"  #: exit known, or known to be lost


class ExitReason(enum.StrEnum):
    """Why an attempt ended."""

    COMPLETED = "completed"  #: exit code 0
    SCRIPT_FAILED = "script_failed"  #: another exit code, or a crash of its own (SIGSEGV, SIGABRT)
    OUT_OF_MEMORY = "out_of_memory"  #: killed by the kernel for memory
    TIMED_OUT = "timed_out"  #: ran longer than `trial_timeout`
    STALLED = "stalled"  #: silent for longer than `stalled_after`
    STOPPED = "stopped"  #: ended early by the search
    PAUSED = "paused"  #: ended at a rung by the search, to be resumed
    CANCELLED = "cancelled"  #: ended by a person
    KILLED = "killed"  #: a signal from outside that we did not send
    LOST = "lost"  #: its process is gone and left no exit record
    LAUNCH_FAILED = "launch_failed"  #: the command could not be started at all
    EVICTED = "evicted"  #: its node was drained, shut down, or ran short of something
    PREEMPTED = "preempted"  #: its place was given to something more important
    NODE_LOST = "node_lost"  #: its node does not answer any more
    DELETED = "deleted"  #: its pod or Job was deleted by somebody else
    UNSCHEDULABLE = "unschedulable"  #: no node had room for it, for longer than it may take
    IMAGE_PULL_FAILED = "image_pull_failed"  #: its container image cannot be had

    @property
    def is_infrastructure(self) -> bool:
        """Whether the machine, not the script, is to blame: worth another attempt."""
        return self in _INFRASTRUCTURE

    @property
    def is_of_a_cluster(self) -> bool:
        """Whether a cluster had no place for it: the next attempt waits a while for a better one."""
        return self in _CLUSTER


_CLUSTER = frozenset(
    {
        ExitReason.EVICTED,
        ExitReason.PREEMPTED,
        ExitReason.NODE_LOST,
        ExitReason.DELETED,
        ExitReason.UNSCHEDULABLE,
    }
)
_INFRASTRUCTURE = _CLUSTER | {ExitReason.KILLED, ExitReason.LOST}


class Decision(enum.StrEnum):
    """What the search wants of a trial after a report."""

    CONTINUE = "continue"
    STOP = "stop"  #: end it, its result counts at the level it reached
    PAUSE = "pause"  #: end the process, keep the checkpoint, perhaps resume later
