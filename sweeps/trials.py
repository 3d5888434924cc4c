"""Records of trials, attempts and reports: what the controller reads and writes."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.datasets import PinnedDataset
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.spaces import Configuration
from sweeps.specs import PodOptions, Resources, SweepSpec
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an attempt ended."""

    reason: ExitReason
    code: int | None = None  #: exit code, when the process ended by itself
    signal: int | None = None  #: signal number, when one ended it
    message: str = ""  #: last lines of stderr, or what the launcher has to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration under evaluation."""

    run_id: RunId
    number: int  #: from 1, in the order of suggestion
    configuration: Configuration
    seed: int
    state: RunState = RunState.PENDING
    reason: str = ""  #: why it is in that state, for people
    objective: float | None = None  #: at the highest resource level reported
    resource_level: int | None = None
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None

    def duration_seconds(self, *, now: dt.datetime) -> float:
        """Wall-clock seconds since the first attempt started, up to `now` while it runs."""
        if self.started_at is None:
            return 0.0
        return ((self.ended_at or now) - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One execution of a run."""

    attempt_id: AttemptId
    run_id: RunId
    number: int  #: from 1
    state: AttemptState = AttemptState.PENDING
    created_at: dt.datetime
    promoted_sequence: int | None = (
        None  #: place in the journal; set when it resumes a paused trial
    )
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    exit: Exit | None = None
    node: str = ""
    gpus: tuple[str, ...] = ()
    image: str = ""  #: as it ran, with its digest; empty: none, or unknown
    scheduled_at: dt.datetime | None = None  #: when it was given a node, where that takes time
    gpu_model: str = ""  #: as its node or driver says it
    gpu_count: int = 0  #: devices that it had, on all of its nodes
    capacity: str = ""  #: ``spot`` or ``on_demand``; empty: nobody told
    region: str = ""
    instance_type: str = ""
    #: Storage pools that it reads from, by name, and what was decided at its launch: ``preferred`` or
    #: ``required``; see `governance.cluster.pools`.
    pools: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def was_taken_back(self) -> bool:
        """Whether its place was one that may be taken back, and was: no fault of any machine.

        That is so of what a queue or the scheduler has preempted, and of what ended with its node
        where that was a spot one.
        """
        if self.exit is None:
            return False
        with_node = self.exit.reason in {ExitReason.EVICTED, ExitReason.NODE_LOST}
        return self.exit.reason is ExitReason.PREEMPTED or (with_node and self.capacity == "spot")

    @property
    def nearness(self) -> str:
        """Where it was to run because of its data, for people; empty where that was all the same."""
        words = {"preferred": "near", "required": "only near"}
        return ", ".join(f"{words[word]} {pool}" for pool, word in sorted(self.pools.items()))

    @property
    def machine(self) -> str:
        """What it ran on, for people; empty when nothing is known of it."""
        gpus = f"{self.gpu_count} x {self.gpu_model or 'GPU'}" if self.gpu_count else ""
        capacity = self.capacity.replace("_", "-")
        return ", ".join(filter(None, (gpus, self.instance_type, self.region, capacity)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The objective at a resource level: the search's input."""

    run_id: RunId
    resource_level: int
    value: float  #: as reported, in the metric's own direction; may be NaN
    reported_at: dt.datetime
    sequence: int | None = None  #: place in the sweep's journal, once decided
    decision: Decision | None = None
    decided_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What the searcher was asked for, and what it had seen by then."""

    number: int
    configuration: Configuration
    sequence: int  #: place in the sweep's journal
    seen_through: int  #: last journal place whose result the searcher knew


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep's row, without its trials."""

    sweep_id: SweepId
    spec: SweepSpec
    state: SweepState
    requested: SweepRequest
    reason: str = ""
    source_dir: str = ""  #: folder of the sweep file; relative paths of the command live there
    created_by: str = ""
    created_at: dt.datetime
    started_at: dt.datetime | None = (
        None  #: when its first controller came; a deadline runs from it
    )
    ended_at: dt.datetime | None = None
    dagster_run_id: str | None = None
    place: str = ""  #: where its attempts are, for people; empty before the first controller


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludedTrial:
    """A told result: when in the journal, and the loss the searcher learns from."""

    number: int
    sequence: int
    value: float | None  #: as reported; None when the trial failed
    level: int | None = None  #: resource level of `value`


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSnapshot:
    """Everything a new controller needs to go on where the last one was."""

    sweep: Sweep
    trials: tuple[Trial, ...]  #: by number
    attempts: tuple[Attempt, ...]  #: all of them, by run and number
    reports: tuple[Report, ...]  #: the decided ones, in journal order
    suggestions: tuple[Suggestion, ...]  #: in journal order
    concluded: tuple[ConcludedTrial, ...]  #: in journal order
    last_sequence: int
    datasets: tuple[PinnedDataset, ...] = ()  #: versions that its trials use
    earlier: tuple[Trial, ...] = ()  #: ended trials of the sweeps that this one starts warm from

    def busy_seconds(self) -> dict[RunId, float]:
        """How long the ended attempts of each run took together; a pause between them is none."""
        seconds: dict[RunId, float] = {}
        for attempt in self.attempts:
            if attempt.started_at is not None and attempt.ended_at is not None:
                took = (attempt.ended_at - attempt.started_at).total_seconds()
                seconds[attempt.run_id] = seconds.get(attempt.run_id, 0.0) + took
        return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What changed outside the controller since it looked last."""

    requested: SweepRequest
    reports: tuple[Report, ...]  #: not decided yet, oldest first
    last_seen: Mapping[RunId, dt.datetime]  #: last report, points or beat of each live run
    #: How long no gateway has been there; None when there never was one.
    gateway_silence: dt.timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepChange:
    """New state of the sweep itself."""

    state: SweepState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Everything one tick writes, in one transaction."""

    at: dt.datetime
    suggestions: tuple[Suggestion, ...] = ()
    new_trials: tuple[Trial, ...] = ()
    trials: tuple[Trial, ...] = ()  #: existing ones in their new state
    new_attempts: tuple[Attempt, ...] = ()
    attempts: tuple[Attempt, ...] = ()  #: existing ones in their new state
    decided: tuple[Report, ...] = ()  #: reports with decision and sequence filled in
    control: Mapping[RunId, Decision] = field(default_factory=dict[RunId, Decision])
    #: what scripts are told from now on; of promoted trials, and where it is to end
    concluded: tuple[ConcludedTrial, ...] = ()
    sweep: SweepChange | None = None

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self == Changes(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """All a launcher needs to execute one attempt."""

    attempt_id: AttemptId
    run_id: RunId
    sweep_id: SweepId
    command: tuple[str, ...]
    environment: Mapping[str, str]  #: of the trial; secrets included, so never logged
    resources: Resources
    source_dir: str
    tenant_id: str = ""  #: whose it is; empty: nobody asks
    experiment: str = ""  #: as it was typed
    image: str = ""  #: container image; empty: the launcher's own, or none
    pods: PodOptions = field(default_factory=PodOptions)
    working_folder: str = ""  #: where it starts; empty: in a folder of the attempt's own
    timeout: dt.timedelta | None = None  #: enforced by the controller; launchers may enforce it too
    datasets: tuple[str, ...] = ()  #: names of those that it uses
