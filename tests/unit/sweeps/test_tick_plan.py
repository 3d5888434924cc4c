"""What one tick decides, without any port."""

from dataclasses import replace
from typing import Any

from sweeps.board import Board
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.specs import SweepSpec
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from sweeps.strategies import TrialScheduler, make_strategy
from sweeps.suggesting import make_inline_suggester
from sweeps.tick_plan import TickPlan, plan_tick
from sweeps.trials import Changes, Exit, Signals, SweepChange
from tests.factories import a_report, a_run_id, a_spec, a_status, at, seconds
from tests.fakes import ScriptedScheduler
from tests.unit.sweeps.test_board import a_board


def plan(board: Board, **changes: Any) -> TickPlan:
    spec: SweepSpec = board.spec
    signals = Signals(
        requested=changes.pop("requested", SweepRequest.RUN),
        reports=changes.pop("reports", ()),
        last_seen=changes.pop("last_seen", {}),
    )
    statuses: tuple[AttemptStatus, ...] = changes.pop("statuses", ())
    defaults: dict[str, Any] = {
        "suggester": make_inline_suggester(spec, make_strategy(spec)),
        "waiting": {},
        "heard_from": at(0),
        "now": at(1),
    }
    return plan_tick(
        board,
        statuses={status.attempt_id: status for status in statuses},
        signals=signals,
        **{**defaults, **changes},
    )


def a_started_board(*, scheduler: TrialScheduler | None = None, **limits: Any) -> Board:
    """Two trials, both running since the beginning."""
    board = a_board(a_spec(strategy="grid", points_per_parameter=9, **limits), scheduler)
    board.apply(plan(board, now=at(0)).changes)
    board.apply(plan(board, now=at(0), statuses=_running(board)).changes)
    return board


def _running(board: Board, **changes: Any) -> tuple[AttemptStatus, ...]:
    return tuple(a_status(attempt_id=name, **changes) for name in board.live_attempt_ids())


def _exited(board: Board, reason: ExitReason, **changes: Any) -> tuple[AttemptStatus, ...]:
    ended = Exit(reason=reason)
    return _running(board, phase=AttemptPhase.EXITED, ended_at=at(1), exit=ended, **changes)


def test_the_first_tick_starts_as_many_trials_as_may_run() -> None:
    board = a_board(a_spec(max_trials=9, max_parallel=3))

    first = plan(board)

    assert [trial.number for trial in first.changes.new_trials] == [1, 2, 3]
    assert [s.sequence for s in first.changes.suggestions] == [1, 2, 3]
    assert first.launches == first.changes.new_attempts
    assert first.changes.sweep == SweepChange(state=SweepState.RUNNING)


def test_a_tick_without_news_writes_nothing() -> None:
    board = a_started_board()

    quiet = plan(board, statuses=_running(board))

    assert quiet == TickPlan(changes=Changes(at=at(1)), stops={}, launches=())


def test_a_new_suggestion_has_seen_what_ended_in_the_same_tick() -> None:
    board = a_started_board()
    report = a_report(1, value=0.5)

    later = plan(
        board,
        reports=(replace(report, run_id=a_run_id(1)),),
        statuses=(_exited(board, ExitReason.COMPLETED)[0], _running(board)[1]),
    )

    (suggestion,) = later.changes.suggestions
    (concluded,) = later.changes.concluded
    (decided,) = later.changes.decided
    assert [decided.sequence, concluded.sequence, suggestion.sequence] == [3, 4, 5]
    assert suggestion.seen_through == 4


def test_a_report_that_came_with_the_exit_counts() -> None:
    board = a_started_board()
    report = a_report(1, value=0.5)

    later = plan(board, reports=(report,), statuses=_exited(board, ExitReason.COMPLETED))

    assert later.changes.trials[0].state is RunState.COMPLETED
    assert later.changes.trials[0].objective == 0.5


def test_a_lower_level_that_comes_later_does_not_replace_the_objective() -> None:
    board = a_started_board()
    reports = (a_report(1, level=5, value=0.1), a_report(1, level=4, value=0.9))

    later = plan(board, reports=reports, statuses=_running(board))

    assert later.changes.trials[0].objective == 0.1
    assert [report.decision for report in later.changes.decided] == [Decision.CONTINUE] * 2


def test_what_is_known_later_of_its_machine_is_noted_once() -> None:
    board = a_started_board()
    facts = {"gpu_model": "L4", "gpu_count": 2, "capacity": "spot", "region": "eu"}

    later = plan(board, statuses=_running(board, **facts))
    board.apply(later.changes)
    again = plan(board, statuses=_running(board))

    assert {attempt.machine for attempt in later.changes.attempts} == {"2 x L4, eu, spot"}
    assert again.changes.is_empty()


def test_an_exit_record_without_a_start_keeps_the_start_that_was_seen() -> None:
    board = a_started_board()

    later = plan(board, statuses=_exited(board, ExitReason.OUT_OF_MEMORY, started_at=None, node=""))

    assert [attempt.started_at for attempt in later.changes.attempts] == [at(0), at(0)]


def test_an_attempt_that_ended_before_it_was_seen_running_has_a_start() -> None:
    board = a_board(a_spec())
    board.apply(plan(board).changes)

    later = plan(board, statuses=_exited(board, ExitReason.OUT_OF_MEMORY))

    assert {trial.started_at for trial in later.changes.trials} == {at(0)}
    assert {trial.ended_at for trial in later.changes.trials} == {at(1)}


def test_a_lost_attempt_is_followed_by_the_next_in_the_same_tick() -> None:
    board = a_started_board()

    later = plan(board, statuses=_running(board)[1:])

    assert [a.exit and a.exit.reason for a in later.changes.attempts] == [ExitReason.LOST]
    assert [attempt.number for attempt in later.launches] == [2]
    assert later.changes.new_attempts == later.launches
    assert later.changes.trials[0].state is RunState.PENDING
    assert later.changes.trials[0].reason == "its process vanished without a trace; attempt 1 of 3"


def test_a_lost_attempt_of_a_cancelled_sweep_is_not_followed_by_another() -> None:
    board = a_started_board()

    later = plan(board, requested=SweepRequest.CANCEL)

    assert later.launches == ()
    assert {trial.state for trial in later.changes.trials} == {RunState.CANCELLED}
    assert later.changes.sweep is not None
    assert later.changes.sweep.state is SweepState.CANCELLED


def test_cancelling_stops_what_runs_before_the_sweep_ends() -> None:
    board = a_started_board()

    later = plan(board, requested=SweepRequest.CANCEL, statuses=_running(board))

    assert set(later.stops.values()) == {ExitReason.CANCELLED}
    assert len(later.stops) == 2
    assert later.changes.sweep is None


def test_a_time_out_is_not_renamed_when_the_sweep_is_cancelled_as_well() -> None:
    board = a_started_board(trial_timeout=seconds(1))

    later = plan(board, requested=SweepRequest.CANCEL, statuses=_running(board))

    assert set(later.stops.values()) == {ExitReason.TIMED_OUT}


def test_what_is_unlaunched_is_launched_again_under_the_same_name() -> None:
    board = a_board(a_spec())
    first = plan(board)
    board.apply(first.changes)

    second = plan(board)

    assert second.launches == first.launches
    assert second.changes.is_empty()


def test_what_found_no_slot_is_queued() -> None:
    board = a_board(a_spec())
    board.apply(plan(board).changes)

    later = plan(board, waiting=dict.fromkeys(board.live_attempt_ids(), "waits for a free slot"))

    assert {trial.state for trial in later.changes.trials} == {RunState.QUEUED}
    assert {trial.reason for trial in later.changes.trials} == {"waits for a free slot"}
    assert len(later.launches) == 2


def test_all_trials_done_and_the_last_still_running_is_not_the_end() -> None:
    board = a_started_board(max_trials=2)

    later = plan(board, statuses=_running(board))

    assert later.changes.is_empty()
    assert later.stops == {}


def test_a_resumed_sweep_that_only_waits_for_its_last_trials_is_running() -> None:
    board = a_started_board(max_trials=2)
    board.apply(plan(board, requested=SweepRequest.PAUSE, statuses=_running(board)).changes)
    was = board.state

    later = plan(board, statuses=_running(board))

    assert was is SweepState.PAUSED
    assert later.changes.sweep == SweepChange(state=SweepState.RUNNING)


def test_a_late_report_is_answered_without_asking_the_scheduler() -> None:
    scheduler = ScriptedScheduler({})
    board = a_started_board(max_trials=2, scheduler=scheduler)
    board.apply(plan(board, statuses=_exited(board, ExitReason.OUT_OF_MEMORY)).changes)
    report = a_report(1)

    later = plan(board, reports=(report,))

    assert scheduler.seen == []
    assert [r.decision for r in later.changes.decided] == [Decision.CONTINUE]
    assert later.changes.trials == ()


def test_a_grid_that_fits_exactly_ends_by_the_number_of_trials() -> None:
    spec = a_spec(strategy="grid", max_trials=2, points_per_parameter=2)
    board = a_board(spec)
    board.apply(plan(board).changes)

    later = plan(board, statuses=_exited(board, ExitReason.OUT_OF_MEMORY))

    assert later.changes.sweep is not None
    assert later.changes.sweep.reason.startswith("all 2 trials have run, and every one failed")


def test_attempts_that_ended_together_are_told_in_the_order_of_their_trials() -> None:
    board = a_started_board()
    # Trial 1 gets a second attempt, which is younger than the first attempt of trial 2.
    board.apply(plan(board, statuses=_running(board)[1:]).changes)

    later = plan(board, statuses=_exited(board, ExitReason.OUT_OF_MEMORY))

    assert [result.number for result in later.changes.concluded] == [1, 2]
    assert {attempt.state for attempt in later.changes.attempts} == {AttemptState.ENDED}
