"""A sweep's record in memory: for simulations, and for tests of what runs on the port."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sweeps.clock import Clock
from sweeps.errors import LeaseLost, StateConflict, StorageError, SweepNotFound
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import SweepSpec
from sweeps.states import Decision, RunState, SweepRequest, SweepState
from sweeps.trials import (
    Attempt,
    Changes,
    ConcludedTrial,
    Report,
    Signals,
    Suggestion,
    Sweep,
    SweepSnapshot,
    Trial,
)

Key = TypeVar("Key")
Row = TypeVar("Row")
_LIVE = frozenset({RunState.PENDING, RunState.QUEUED, RunState.RUNNING})


@dataclass
class _Record:
    sweep: Sweep
    lease: int = 0
    last_sequence: int = 0
    trials: dict[RunId, Trial] = field(default_factory=dict[RunId, Trial])
    attempts: dict[AttemptId, Attempt] = field(default_factory=dict[AttemptId, Attempt])
    reports: dict[tuple[RunId, int], Report] = field(
        default_factory=dict[tuple[RunId, int], Report]
    )
    undecided: dict[tuple[RunId, int], Report] = field(
        default_factory=dict[tuple[RunId, int], Report]
    )
    suggestions: dict[int, Suggestion] = field(default_factory=dict[int, Suggestion])
    told: list[ConcludedTrial] = field(default_factory=list[ConcludedTrial])
    last_seen: dict[RunId, dt.datetime] = field(default_factory=dict[RunId, dt.datetime])
    live: set[RunId] = field(default_factory=set[RunId])
    control: dict[RunId, Decision] = field(default_factory=dict[RunId, Decision])


class MemoryTrialStore:
    """A `TrialStore`, and what people and gateways do to one. Not for several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[SweepId, _Record] = {}
        self._sweep_of: dict[RunId, SweepId] = {}

    # What others do

    def submit(self, sweep_id: SweepId, spec: SweepSpec, *, source_dir: str = "") -> None:
        """Write a sweep down. The same name a second time changes nothing."""
        sweep = Sweep(
            sweep_id=sweep_id,
            spec=spec,
            state=SweepState.SUBMITTED,
            requested=SweepRequest.RUN,
            source_dir=source_dir,
            created_by="me",
            created_at=self._clock.now(),
        )
        self._records.setdefault(sweep_id, _Record(sweep))

    def request(self, sweep_id: SweepId, requested: SweepRequest) -> None:
        """Ask for pause, resume or cancel."""
        record = self._record(sweep_id)
        record.sweep = replace(record.sweep, requested=requested)

    def report(
        self, run_id: RunId, level: int, value: float, *, reported_at: dt.datetime | None = None
    ) -> None:
        """What a gateway writes; the same level a second time changes nothing."""
        record = self._records[self._sweep_of[run_id]]
        moment = reported_at or self._clock.now()
        if (run_id, level) not in record.reports:
            report = Report(run_id=run_id, resource_level=level, value=value, reported_at=moment)
            record.reports[run_id, level] = record.undecided[run_id, level] = report
        self.beat(run_id, seen_at=moment)

    def beat(self, run_id: RunId, *, seen_at: dt.datetime) -> None:
        """A sign of life."""
        last_seen = self._records[self._sweep_of[run_id]].last_seen
        last_seen[run_id] = max(seen_at, last_seen.get(run_id, seen_at))

    def control(self, run_id: RunId) -> Decision:
        """What the script is told with its next acknowledgement."""
        return self._records[self._sweep_of[run_id]].control.get(run_id, Decision.CONTINUE)

    # The port

    def take_over(self, sweep_id: SweepId, *, controller: str) -> int:  # noqa: ARG002 - the port's signature
        """Become the sweep's one controller."""
        record = self._record(sweep_id)
        record.lease += 1
        if record.sweep.started_at is None:
            record.sweep = replace(record.sweep, started_at=self._clock.now())
        return record.lease

    def load(self, sweep_id: SweepId) -> SweepSnapshot:
        """Everything about the sweep."""
        record = self._record(sweep_id)
        numbers = {trial.run_id: trial.number for trial in record.trials.values()}
        decided = [report for report in record.reports.values() if report.decision is not None]
        return SweepSnapshot(
            sweep=record.sweep,
            trials=tuple(sorted(record.trials.values(), key=lambda t: t.number)),
            attempts=tuple(
                sorted(record.attempts.values(), key=lambda a: (numbers[a.run_id], a.number))
            ),
            reports=tuple(sorted(decided, key=lambda r: r.sequence or 0)),
            suggestions=tuple(sorted(record.suggestions.values(), key=lambda s: s.sequence)),
            concluded=tuple(sorted(record.told, key=lambda c: c.sequence)),
            last_sequence=record.last_sequence,
            earlier=tuple(
                trial
                for earlier in record.sweep.spec.warm_start
                if earlier in self._records
                for trial in self._record(earlier).trials.values()
                if trial.state in {RunState.COMPLETED, RunState.STOPPED, RunState.FAILED}
                and (
                    trial.ended_at is None
                    or trial.ended_at <= record.sweep.created_at
                    or earlier in {awaited.sweep_id for awaited in record.sweep.spec.after}
                )
            ),
        )

    def poll(self, sweep_id: SweepId) -> Signals:
        """What changed outside the controller."""
        record = self._record(sweep_id)
        return Signals(
            requested=record.sweep.requested,
            reports=tuple(record.undecided.values()),
            last_seen={
                run_id: record.last_seen[run_id]
                for run_id in record.live
                if run_id in record.last_seen
            },
        )

    def apply(self, sweep_id: SweepId, lease: int, changes: Changes) -> None:
        """Write a tick, after a look whether all of it can be written."""
        record = self._record(sweep_id)
        if lease != record.lease:
            raise LeaseLost(sweep_id)
        _check(record, changes)
        _write(record, changes)
        for trial in changes.new_trials:
            self._sweep_of[trial.run_id] = sweep_id

    def _record(self, sweep_id: SweepId) -> _Record:
        if sweep_id not in self._records:
            raise SweepNotFound(sweep_id)
        return self._records[sweep_id]


def _check(record: _Record, changes: Changes) -> None:
    """What the database's own rules would refuse."""
    _check_new(record.suggestions, (s.number for s in changes.suggestions))
    _check_new(record.trials, (trial.run_id for trial in changes.new_trials))
    _check_new(record.attempts, (attempt.attempt_id for attempt in changes.new_attempts))
    for report in changes.decided:
        if record.reports[report.run_id, report.resource_level].decision is not None:
            raise StateConflict(report.run_id, current="decided", asked="updated")
    for trial in changes.trials:
        former = record.trials.get(trial.run_id)
        if former is not None and former.state.is_terminal and trial != former:
            raise StateConflict(trial.run_id, current=former.state, asked=trial.state)
    if changes.sweep is not None:
        now = record.sweep.state
        if now.is_terminal and now is not changes.sweep.state:
            raise StateConflict(record.sweep.sweep_id, current=now, asked=changes.sweep.state)


def _check_new(table: dict[Key, Row], keys: Iterable[Key]) -> None:
    for key in keys:
        if key in table:
            raise StorageError(f"{key} is there already")


def _write(record: _Record, changes: Changes) -> None:
    record.suggestions.update((s.number, s) for s in changes.suggestions)
    for trial in changes.new_trials:
        record.last_seen[trial.run_id] = changes.at
    for trial in (*changes.new_trials, *changes.trials):
        record.trials[trial.run_id] = trial
        (record.live.add if trial.state in _LIVE else record.live.discard)(trial.run_id)
    for attempt in (*changes.new_attempts, *changes.attempts):
        record.attempts[attempt.attempt_id] = attempt
    for report in changes.decided:
        place = (report.run_id, report.resource_level)
        record.reports[place] = report
        del record.undecided[place]
        if report.decision not in {None, Decision.CONTINUE}:
            record.control[report.run_id] = report.decision or Decision.CONTINUE
    record.control.update(changes.control)
    record.told.extend(changes.concluded)
    record.last_sequence = max(
        record.last_sequence,
        *(s.sequence for s in changes.suggestions),
        *(c.sequence for c in changes.concluded),
        *(r.sequence or 0 for r in changes.decided),
        *(a.promoted_sequence or 0 for a in changes.new_attempts),
        0,
    )
    if changes.sweep is not None:
        state = changes.sweep.state
        record.sweep = replace(
            record.sweep,
            state=state,
            reason=changes.sweep.reason,
            ended_at=changes.at if state.is_terminal else None,
        )
