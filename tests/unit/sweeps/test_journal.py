"""What a search is rebuilt from."""

from dataclasses import replace

from sweeps.board import Board
from sweeps.journal import Journal
from sweeps.schedulers.run_to_completion import RunToCompletion
from sweeps.trials import ConcludedTrial
from tests.factories import LOSS, SCORE, a_spec, a_suggestion
from tests.simulation import Simulation


def test_what_was_asked_is_pending_until_it_is_told() -> None:
    journal = Journal(LOSS)
    journal.ask(a_suggestion(1))
    journal.ask(a_suggestion(2))

    journal.tell(ConcludedTrial(number=1, sequence=3, value=0.5))

    history = journal.history()
    assert dict(history.pending) == {2: {"x": 0.02}}
    assert [(o.number, o.configuration, o.loss) for o in history.observations] == [
        (1, {"x": 0.01}, 0.5)
    ]
    assert journal.seen_through == 3


def test_a_score_to_maximise_is_a_loss_turned_around() -> None:
    journal = Journal(SCORE)
    journal.ask(a_suggestion(1))

    journal.tell(ConcludedTrial(number=1, sequence=2, value=0.5))

    assert journal.history().observations[0].loss == -0.5


def test_a_failure_is_told_without_a_loss() -> None:
    journal = Journal(LOSS)
    journal.ask(a_suggestion(1))

    journal.tell(ConcludedTrial(number=1, sequence=2, value=None))

    assert journal.history().observations[0].loss is None


def test_a_configuration_is_known_from_the_moment_it_was_asked_for() -> None:
    journal = Journal(LOSS)
    journal.ask(a_suggestion(1))
    pending = journal.history().has({"x": 0.01})

    journal.tell(ConcludedTrial(number=1, sequence=2, value=None))

    assert pending
    assert journal.history().has({"x": 0.01})
    assert not journal.history().has({"x": 0.02})


def test_the_history_of_any_past_suggestion_can_be_cut_out_again() -> None:
    snapshot = Simulation(a_spec(max_trials=9, max_parallel=3)).run_to_end()
    journal = Board(snapshot, RunToCompletion()).journal
    last = snapshot.suggestions[-1]

    history = journal.cut(number=last.number, seen_through=last.seen_through)

    assert len(history.observations) + len(history.pending) == 8
    assert {o.number for o in history.observations} == {
        c.number for c in snapshot.concluded if c.sequence <= last.seen_through
    }


def test_to_be_told_nothing_is_to_see_a_history_cut_at_its_beginning() -> None:
    snapshot = Simulation(a_spec(max_trials=9, max_parallel=3)).run_to_end()
    journal = Board(snapshot, RunToCompletion()).journal

    assert journal.blind() == replace(
        journal.cut(number=10, seen_through=0), observations=(), measurements=()
    )
