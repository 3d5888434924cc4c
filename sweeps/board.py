"""A sweep's rows in memory: a cache of the store, moved on by the same changes that it writes.

Only the journal is ahead of them: it moves on while a tick is planned.
"""

import datetime as dt
from collections.abc import Iterator

from sweeps.ids import AttemptId, RunId
from sweeps.journal import Journal
from sweeps.states import AttemptState, Decision, RunState
from sweeps.trials import Attempt, Changes, Report, SweepSnapshot, Trial


class Board:
    """Trials, attempts and the journal of one sweep."""

    def __init__(self, snapshot: SweepSnapshot) -> None:
        self.sweep_id = snapshot.sweep.sweep_id
        self.spec = snapshot.sweep.spec
        self.source_dir = snapshot.sweep.source_dir
        self.state = snapshot.sweep.state
        self.started_at = snapshot.sweep.started_at or snapshot.sweep.created_at
        self.last_sequence = snapshot.last_sequence
        self.journal = Journal(self.spec.objective)
        self.decisions: dict[RunId, tuple[Decision, dt.datetime]] = {}
        self.ended: list[Trial] = []  #: for good, first ended first
        self._trials = {trial.run_id: trial for trial in snapshot.trials}
        self._live_runs = {t.run_id for t in snapshot.trials if _is_live(t)}
        self._attempts: dict[RunId, list[Attempt]] = {}
        for attempt in snapshot.attempts:
            self._attempts.setdefault(attempt.run_id, []).append(attempt)
        self._live_attempts = {
            a.attempt_id: a for a in snapshot.attempts if a.state is not AttemptState.ENDED
        }
        self._replay(snapshot)

    def _replay(self, snapshot: SweepSnapshot) -> None:
        for suggestion in snapshot.suggestions:
            self.journal.ask(suggestion)
        for result in snapshot.concluded:
            self.journal.tell(result)
        for report in snapshot.reports:
            self._remember(report)
        order = {result.number: place for place, result in enumerate(snapshot.concluded)}
        self.ended = sorted(
            (trial for trial in snapshot.trials if trial.number in order),
            key=lambda trial: order[trial.number],
        )

    @property
    def trials(self) -> list[Trial]:
        """All trials, by number."""
        return list(self._trials.values())

    @property
    def n_trials(self) -> int:
        """How many trials there are."""
        return len(self._trials)

    @property
    def n_live(self) -> int:
        """How many trials hold a place: pending, queued or running."""
        return len(self._live_runs)

    def trial(self, run_id: RunId) -> Trial | None:
        """One trial, or None when it is not of this sweep."""
        return self._trials.get(run_id)

    def live_attempts(self) -> Iterator[Attempt]:
        """Attempts that have not ended, by trial: in the same order after any restart."""
        yield from sorted(
            self._live_attempts.values(), key=lambda attempt: self._trials[attempt.run_id].number
        )

    def live_attempt_ids(self) -> list[AttemptId]:
        """Their names."""
        return list(self._live_attempts)

    def n_attempts(self, run_id: RunId) -> int:
        """Executions of a trial so far."""
        return len(self._attempts.get(run_id, []))

    def decision(self, run_id: RunId) -> tuple[Decision, dt.datetime | None]:
        """The search's last word on a trial, and when it was said."""
        return self.decisions.get(run_id, (Decision.CONTINUE, None))

    def apply(self, changes: Changes) -> None:
        """Follow what was written."""
        for suggestion in changes.suggestions:
            self.last_sequence = max(self.last_sequence, suggestion.sequence)
        for trial in (*changes.new_trials, *changes.trials):
            self._trials[trial.run_id] = trial
            (self._live_runs.add if _is_live(trial) else self._live_runs.discard)(trial.run_id)
        for attempt in changes.new_attempts:
            self._attempts.setdefault(attempt.run_id, []).append(attempt)
            self._live_attempts[attempt.attempt_id] = attempt
        for attempt in changes.attempts:
            self._attempts[attempt.run_id][attempt.number - 1] = attempt
            if attempt.state is AttemptState.ENDED:
                self._live_attempts.pop(attempt.attempt_id, None)
            else:
                self._live_attempts[attempt.attempt_id] = attempt
        for report in changes.decided:
            self._remember(report)
            self.last_sequence = max(self.last_sequence, report.sequence or 0)
        by_number = {trial.number: trial for trial in changes.trials}
        for result in changes.concluded:
            self.last_sequence = max(self.last_sequence, result.sequence)
            self.ended.append(by_number[result.number])
        if changes.sweep is not None:
            self.state = changes.sweep.state

    def _remember(self, report: Report) -> None:
        if report.decision is not None and report.decision is not Decision.CONTINUE:
            # After a restart the grace runs from the report, which is the earlier of the two.
            self.decisions[report.run_id] = (report.decision, report.reported_at)


def _is_live(trial: Trial) -> bool:
    return trial.state in {RunState.PENDING, RunState.QUEUED, RunState.RUNNING}
