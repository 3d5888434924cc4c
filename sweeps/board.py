"""A sweep's rows in memory: a cache of the store, moved on by the same changes that it writes.

Only the journal and the ladder are ahead of them: they move on while a tick is planned.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import itemgetter

from sweeps.endings import Tally
from sweeps.ids import AttemptId, RunId
from sweeps.journal import Journal
from sweeps.ladder import Ladder
from sweeps.states import AttemptState, Decision, RunState
from sweeps.strategies import TrialScheduler
from sweeps.trials import (
    Attempt,
    Changes,
    ConcludedTrial,
    Report,
    Suggestion,
    SweepSnapshot,
    Trial,
)
from sweeps.warm_start import earlier_observations

_FIRST_REST = dt.timedelta(seconds=5)
_MOST_DOUBLINGS = 6  # five minutes


class Board:
    """Trials, attempts and the journal of one sweep."""

    def __init__(self, snapshot: SweepSnapshot, scheduler: TrialScheduler) -> None:
        """`scheduler` has been told nothing yet."""
        self.sweep_id = snapshot.sweep.sweep_id
        self.spec = snapshot.sweep.spec
        self.source_dir = snapshot.sweep.source_dir
        self.datasets = snapshot.datasets
        self.state = snapshot.sweep.state
        self.reason = snapshot.sweep.reason
        self.started_at = snapshot.sweep.started_at or snapshot.sweep.created_at
        self.last_sequence = snapshot.last_sequence
        self.journal = Journal(
            self.spec.objective,
            earlier=earlier_observations(snapshot.earlier, self.spec.space, self.spec.objective),
        )
        self.ladder = Ladder(scheduler, self.journal, self.spec.objective)
        self.decisions: dict[RunId, tuple[Decision, dt.datetime]] = {}
        self.ended: list[Trial] = []  #: for good, first ended first
        self.tally = Tally(n_trials=0)
        self._ended_seconds = 0.0
        self._trials = {trial.run_id: trial for trial in snapshot.trials}
        self._live_runs = {t.run_id for t in snapshot.trials if _is_live(t)}
        self._paused_runs = {t.run_id for t in snapshot.trials if t.state is RunState.PAUSED}
        self._attempts: dict[RunId, list[Attempt]] = {}
        for attempt in snapshot.attempts:
            self._attempts.setdefault(attempt.run_id, []).append(attempt)
        self._live_attempts = {
            a.attempt_id: a for a in snapshot.attempts if a.state is not AttemptState.ENDED
        }
        self._replay(snapshot)

    def _replay(self, snapshot: SweepSnapshot) -> None:
        """Tell journal and ladder all that happened, in the order in which it did."""
        by_number = {trial.number: trial for trial in snapshot.trials}
        events: list[tuple[int, Callable[[], None]]] = [
            *((s.sequence, partial(self._ask, s)) for s in snapshot.suggestions),
            *((r.sequence or 0, partial(self._report, r)) for r in snapshot.reports),
            *(
                (a.promoted_sequence, partial(self._promote, a))
                for a in snapshot.attempts
                if a.promoted_sequence is not None
            ),
            *((c.sequence, partial(self._conclude, c, by_number)) for c in snapshot.concluded),
        ]
        for _, event in sorted(events, key=itemgetter(0)):
            event()

    def _ask(self, suggestion: Suggestion) -> None:
        self.journal.ask(suggestion)
        self.ladder.start(suggestion.number)
        self.tally = self.tally.with_new(1)

    def _report(self, report: Report) -> None:
        self.ladder.report(self._trials[report.run_id].number, report)
        self._remember(report)

    def _promote(self, attempt: Attempt) -> None:
        assert attempt.promoted_sequence is not None  # or it was not promoted
        number = self._trials[attempt.run_id].number
        decision = self.ladder.promote(number, sequence=attempt.promoted_sequence)
        self._remember_promotion(attempt, decision)

    def _conclude(self, result: ConcludedTrial, by_number: Mapping[int, Trial]) -> None:
        self.journal.tell(result)
        self.ladder.conclude(result.number)
        self._end(by_number[result.number])

    @property
    def n_trials(self) -> int:
        """How many trials there are."""
        return len(self._trials)

    @property
    def n_live(self) -> int:
        """How many trials hold a place: pending, queued or running."""
        return len(self._live_runs)

    @property
    def mean_trial_seconds(self) -> float:
        """Wall-clock seconds of a trial that has ended, on average; 0 before the first has."""
        return self._ended_seconds / len(self.ended) if self.ended else 0.0

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

    def paused(self) -> list[Trial]:
        """Trials that wait at a rung, by number."""
        return sorted((self._trials[r] for r in self._paused_runs), key=lambda t: t.number)

    def n_attempts(self, run_id: RunId) -> int:
        """Executions of a trial so far."""
        return len(self._attempts.get(run_id, []))

    def n_mishaps(self, run_id: RunId, *, taken_back: bool) -> int:
        """Executions of a trial that have ended without its doing so far.

        Args:
            taken_back: Those whose places were taken back; else those that a fault has ended.
        """
        mishaps = self._mishaps(run_id)
        return sum(1 for attempt in mishaps if attempt.was_taken_back is taken_back)

    def _mishaps(self, run_id: RunId) -> list[Attempt]:
        return [
            attempt
            for attempt in self._attempts.get(run_id, [])
            if attempt.exit is not None and attempt.exit.reason.is_infrastructure
        ]

    def rests_until(self, attempt: Attempt) -> dt.datetime | None:
        """When an attempt that follows a cluster's mishap may start; None for any other one."""
        if attempt.number == 1:
            return None
        previous = self._attempts[attempt.run_id][attempt.number - 2]
        if previous.exit is None or previous.ended_at is None:
            return None
        if not previous.exit.reason.is_of_a_cluster:
            return None
        doublings = min(len(self._mishaps(attempt.run_id)) - 1, _MOST_DOUBLINGS)
        return previous.ended_at + _FIRST_REST * 2**doublings

    def decision(self, run_id: RunId) -> tuple[Decision, dt.datetime | None]:
        """The search's last word on a trial, and when it was said."""
        return self.decisions.get(run_id, (Decision.CONTINUE, None))

    def apply(self, changes: Changes) -> None:
        """Follow what was written."""
        for suggestion in changes.suggestions:
            self.last_sequence = max(self.last_sequence, suggestion.sequence)
        for trial in (*changes.new_trials, *changes.trials):
            self._trials[trial.run_id] = trial
            _keep(self._live_runs, trial.run_id, is_in=_is_live(trial))
            _keep(self._paused_runs, trial.run_id, is_in=trial.state is RunState.PAUSED)
        self.tally = self.tally.with_new(len(changes.new_trials))
        for report in changes.decided:  # before promotions, as in the tick itself
            self._remember(report)
            self.last_sequence = max(self.last_sequence, report.sequence or 0)
        for attempt in changes.new_attempts:
            self._attempts.setdefault(attempt.run_id, []).append(attempt)
            self._live_attempts[attempt.attempt_id] = attempt
            if attempt.promoted_sequence is not None:
                self.last_sequence = max(self.last_sequence, attempt.promoted_sequence)
                self._remember_promotion(
                    attempt, changes.control.get(attempt.run_id, Decision.CONTINUE)
                )
        for attempt in changes.attempts:
            self._attempts[attempt.run_id][attempt.number - 1] = attempt
            if attempt.state is AttemptState.ENDED:
                self._live_attempts.pop(attempt.attempt_id, None)
            else:
                self._live_attempts[attempt.attempt_id] = attempt
        by_number = {trial.number: trial for trial in changes.trials}
        for result in changes.concluded:
            self.last_sequence = max(self.last_sequence, result.sequence)
            self._end(by_number[result.number])
        if changes.sweep is not None:
            self.state = changes.sweep.state
            self.reason = changes.sweep.reason

    def _end(self, trial: Trial) -> None:
        self.ended.append(trial)
        if trial.ended_at is not None:
            self._ended_seconds += trial.duration_seconds(now=trial.ended_at)
        self.tally = self.tally.with_ended(trial, limit=self.spec.limits.max_failures)

    def _remember_promotion(self, attempt: Attempt, decision: Decision) -> None:
        self.decisions[attempt.run_id] = (decision, attempt.created_at)

    def _remember(self, report: Report) -> None:
        decision = report.decision or Decision.CONTINUE
        if decision not in {Decision.CONTINUE, self.decision(report.run_id)[0]}:
            # The first word counts, and when it was said: the same after a restart.
            self.decisions[report.run_id] = (decision, report.decided_at or report.reported_at)


def _keep(runs: set[RunId], run_id: RunId, *, is_in: bool) -> None:
    (runs.add if is_in else runs.discard)(run_id)


def _is_live(trial: Trial) -> bool:
    return trial.state in {RunState.PENDING, RunState.QUEUED, RunState.RUNNING}
