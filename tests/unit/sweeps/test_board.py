"""The cache of rows follows every write exactly as a reload would."""

from typing import Any

from sweeps.board import Board
from sweeps.schedulers.run_to_completion import RunToCompletion
from sweeps.specs import SweepSpec
from sweeps.states import Decision, RunState, SweepRequest, SweepState
from sweeps.strategies import TrialScheduler
from sweeps.trials import Changes, ConcludedTrial, Sweep, SweepChange, SweepSnapshot
from tests.factories import (
    SWEEP,
    a_report,
    a_run_id,
    a_spec,
    a_suggestion,
    a_trial,
    an_attempt,
    at,
)
from tests.simulation import Simulation
from tests.unit.sweeps.test_controller_invariants import Whims


def a_snapshot(spec: SweepSpec | None = None, **changes: Any) -> SweepSnapshot:
    sweep = Sweep(
        sweep_id=SWEEP,
        spec=spec or a_spec(),
        state=SweepState.SUBMITTED,
        requested=SweepRequest.RUN,
        created_at=at(0),
    )
    empty: dict[str, Any] = {
        "sweep": sweep,
        "trials": (),
        "attempts": (),
        "reports": (),
        "suggestions": (),
        "concluded": (),
        "last_sequence": 0,
    }
    return SweepSnapshot(**{**empty, **changes})


def a_board(
    spec: SweepSpec | None = None, scheduler: TrialScheduler | None = None, **changes: Any
) -> Board:
    return Board(a_snapshot(spec, **changes), scheduler or RunToCompletion())


def test_a_trial_holds_a_place_until_it_ends_or_pauses() -> None:
    holding = {RunState.PENDING, RunState.QUEUED, RunState.RUNNING}

    for state in RunState:
        board = a_board(trials=(a_trial(1),))
        board.apply(Changes(at=at(1), trials=(a_trial(1, state=state),)))

        assert board.n_live == (1 if state in holding else 0)
        assert board.n_trials == 1


def test_trials_that_ended_come_in_the_order_of_their_end() -> None:
    trials = (a_trial(1, state=RunState.COMPLETED), a_trial(2, state=RunState.FAILED))
    concluded = (
        ConcludedTrial(number=2, sequence=3, value=None),
        ConcludedTrial(number=1, sequence=4, value=0.5),
    )
    suggestions = (a_suggestion(1), a_suggestion(2))

    board = a_board(trials=trials, concluded=concluded, suggestions=suggestions)

    assert [trial.number for trial in board.ended] == [2, 1]


def test_live_attempts_come_by_trial_whenever_they_were_added() -> None:
    board = a_board(trials=(a_trial(1), a_trial(2)), attempts=(an_attempt(2),))

    board.apply(Changes(at=at(1), new_attempts=(an_attempt(1),)))

    assert [attempt.run_id for attempt in board.live_attempts()] == [a_run_id(1), a_run_id(2)]


def test_the_last_word_of_the_search_is_remembered_with_its_time() -> None:
    board = a_board(trials=(a_trial(1),))
    stop = a_report(1, level=2, decision=Decision.STOP, sequence=1)
    late = a_report(1, level=3, decision=Decision.CONTINUE, sequence=2)

    board.apply(Changes(at=at(9), decided=(stop, late)))

    assert board.decision(a_run_id(1)) == (Decision.STOP, at(2))
    assert board.decision(a_run_id(2)) == (Decision.CONTINUE, None)


def test_the_sweep_s_own_state_is_followed() -> None:
    board = a_board()

    board.apply(Changes(at=at(1), sweep=SweepChange(state=SweepState.PAUSED)))

    assert board.state is SweepState.PAUSED


def test_a_sweep_that_was_never_claimed_counts_its_time_from_its_submission() -> None:
    assert a_board().started_at == at(0)


def test_a_board_that_followed_a_sweep_equals_one_that_was_loaded_at_its_end() -> None:
    spec = a_spec(max_trials=9, max_parallel=3, max_failures=99)
    simulation = Simulation(spec, script=Whims(11))
    controller = simulation.controller

    loaded = Board(simulation.run_to_end(), RunToCompletion())

    followed = controller._board
    assert followed is not None
    assert followed.n_trials == loaded.n_trials
    assert repr(followed.tally) == repr(loaded.tally)
    assert repr(followed.ended) == repr(loaded.ended)
    assert followed.last_sequence == loaded.last_sequence
    assert followed.state is loaded.state
    assert (followed.n_live, followed.live_attempt_ids()) == (0, [])
    assert followed.journal.seen_through == loaded.journal.seen_through
    assert repr(followed.journal.history()) == repr(loaded.journal.history())
