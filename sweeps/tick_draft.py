"""The changes of one tick while they are being collected: later rules see what earlier ones changed."""

import datetime as dt
from dataclasses import replace

from sweeps import ids
from sweeps.board import Board
from sweeps.endings import Tally
from sweeps.ids import RunId
from sweeps.states import Decision, RunState
from sweeps.strategies import trial_seed
from sweeps.suggesting import Proposal
from sweeps.trials import (
    Attempt,
    Changes,
    ConcludedTrial,
    Report,
    Suggestion,
    SweepChange,
    Trial,
)


class TickDraft:
    """Rows as they will be once the tick is written."""

    def __init__(self, board: Board, now: dt.datetime) -> None:
        self._board = board
        self._now = now
        self._sequence = board.last_sequence
        self._trials: dict[RunId, Trial] = {}
        self._attempts: list[Attempt] = []
        self._new_trials: list[Trial] = []
        self._new_attempts: list[Attempt] = []
        self._suggestions: list[Suggestion] = []
        self._decided: list[Report] = []
        self._decisions: dict[RunId, tuple[Decision, dt.datetime]] = {}
        self._control: dict[RunId, Decision] = {}
        self._concluded: list[ConcludedTrial] = []
        self._sweep: SweepChange | None = None
        self._no_longer_live: set[RunId] = set()
        self._live_again: set[RunId] = set()
        self.tally: Tally = board.tally

    # What there is

    def trial(self, run_id: RunId) -> Trial | None:
        """One trial, or None when it is not of this sweep."""
        return self._trials.get(run_id) or self._board.trial(run_id)

    def decision(self, run_id: RunId) -> tuple[Decision, dt.datetime | None]:
        """The search's last word on a trial, and when it was said."""
        return self._decisions.get(run_id) or self._board.decision(run_id)

    @property
    def n_live(self) -> int:
        """Trials that hold a place."""
        return (
            self._board.n_live
            - len(self._no_longer_live)
            + len(self._live_again)
            + len(self._new_trials)
        )

    @property
    def next_number(self) -> int:
        """Number of the next new trial."""
        return self._board.n_trials + len(self._new_trials) + 1

    def is_paused(self, number: int) -> bool:
        """Whether a trial waits at a rung, its process gone."""
        trial = self.trial(ids.run_id(self._board.sweep_id, number))
        return trial is not None and trial.state is RunState.PAUSED

    def paused(self) -> list[Trial]:
        """Trials that wait at a rung, by number."""
        trials = {trial.run_id: trial for trial in self._board.paused()} | self._trials
        return sorted(
            (trial for trial in trials.values() if trial.state is RunState.PAUSED),
            key=lambda trial: trial.number,
        )

    # What happened

    def decide(self, report: Report) -> None:
        """Answer a report, and keep the objective of the highest level."""
        trial = self.trial(report.run_id)
        placed = replace(report, sequence=self._next_place(), decided_at=self._now)
        decision = Decision.CONTINUE
        if trial is not None and not trial.state.is_terminal:
            decision = self._board.ladder.report(trial.number, placed)
            if decision not in {Decision.CONTINUE, self.decision(report.run_id)[0]}:
                self._decisions[report.run_id] = (decision, self._now)
            if trial.resource_level is None or report.resource_level >= trial.resource_level:
                self._trials[report.run_id] = replace(
                    trial, objective=report.value, resource_level=report.resource_level
                )
        self._decided.append(replace(placed, decision=decision))

    def set_state(
        self, run_id: RunId, state: RunState, reason: str, *, started_at: dt.datetime | None = None
    ) -> None:
        """A trial has moved on, or has something new to say of where it is."""
        trial = self.trial(run_id)
        assert trial is not None  # an attempt refers to its run
        if trial.state is not state or (reason and trial.reason != reason):
            self._trials[run_id] = replace(
                trial, state=state, reason=reason, started_at=trial.started_at or started_at
            )

    def change_attempt(self, attempt: Attempt) -> None:
        """An attempt has moved on."""
        self._attempts.append(attempt)

    def retry(self, trial: Trial, *, reason: str) -> Attempt:
        """Execute a trial once more."""
        self._trials[trial.run_id] = replace(trial, state=RunState.PENDING, reason=reason)
        return self._new_attempt(trial.run_id)

    def leave(self, trial: Trial) -> None:
        """A trial gives its place up: it is paused, or has ended for good."""
        held_a_place = self._holds_a_place(trial.run_id)
        self._trials[trial.run_id] = trial
        if held_a_place:
            self._live_again.discard(trial.run_id)
            self._no_longer_live.add(trial.run_id)
        if trial.state.is_terminal:
            self._tell(trial)

    def _holds_a_place(self, run_id: RunId) -> bool:
        trial = self.trial(run_id)
        return trial is not None and trial.state is not RunState.PAUSED

    def _tell(self, trial: Trial) -> None:
        counts = trial.state in {RunState.COMPLETED, RunState.STOPPED}
        result = ConcludedTrial(
            number=trial.number,
            sequence=self._next_place(),
            value=trial.objective if counts else None,
            level=trial.resource_level,
        )
        self._concluded.append(result)
        self._board.journal.tell(result)
        self._board.ladder.conclude(trial.number)
        self.tally = self.tally.with_ended(trial, limit=self._board.spec.limits.max_failures)

    # What begins

    def start(self, proposal: Proposal) -> Attempt:
        """A new trial with its first attempt."""
        assert proposal.configuration is not None  # the space has one
        suggestion = Suggestion(
            number=proposal.number,
            configuration=proposal.configuration,
            sequence=self._next_place(),
            seen_through=proposal.seen_through,
        )
        self._suggestions.append(suggestion)
        self._board.journal.ask(suggestion)
        self._board.ladder.start(suggestion.number)
        run_id = ids.run_id(self._board.sweep_id, suggestion.number)
        self._new_trials.append(
            Trial(
                run_id=run_id,
                number=suggestion.number,
                configuration=suggestion.configuration,
                seed=trial_seed(self._board.spec.seed, suggestion.number),
            )
        )
        self.tally = self.tally.with_new(1)
        return self._new_attempt(run_id)

    def promote(self, number: int) -> Attempt:
        """A paused trial goes on with one more attempt."""
        run_id = ids.run_id(self._board.sweep_id, number)
        trial = self.trial(run_id)
        assert trial is not None  # `is_paused` said so
        place = self._next_place()
        decision = self._board.ladder.promote(number, sequence=place)
        self._trials[run_id] = replace(
            trial, state=RunState.PENDING, reason="promoted to the next rung"
        )
        self._decisions[run_id] = (decision, self._now)
        self._control[run_id] = decision
        if run_id in self._no_longer_live:  # paused a moment ago, in this very tick
            self._no_longer_live.discard(run_id)
        else:
            self._live_again.add(run_id)
        return self._new_attempt(run_id, promoted_sequence=place)

    def _new_attempt(self, run_id: RunId, *, promoted_sequence: int | None = None) -> Attempt:
        number = self._board.n_attempts(run_id) + 1
        attempt = Attempt(
            attempt_id=ids.attempt_id(run_id, number),
            run_id=run_id,
            number=number,
            created_at=self._now,
            promoted_sequence=promoted_sequence,
        )
        self._new_attempts.append(attempt)
        return attempt

    # The sweep

    def set_sweep(self, change: SweepChange) -> None:
        """The sweep itself has moved on."""
        self._sweep = change

    def changes(self) -> Changes:
        """Everything, ready to be written."""
        return Changes(
            at=self._now,
            suggestions=tuple(self._suggestions),
            new_trials=tuple(self._new_trials),
            trials=tuple(self._trials.values()),
            new_attempts=tuple(self._new_attempts),
            attempts=tuple(self._attempts),
            decided=tuple(self._decided),
            control=dict(self._control),
            concluded=tuple(self._concluded),
            sweep=self._sweep,
        )

    def _next_place(self) -> int:
        self._sequence += 1
        return self._sequence
