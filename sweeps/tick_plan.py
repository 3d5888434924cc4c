"""What one tick decides: from rows, statuses and signals to writes, stops and launches.

No I/O. The board's journal moves on while the tick is planned, so that a suggestion sees what
ended a moment ago; a board whose changes could not be written must be loaded anew.

The order matters. First the past: reports are decided and ended attempts concluded. Then the
present: who must be ended. Then the future: whether the sweep is over, and who starts next.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sweeps.board import Board
from sweeps.endings import WITHIN_BUDGETS, BudgetVerdict, Ending, ending
from sweeps.ids import AttemptId
from sweeps.outcomes import REPORT_GRACE, Retry, conclude, not_promoted
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.states import AttemptState, ExitReason, RunState, SweepRequest, SweepState
from sweeps.suggesting import Suggester
from sweeps.tick_draft import TickDraft
from sweeps.trials import Attempt, Changes, Exit, Signals, SweepChange
from sweeps.watchdog import verdict

_FEW_SLOTS = 3
_PATIENCE_SHARE = 0.01  # of the mean duration of a trial
_MAX_PATIENCE_SECONDS = 2.0
_HOPELESS = "no trial of it can start as policies are now"
_RESTS = "rests before it is tried again: the cluster had no place for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPlan:
    """What to write, and what to do once it is written."""

    changes: Changes
    stops: Mapping[AttemptId, ExitReason]
    launches: tuple[Attempt, ...]
    awaits_suggestion: bool = False  #: a place is free, and its configuration is being made
    withheld: tuple[Attempt, ...] = ()  #: not launched yet, and not while the sweep is paused


def plan_tick(
    board: Board,
    *,
    suggester: Suggester,
    statuses: Mapping[AttemptId, AttemptStatus],
    signals: Signals,
    waiting: Mapping[AttemptId, str],
    hopeless: Mapping[AttemptId, str] | None = None,
    unsent: Collection[AttemptId] = (),
    heard_from: dt.datetime,
    now: dt.datetime,
    budget: BudgetVerdict = WITHIN_BUDGETS,
) -> TickPlan:
    """Everything one tick decides.

    Args:
        statuses: What the launcher knows of the live attempts; looked up before `signals`.
        waiting: Attempts that could not start when it was tried last, and what they wait for.
        hopeless: Those of them that can never start as policies are, and why; None: nobody knows yet.
        unsent: Attempts that have exited, and something that they reported is on its way.
        heard_from: Since when silence counts; see `sweeps.attention`.
        budget: What may still be spent.
    """
    planner = _Planner(board, suggester, now, heard_from=heard_from, budget=budget)
    # Whoever cancels does not wait for results.
    unsent = () if signals.requested is SweepRequest.CANCEL else unsent
    for report in signals.reports:
        planner.draft.decide(report)
    for attempt in board.live_attempts():
        if attempt.attempt_id in unsent:
            continue
        planner.look_at(attempt, statuses.get(attempt.attempt_id), signals, waiting)
    planner.move_sweep(signals.requested, hopeless=hopeless)
    return planner.plan()


def plan_endings(
    board: Board,
    *,
    suggester: Suggester,
    statuses: Mapping[AttemptId, AttemptStatus],
    signals: Signals,
    now: dt.datetime,
) -> Changes:
    """What a tick would write of attempts that have ended, and nothing of all the rest.

    Nothing is launched, stopped or suggested: for a sweep that nobody goes on with.
    """
    planner = _Planner(board, suggester, now, heard_from=now, budget=WITHIN_BUDGETS)
    for report in signals.reports:
        planner.draft.decide(report)
    for attempt in board.live_attempts():
        status = statuses.get(attempt.attempt_id)
        was_launched = status is not None or attempt.state is not AttemptState.PENDING
        if was_launched and (status is None or status.phase is AttemptPhase.EXITED):
            planner.look_at(attempt, status, signals, {})
    return planner.plan().changes


class _Planner:
    """The rules of one tick."""

    def __init__(
        self,
        board: Board,
        suggester: Suggester,
        now: dt.datetime,
        *,
        heard_from: dt.datetime,
        budget: BudgetVerdict,
    ) -> None:
        self.draft = TickDraft(board, now)
        self._budget = budget
        self._heard_from = heard_from
        self._board = board
        self._suggester = suggester
        self._now = now
        self._unlaunched: list[Attempt] = []
        self._resting: list[Attempt] = []  # not launched yet, and not now
        self._alive: list[AttemptId] = []
        self._stops: dict[AttemptId, ExitReason] = {}
        self._withheld: tuple[Attempt, ...] = ()
        self._awaits_suggestion = False
        self._is_over = False

    # The past

    def look_at(
        self,
        attempt: Attempt,
        status: AttemptStatus | None,
        signals: Signals,
        waiting: Mapping[AttemptId, str],
    ) -> None:
        """Bring one live attempt up to what its launcher says."""
        if status is None and attempt.state is AttemptState.PENDING:
            until = self._board.rests_until(attempt)
            if until is not None and until > self._now:
                self._resting.append(attempt)
                self.draft.set_state(attempt.run_id, RunState.QUEUED, _RESTS)
                return
            self._unlaunched.append(attempt)
            if attempt.attempt_id in waiting:
                why = waiting[attempt.attempt_id]
                self.draft.set_state(attempt.run_id, RunState.QUEUED, why)
            return
        if status is None:
            self._conclude(attempt, Exit(reason=ExitReason.LOST), ended_at=self._now)
        elif status.phase is AttemptPhase.EXITED:
            self._look_at_exited(attempt, status)
        else:
            self._alive.append(attempt.attempt_id)
            if status.phase is AttemptPhase.RUNNING:
                self._look_at_running(attempt, status, signals)
            elif status.waits_for:
                self.draft.set_state(attempt.run_id, RunState.QUEUED, status.waits_for)

    def _look_at_exited(self, attempt: Attempt, status: AttemptStatus) -> None:
        assert status.exit is not None  # the port says so for EXITED
        attempt = status.told_of(attempt)
        ended_at = status.ended_at or self._now
        trial = self.draft.trial(attempt.run_id)
        if (
            status.exit.reason is ExitReason.COMPLETED
            and trial is not None
            and trial.objective is None
            and self._now - ended_at < REPORT_GRACE
        ):
            return  # its last report may still be on its way
        self._conclude(attempt, status.exit, ended_at=ended_at)

    def _look_at_running(self, attempt: Attempt, status: AttemptStatus, signals: Signals) -> None:
        seen = status.told_of(attempt)
        if attempt.state is AttemptState.PENDING:
            self.draft.change_attempt(replace(seen, state=AttemptState.RUNNING))
            self.draft.set_state(attempt.run_id, RunState.RUNNING, "", started_at=status.started_at)
        elif seen != attempt:
            self.draft.change_attempt(seen)  # of its machine, more is known by now
        decision, decided_at = self.draft.decision(attempt.run_id)
        why = verdict(
            status,
            limits=self._board.spec.limits,
            last_seen_at=signals.last_seen.get(attempt.run_id),
            decision=decision,
            decided_at=decided_at,
            hears=self._board.spec.trial.metrics is None,
            heard_from=self._heard_from,
            now=self._now,
        )
        if why is not None:
            self._stops[attempt.attempt_id] = why

    def _conclude(self, attempt: Attempt, ended: Exit, *, ended_at: dt.datetime) -> None:
        attempt = replace(attempt, state=AttemptState.ENDED, exit=ended, ended_at=ended_at)
        self.draft.change_attempt(attempt)
        trial = self.draft.trial(attempt.run_id)
        assert trial is not None  # an attempt refers to its run
        if trial.started_at is None and attempt.started_at is not None:
            trial = replace(trial, started_at=attempt.started_at)
        taken_back = attempt.was_taken_back
        outcome = conclude(
            trial,
            ended=ended,
            n_attempts=self._board.n_mishaps(attempt.run_id, taken_back=taken_back) + 1,
            taken_back=taken_back,
            limits=self._board.spec.limits,
            objective=self._board.spec.objective,
            decision=self.draft.decision(attempt.run_id)[0],
            now=ended_at,
            max_resource=self._board.ladder.max_resource,
            metrics=self._board.spec.trial.metrics,
            stopped_since=self._budget.stops or "its sweep had come to its end",
        )
        if isinstance(outcome, Retry):
            again = self.draft.retry(trial, reason=outcome.reason)
            rests = ended.reason.is_of_a_cluster
            (self._resting if rests else self._unlaunched).append(again)
        else:
            self.draft.leave(outcome)

    # The sweep

    def move_sweep(
        self, requested: SweepRequest, *, hopeless: Mapping[AttemptId, str] | None
    ) -> None:
        """End, pause or resume the sweep, and fill free places while it goes on."""
        over = self._ending(requested, exhausted=False)
        is_closed = False
        if self._budget.stops:
            for attempt_id in self._alive:
                self._stops.setdefault(attempt_id, ExitReason.STOPPED)
        may_fill = over is None or (over.stop_live is None and not over.starts_nothing)
        if may_fill and requested is SweepRequest.RUN:
            is_closed = self._fill(is_closed=over is not None)
            over = self._ending(requested, exhausted=is_closed)
        if over is not None:
            self._wind_down(over)
        if requested is SweepRequest.PAUSE:
            # Their rows stay; they start when the sweep goes on.
            self._withheld = (*self._unlaunched, *self._resting)
            self._unlaunched.clear()
        wanted = SweepState.PAUSED if requested is SweepRequest.PAUSE else SweepState.RUNNING
        if self._is_over:
            return
        reason = self._reason(hopeless) if wanted is SweepState.RUNNING else ""
        if (self._board.state, self._board.reason) != (wanted, reason):
            self.draft.set_sweep(SweepChange(state=wanted, reason=reason))

    def _reason(self, hopeless: Mapping[AttemptId, str] | None) -> str:
        """What a sweep that goes on is to tell its people of itself."""
        if hopeless is None:
            return self._board.reason
        names = (attempt.attempt_id for attempt in self._unlaunched)
        why = next((hopeless[name] for name in names if name in hopeless), None)
        return "" if why is None else f"{_HOPELESS}: {why}"

    def _ending(self, requested: SweepRequest, *, exhausted: bool) -> Ending | None:
        return ending(
            self._board.spec,
            tally=self.draft.tally,
            requested=requested,
            started_at=self._board.started_at,
            exhausted=exhausted,
            now=self._now,
            budget=self._budget,
            waits=bool(self._unlaunched or self._resting or self.draft.paused()),
        )

    def _wind_down(self, over: Ending) -> None:
        if over.stop_live is not None:
            self._end_unlaunched(over.stop_live)
            for attempt_id in self._alive:
                self._stops.setdefault(attempt_id, over.stop_live)
        elif over.starts_nothing:
            if not self._alive:  # what live ones come to may yet let others start
                self._end_unlaunched(ExitReason.STOPPED)
            self._unlaunched.clear()
        if self.draft.n_live > 0:
            return
        is_open = over.stop_live is None and not over.starts_nothing
        if is_open and self._board.ladder.promotable(is_closed=True) is not None:
            return  # the sweep rests; whoever may go on does so when it is resumed
        for trial in self.draft.paused():
            why = over.reason if over.starts_nothing else ""
            self.draft.leave(not_promoted(trial, over.state, now=self._now, why=why))
        self._is_over = True
        self.draft.set_sweep(SweepChange(state=over.state, reason=over.reason))

    def _end_unlaunched(self, reason: ExitReason) -> None:
        """Never started, so nothing to wait for."""
        for attempt in (*self._unlaunched, *self._resting):
            self._conclude(attempt, Exit(reason=reason), ended_at=self._now)
            # A former controller may be at launching it.
            self._stops[attempt.attempt_id] = reason
        self._unlaunched.clear()
        self._resting.clear()

    # The future

    def _fill(self, *, is_closed: bool) -> bool:
        """Give free places away, first to paused trials; True when no more trials can start."""
        limits = self._board.spec.limits
        while (free := limits.max_parallel - self.draft.n_live) > 0:
            promoted = self._board.ladder.promotable(is_closed=is_closed)
            if promoted is not None and self.draft.is_paused(promoted):
                self._unlaunched.append(self.draft.promote(promoted))
                continue
            if is_closed or self.draft.tally.n_trials >= limits.max_trials:
                if is_closed:
                    return True
                is_closed = True  # look once more: nobody waits for trials that never start
                continue
            proposal = self._suggester.take(
                self.draft.next_number,
                self._board.journal,
                wanted=free,
                patience=self._patience(),
            )
            if proposal is None:
                self._awaits_suggestion = True
                return False
            if proposal.configuration is None:
                is_closed = True
                continue
            self._unlaunched.append(self.draft.start(proposal))
        return is_closed

    def _patience(self) -> float:
        """Seconds that a slot may stay empty to have the newest results count.

        With few slots the last result is much of what is known at all: one percent of what a
        trial takes is well spent on it.
        """
        if self._board.spec.limits.max_parallel > _FEW_SLOTS:
            return 0.0
        return min(_PATIENCE_SHARE * self._board.mean_trial_seconds, _MAX_PATIENCE_SECONDS)

    def plan(self) -> TickPlan:
        """Everything decided, ready to be written."""
        return TickPlan(
            changes=self.draft.changes(),
            stops=self._stops,
            launches=tuple(self._unlaunched),
            awaits_suggestion=self._awaits_suggestion,
            withheld=self._withheld,
        )
