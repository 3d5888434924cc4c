"""The controller of one sweep: looks, decides, writes, then acts, again and again.

**Stateless between ticks.** What it keeps is a cache of rows. A controller that is killed at any
moment is followed by one that loads the rows, adopts what is alive, and goes on. That works since

- a row is written before anything is launched, and names are deterministic;
- a launcher takes "exists already" for success;
- one lease at a time may write: a controller that was thought dead finds out at its next write.

What a tick decides is in `sweeps.tick_plan`; this module talks to the ports.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sweeps.attention import Attention
from sweeps.board import Board
from sweeps.clock import Clock
from sweeps.endings import WITHIN_BUDGETS
from sweeps.entrance import Entrance
from sweeps.errors import TransientError
from sweeps.ids import AttemptId, SweepId, TenantId
from sweeps.last_words import LastWords
from sweeps.launching import launch_all
from sweeps.ports import (
    AdmissionDesk,
    AttemptPhase,
    AttemptStatus,
    BudgetWatch,
    Courier,
    Credentials,
    TrialLauncher,
    TrialStore,
)
from sweeps.rung_correlation import rung_correlations
from sweeps.specs import SweepSpec
from sweeps.states import AttemptState, ExitReason, SweepState
from sweeps.strategies import Strategy, make_strategy
from sweeps.suggesting import Suggester, make_inline_suggester
from sweeps.tick_plan import TickPlan, plan_endings, plan_tick
from sweeps.trial_environment import launch_request
from sweeps.trials import Attempt, Exit, Trial

_NO_SLOT = "waits for a free slot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What happened in one tick."""

    progressed: bool  #: something was written or launched; worth looking again at once
    ended: tuple[Trial, ...]  #: trials that ended for good
    state: SweepState


class SweepController:
    """Runs one sweep over its ports."""

    def __init__(
        self,
        sweep_id: SweepId,
        *,
        store: TrialStore,
        launcher: TrialLauncher,
        credentials: Credentials,
        clock: Clock,
        name: str,
        courier: Courier | None = None,
        budgets: BudgetWatch | None = None,
        desk: AdmissionDesk | None = None,
        make_strategy: Callable[[SweepSpec], Strategy] = make_strategy,
        make_suggester: Callable[[SweepSpec, Strategy], Suggester] = make_inline_suggester,
    ) -> None:
        self._sweep_id = sweep_id
        self._store = store
        self._launcher = launcher
        self._credentials = credentials
        self._courier = courier
        self._budgets = budgets
        self._entrance = Entrance(desk)
        self._clock = clock
        self._name = name
        self._make_strategy = make_strategy
        self._lease: int | None = None
        self._make_suggester = make_suggester
        self._board: Board | None = None
        self._suggester: Suggester | None = None
        self._n_told: int | None = None
        self._rejected: dict[AttemptId, str] = {}
        self._waiting: dict[AttemptId, str] = {}
        self._attention = Attention()
        self._last_words = LastWords()

    def tick(self) -> Tick:
        """Look once at the world, and move the sweep on.

        Raises:
            SweepNotFound: There is no such sweep.
            LeaseLost: Another controller has taken over; stop without touching anything.
            TransientError: The store or the launcher does not answer; tick again later.
        """
        board, suggester = self._ready()
        if board.state.is_terminal:
            return self._tick(board, progressed=False)
        try:
            # First the launcher: whoever has exited had its last reports stored before that.
            statuses = self._statuses(board)
            unsent = self._unsent(board, statuses)
            signals = self._store.poll(self._sweep_id)
            now = self._clock.now()
            heard_from = self._attention.look(
                now, gateway_silence=signals.gateway_silence, adopts=bool(statuses)
            )
            plan = plan_tick(
                board,
                suggester=suggester,
                statuses=statuses,
                signals=signals,
                waiting=self._waiting,
                hopeless=self._entrance.hopeless,
                unsent=self._last_words.awaited(unsent, now=now),
                heard_from=heard_from,
                now=now,
                budget=self._budgets.verdict(self._sweep_id) if self._budgets else WITHIN_BUDGETS,
            )
            if plan.launches or not plan.changes.is_empty():
                # Even with nothing to write: whoever lost the lease must not launch.
                self._write(board, plan)
        except BaseException:
            # The write may have reached the database or not: only the rows know.
            self._forget()
            self._attention.lose()
            raise
        if board.n_trials < board.spec.limits.max_trials:
            suggester.prepare(board.n_trials + 1, board.journal)
        launched = self._act(board, plan)
        progressed = launched or plan.awaits_suggestion or not plan.changes.is_empty()
        return self._tick(board, progressed=progressed)

    def end_dead(self) -> int:
        """Write down the ends of attempts that do not run any more; how many there were.

        For a sweep that nobody goes on with: nothing is launched or stopped, and it stays where it is
        for the next controller. What its dead attempts held is free then, and what those were given
        that its last controller did not come to launch.

        Raises:
            SweepNotFound: There is no such sweep.
            LeaseLost: A controller has taken over; it does the same.
            TransientError: The store or the launcher does not answer.
        """
        board, suggester = self._ready()
        assert self._lease is not None  # taken in `_ready`
        statuses = self._statuses(board)
        changes = plan_endings(
            board,
            suggester=suggester,
            statuses=statuses,
            signals=self._store.poll(self._sweep_id),
            now=self._clock.now(),
        )
        ended = [one for one in changes.attempts if one.state is AttemptState.ENDED]
        if ended:
            self._store.apply(self._sweep_id, self._lease, changes)
            board.apply(changes)
        self._entrance.withdraw(
            [
                attempt
                for attempt in board.live_attempts()
                if attempt.state is AttemptState.PENDING and attempt.attempt_id not in statuses
            ]
        )
        return len(ended)

    def warnings(self) -> Mapping[tuple[int, int], str]:
        """What the person who set the rungs should know by now, by pair of rungs."""
        if self._board is None:
            return {}
        rungs = rung_correlations(self._board.journal.history().measurements)
        return {(rung.low, rung.high): rung.warning for rung in rungs if rung.warning is not None}

    def told(self) -> Sequence[str]:
        """What the person who pays should know by now, each sentence once."""
        return () if self._budgets is None else self._budgets.told(self._sweep_id)

    def close(self) -> None:
        """End what works in the background; the sweep goes on with the next controller."""
        self._forget()

    def _forget(self) -> None:
        if self._suggester is not None:
            self._suggester.close()
        self._board = self._suggester = None
        self._entrance.forget()

    def _tick(self, board: Board, *, progressed: bool) -> Tick:
        """The tick's result; what earlier ticks could not tell since they failed is told now."""
        ended = tuple(board.ended[self._n_told :])
        self._n_told = len(board.ended)
        return Tick(progressed=progressed, ended=ended, state=board.state)

    def _ready(self) -> tuple[Board, Suggester]:
        if self._lease is None:
            self._lease = self._store.take_over(self._sweep_id, controller=self._name)
        if self._board is None or self._suggester is None:
            snapshot = self._store.load(self._sweep_id)
            spec = snapshot.sweep.spec
            strategy = self._make_strategy(spec)
            self._board = Board(snapshot, strategy.scheduler)
            self._suggester = self._make_suggester(spec, strategy)
            if self._n_told is None:
                self._n_told = len(self._board.ended)
        return self._board, self._suggester

    def _statuses(self, board: Board) -> Mapping[AttemptId, AttemptStatus]:
        statuses = dict(self._launcher.poll(self._sweep_id, board.live_attempt_ids()))
        for attempt_id, message in self._rejected.items():
            statuses[attempt_id] = AttemptStatus(
                attempt_id=attempt_id,
                phase=AttemptPhase.EXITED,
                exit=Exit(reason=ExitReason.LAUNCH_FAILED, message=message),
            )
        return statuses

    def _unsent(
        self, board: Board, statuses: Mapping[AttemptId, AttemptStatus]
    ) -> Collection[AttemptId]:
        if self._courier is None:
            return ()
        exited = [a for a, status in statuses.items() if status.phase is AttemptPhase.EXITED]
        return self._courier.unsent(TenantId(board.spec.tenant), exited) if exited else ()

    def _write(self, board: Board, plan: TickPlan) -> None:
        assert self._lease is not None  # taken in `_ready`
        self._store.apply(self._sweep_id, self._lease, plan.changes)
        board.apply(plan.changes)
        for attempt in plan.changes.attempts:
            self._rejected.pop(attempt.attempt_id, None)

    def _act(self, board: Board, plan: TickPlan) -> bool:
        """Stop and launch what the plan says; True when something new was started."""
        self._stop(plan.stops)
        self._waiting.clear()
        self._entrance.withdraw(plan.withheld)
        now = self._clock.now()
        admitted, held_up = self._entrance.admit(board.sweep_id, board.spec, plan.launches, now=now)
        self._waiting.update(held_up)
        done = launch_all(
            lambda attempt: self._launch(board, attempt),
            admitted,
            at_once=self._launcher.launches_at_once,
        )
        self._rejected.update(done.rejected)
        if done.failure is not None:
            raise done.failure
        self._waiting.update((attempt_id, _NO_SLOT) for attempt_id in done.waiting)
        if done.held_back is not None:
            left = [one for one in plan.launches if not done.is_over(one.attempt_id)]
            self._waiting.update(self._entrance.hold_back(left, done.held_back, now=now))
        return bool(done.started or done.rejected)

    def _stop(self, stops: Mapping[AttemptId, ExitReason]) -> None:
        """Every one of them, even if another cannot be stopped now."""
        failure: TransientError | None = None
        for attempt_id, reason in stops.items():
            try:
                self._launcher.stop(attempt_id, reason=reason)
            except TransientError as exc:
                failure = exc
        if failure is not None:
            raise failure

    def _launch(self, board: Board, attempt: Attempt) -> None:
        trial = board.trial(attempt.run_id)
        assert trial is not None  # an attempt refers to its run
        request = launch_request(
            sweep_id=board.sweep_id,
            spec=board.spec,
            source_dir=board.source_dir,
            datasets=board.datasets,
            trial=trial,
            attempt_id=attempt.attempt_id,
            rungs=board.ladder.waiting_rungs(trial.number),
            max_resource=board.ladder.max_resource,
            credentials=self._credentials.for_attempt(
                TenantId(board.spec.tenant), attempt.attempt_id
            ),
        )
        with self._entrance.launching(board.sweep_id, attempt.attempt_id):
            self._launcher.launch(request)
