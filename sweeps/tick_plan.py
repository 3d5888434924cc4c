"""What one tick decides: from rows, statuses and signals to writes, stops and launches.

No I/O. The board's journal moves on while the tick is planned, so that a suggestion sees what
ended a moment ago; a board whose changes could not be written must be loaded anew.

The order matters. First the past: reports are decided and ended attempts concluded. Then the
present: who must be ended. Then the future: whether the sweep is over, and who starts next.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sweeps import ids
from sweeps.board import Board
from sweeps.endings import Ending, ending
from sweeps.ids import AttemptId, RunId
from sweeps.outcomes import REPORT_GRACE, Retry, conclude
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from sweeps.strategies import Strategy, suggestion_rng, trial_seed
from sweeps.trials import (
    Attempt,
    Changes,
    ConcludedTrial,
    Exit,
    Report,
    Signals,
    Suggestion,
    SweepChange,
    Trial,
)
from sweeps.watchdog import verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPlan:
    """What to write, and what to do once it is written."""

    changes: Changes
    stops: Mapping[AttemptId, ExitReason]
    launches: tuple[Attempt, ...]


def plan_tick(
    board: Board,
    *,
    strategy: Strategy,
    statuses: Mapping[AttemptId, AttemptStatus],
    signals: Signals,
    waiting: Collection[AttemptId],
    now: dt.datetime,
) -> TickPlan:
    """Everything one tick decides.

    Args:
        statuses: What the launcher knows of the live attempts; looked up before `signals`.
        waiting: Attempts that found no free slot when they were launched last.
    """
    planner = _Planner(board, strategy, now)
    planner.decide_reports(signals.reports)
    for attempt in board.live_attempts():
        planner.look_at(attempt, statuses.get(attempt.attempt_id), signals, waiting)
    planner.move_sweep(signals.requested)
    return planner.plan()


class _Planner:
    """Collects the changes of one tick; later rules see what earlier ones changed."""

    def __init__(self, board: Board, strategy: Strategy, now: dt.datetime) -> None:
        self._board = board
        self._strategy = strategy
        self._now = now
        self._sequence = board.last_sequence
        self._trials: dict[RunId, Trial] = {}
        self._attempts: list[Attempt] = []
        self._new_trials: list[Trial] = []
        self._new_attempts: list[Attempt] = []
        self._suggestions: list[Suggestion] = []
        self._decided: list[Report] = []
        self._concluded: list[ConcludedTrial] = []
        self._sweep: SweepChange | None = None
        self._unlaunched: list[Attempt] = []
        self._alive: list[AttemptId] = []
        self._stops: dict[AttemptId, ExitReason] = {}
        self._ended: set[RunId] = set()

    # The past

    def decide_reports(self, reports: tuple[Report, ...]) -> None:
        """Answer every report, and keep the objective of the highest level."""
        for report in reports:
            self._sequence += 1
            trial = self._trial(report.run_id)
            decision = Decision.CONTINUE
            if trial is not None and not trial.state.is_terminal:
                decision = self._strategy.scheduler.decide(report)
                if trial.resource_level is None or report.resource_level >= trial.resource_level:
                    self._trials[report.run_id] = replace(
                        trial, objective=report.value, resource_level=report.resource_level
                    )
            self._decided.append(replace(report, decision=decision, sequence=self._sequence))

    def look_at(
        self,
        attempt: Attempt,
        status: AttemptStatus | None,
        signals: Signals,
        waiting: Collection[AttemptId],
    ) -> None:
        """Bring one live attempt up to what its launcher says."""
        if status is None and attempt.state is AttemptState.PENDING:
            self._unlaunched.append(attempt)
            if attempt.attempt_id in waiting:
                self._set_state(attempt.run_id, RunState.QUEUED, "waits for a free slot")
            return
        if status is None:
            self._conclude(attempt, Exit(reason=ExitReason.LOST), ended_at=self._now)
        elif status.phase is AttemptPhase.EXITED:
            self._look_at_exited(attempt, status)
        else:
            self._alive.append(attempt.attempt_id)
            if status.phase is AttemptPhase.RUNNING:
                self._look_at_running(attempt, status, signals)

    def _look_at_exited(self, attempt: Attempt, status: AttemptStatus) -> None:
        assert status.exit is not None  # the port says so for EXITED
        attempt = replace(
            attempt,
            started_at=status.started_at or attempt.started_at,
            node=status.node or attempt.node,
            gpus=status.gpus or attempt.gpus,
        )
        ended_at = status.ended_at or self._now
        trial = self._trial(attempt.run_id)
        if (
            status.exit.reason is ExitReason.COMPLETED
            and trial is not None
            and trial.objective is None
            and self._now - ended_at < REPORT_GRACE
        ):
            return  # its last report may still be on its way
        self._conclude(attempt, status.exit, ended_at=ended_at)

    def _look_at_running(self, attempt: Attempt, status: AttemptStatus, signals: Signals) -> None:
        if attempt.state is AttemptState.PENDING:
            self._attempts.append(
                replace(
                    attempt,
                    state=AttemptState.RUNNING,
                    started_at=status.started_at,
                    node=status.node,
                    gpus=status.gpus,
                )
            )
            self._set_state(attempt.run_id, RunState.RUNNING, "", started_at=status.started_at)
        decision, decided_at = self._decision(attempt.run_id)
        why = verdict(
            status,
            limits=self._board.spec.limits,
            last_seen_at=signals.last_seen.get(attempt.run_id),
            decision=decision,
            decided_at=decided_at,
            now=self._now,
        )
        if why is not None:
            self._stops[attempt.attempt_id] = why

    def _conclude(self, attempt: Attempt, ended: Exit, *, ended_at: dt.datetime) -> None:
        self._attempts.append(
            replace(attempt, state=AttemptState.ENDED, ended_at=ended_at, exit=ended)
        )
        trial = self._trial(attempt.run_id)
        assert trial is not None  # an attempt refers to its run
        if trial.started_at is None and attempt.started_at is not None:
            trial = replace(trial, started_at=attempt.started_at)
        outcome = conclude(
            trial,
            ended=ended,
            n_attempts=self._board.n_attempts(attempt.run_id),
            limits=self._board.spec.limits,
            objective=self._board.spec.objective,
            decision=self._decision(attempt.run_id)[0],
            now=ended_at,
        )
        if isinstance(outcome, Retry):
            self._trials[trial.run_id] = replace(
                trial, state=RunState.PENDING, reason=outcome.reason
            )
            self._start(trial.run_id, attempt.number + 1)
            return
        self._trials[trial.run_id] = outcome
        self._ended.add(trial.run_id)
        if outcome.state.is_terminal:
            self._tell(outcome)

    def _tell(self, trial: Trial) -> None:
        self._sequence += 1
        counts = trial.state in {RunState.COMPLETED, RunState.STOPPED}
        result = ConcludedTrial(
            number=trial.number,
            sequence=self._sequence,
            value=trial.objective if counts else None,
        )
        self._concluded.append(result)
        self._board.journal.tell(result)

    # The sweep

    def move_sweep(self, requested: SweepRequest) -> None:
        """End, pause or resume the sweep, and fill free places while it goes on."""
        over = self._ending(requested, exhausted=False)
        if over is None and requested is SweepRequest.RUN:
            exhausted = self._fill()
            over = self._ending(requested, exhausted=exhausted)
        if over is not None:
            self._wind_down(over)
        if requested is SweepRequest.PAUSE:
            self._unlaunched.clear()  # their rows stay; they start when the sweep goes on
        wanted = SweepState.PAUSED if requested is SweepRequest.PAUSE else SweepState.RUNNING
        if self._sweep is None and self._board.state is not wanted:
            self._sweep = SweepChange(state=wanted)

    def _ending(self, requested: SweepRequest, *, exhausted: bool) -> Ending | None:
        trials = [self._trials.get(t.run_id, t) for t in self._board.trials] + self._new_trials
        concluded = {result.number for result in self._concluded}
        return ending(
            self._board.spec,
            trials=trials,
            in_order_of_end=[
                *self._board.ended,
                *(trial for trial in trials if trial.number in concluded),
            ],
            requested=requested,
            started_at=self._board.started_at,
            exhausted=exhausted,
            now=self._now,
        )

    def _wind_down(self, over: Ending) -> None:
        if over.stop_live is not None:
            for attempt in self._unlaunched:  # never started, so nothing to wait for
                self._conclude(attempt, Exit(reason=over.stop_live), ended_at=self._now)
            self._unlaunched.clear()
            for attempt_id in self._alive:
                self._stops.setdefault(attempt_id, over.stop_live)
        if self._n_live() == 0:
            self._sweep = SweepChange(state=over.state, reason=over.reason)

    # The future

    def _fill(self) -> bool:
        """Suggest configurations for free places; True when there are no more to suggest."""
        limits = self._board.spec.limits
        free = min(
            limits.max_parallel - self._n_live(),
            limits.max_trials - self._board.n_trials,
        )
        return any(not self._suggest() for _ in range(free))

    def _suggest(self) -> bool:
        spec, journal = self._board.spec, self._board.journal
        number = self._board.n_trials + len(self._new_trials) + 1
        configuration = self._strategy.searcher.suggest(
            number=number,
            history=journal.history(),
            rng=suggestion_rng(spec.seed, number),
        )
        if configuration is None:
            return False
        self._sequence += 1
        suggestion = Suggestion(
            number=number,
            configuration=configuration,
            sequence=self._sequence,
            seen_through=journal.seen_through,
        )
        self._suggestions.append(suggestion)
        journal.ask(suggestion)
        run_id = ids.run_id(self._board.sweep_id, number)
        self._new_trials.append(
            Trial(
                run_id=run_id,
                number=number,
                configuration=configuration,
                seed=trial_seed(spec.seed, number),
            )
        )
        self._start(run_id, 1)
        return True

    def _start(self, run_id: RunId, number: int) -> None:
        attempt = Attempt(
            attempt_id=ids.attempt_id(run_id, number),
            run_id=run_id,
            number=number,
            created_at=self._now,
        )
        self._new_attempts.append(attempt)
        self._unlaunched.append(attempt)

    # What earlier rules of this tick changed

    def _trial(self, run_id: RunId) -> Trial | None:
        return self._trials.get(run_id) or self._board.trial(run_id)

    def _decision(self, run_id: RunId) -> tuple[Decision, dt.datetime | None]:
        for report in reversed(self._decided):
            decision = report.decision or Decision.CONTINUE
            if report.run_id == run_id and decision is not Decision.CONTINUE:
                return decision, report.reported_at
        return self._board.decision(run_id)

    def _n_live(self) -> int:
        return self._board.n_live - len(self._ended) + len(self._new_trials)

    def _set_state(
        self,
        run_id: RunId,
        state: RunState,
        reason: str,
        *,
        started_at: dt.datetime | None = None,
    ) -> None:
        trial = self._trial(run_id)
        assert trial is not None  # an attempt refers to its run
        if trial.state is state:
            return
        self._trials[run_id] = replace(
            trial, state=state, reason=reason, started_at=trial.started_at or started_at
        )

    def plan(self) -> TickPlan:
        """Everything decided, ready to be written."""
        return TickPlan(
            changes=Changes(
                at=self._now,
                suggestions=tuple(self._suggestions),
                new_trials=tuple(self._new_trials),
                trials=tuple(self._trials.values()),
                new_attempts=tuple(self._new_attempts),
                attempts=tuple(self._attempts),
                decided=tuple(self._decided),
                concluded=tuple(self._concluded),
                sweep=self._sweep,
            ),
            stops=self._stops,
            launches=tuple(self._unlaunched),
        )
