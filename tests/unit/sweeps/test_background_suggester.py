"""Suggestions that are ready before they are asked for."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sweeps.background_suggester import BackgroundSuggester, make_suggester
from sweeps.journal import History, Journal
from sweeps.spaces import Configuration
from sweeps.strategies import Strategy, make_strategy
from sweeps.suggesting import InlineSuggester, Proposal, propose
from sweeps.trials import ConcludedTrial, Suggestion
from tests.factories import LOSS, a_spec

SEED = 7


class Gated:
    """A searcher whose answers show what it saw; a gate holds them back."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.n_asked = 0

    def suggest(
        self, *, number: int, history: History, rng: np.random.Generator
    ) -> Configuration | None:
        self.n_asked += 1
        if history.seen_through:
            self.gate.wait(10)
        known = sum(o.loss or 0.0 for o in history.observations)
        pending = sum(float(c["x"]) for c in history.pending.values())
        return {"x": float(rng.random()), "known": known, "pending": pending}


class Broken:
    def suggest(self, *, number: int, history: History, rng: np.random.Generator) -> Configuration:
        raise ArithmeticError("singular")


@pytest.fixture
def searcher() -> Gated:
    return Gated()


@pytest.fixture
def suggester(searcher: Gated) -> Iterator[BackgroundSuggester]:
    made = BackgroundSuggester(searcher, seed=SEED, ahead=4)
    yield made
    searcher.gate.set()
    made.close()


class Game:
    """A journal that follows a suggester, as a controller's would."""

    def __init__(self, suggester: BackgroundSuggester) -> None:
        self.suggester = suggester
        self.journal = Journal(LOSS)
        self.sequence = 0
        self.taken: list[Proposal] = []
        suggester.prepare(1, self.journal)

    def take(self, *, wanted: int = 1, patience: float = 0.0) -> Proposal:
        return wait_for(lambda: self.try_to_take(wanted=wanted, patience=patience))

    def try_to_take(self, *, wanted: int = 1, patience: float = 0.0) -> Proposal | None:
        number = len(self.taken) + 1
        proposal = self.suggester.take(number, self.journal, wanted=wanted, patience=patience)
        if proposal is None:
            return None
        assert proposal.configuration is not None
        self.sequence += 1
        self.taken.append(proposal)
        self.journal.ask(
            Suggestion(
                number=number,
                configuration=proposal.configuration,
                sequence=self.sequence,
                seen_through=proposal.seen_through,
            )
        )
        self.suggester.prepare(number + 1, self.journal)
        return proposal

    def tell(self, number: int, value: float) -> None:
        self.sequence += 1
        self.journal.tell(ConcludedTrial(number=number, sequence=self.sequence, value=value))
        self.suggester.prepare(len(self.taken) + 1, self.journal)


def wait_for(look: Callable[[], Proposal | None]) -> Proposal:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.002)
    raise AssertionError("no proposal came")


def test_every_suggestion_can_be_checked_by_cutting_the_history_where_it_was_made(
    suggester: BackgroundSuggester, searcher: Gated
) -> None:
    game = Game(suggester)
    chance = np.random.default_rng(1)

    live: list[int] = []
    for _ in range(60):
        live.append(game.take(wanted=int(chance.integers(1, 4))).number)
        while len(live) > 5 or (live and chance.random() < 0.5):
            game.tell(live.pop(int(chance.integers(len(live)))), float(chance.random()))

    for proposal in game.taken:
        history = game.journal.cut(number=proposal.number, seen_through=proposal.seen_through)
        again = propose(searcher, seed=SEED, number=proposal.number, history=history)
        assert again == proposal
    assert len({proposal.seen_through for proposal in game.taken}) > 10


def test_a_slot_does_not_wait_while_newer_results_are_being_looked_at(
    suggester: BackgroundSuggester, searcher: Gated
) -> None:
    game = Game(suggester)
    game.take()
    wait_for(lambda: Proposal(number=0, configuration=None, seen_through=0)
             if searcher.n_asked >= 5 else None)  # fmt: skip
    searcher.gate.clear()
    game.tell(1, 0.5)

    proposal = game.try_to_take()

    assert proposal is not None
    assert proposal.seen_through == 0


def test_patience_waits_for_the_newest_result(
    suggester: BackgroundSuggester, searcher: Gated
) -> None:
    game = Game(suggester)
    game.take()
    game.tell(1, 0.5)

    proposal = game.take(patience=5.0)

    assert proposal.seen_through == game.journal.seen_through


def test_a_slot_that_has_waited_long_gets_a_point_of_the_initial_design(
    suggester: BackgroundSuggester, searcher: Gated
) -> None:
    searcher.gate.clear()
    game = Game(suggester)
    first = game.take()
    game.tell(1, 0.5)

    started = time.monotonic()
    taken = [game.take() for _ in range(8)]

    assert first.seen_through == 0
    assert {proposal.seen_through for proposal in taken} == {0}
    assert time.monotonic() - started < 5


def test_results_that_came_meanwhile_are_seen_by_later_suggestions(
    suggester: BackgroundSuggester,
) -> None:
    game = Game(suggester)
    game.take()
    game.tell(1, 0.5)

    wait_for(lambda: p if (p := game.take()).seen_through else game.tell(p.number, 0.5))


def test_an_exhausted_space_stays_exhausted(searcher: Gated) -> None:
    class Two:
        def suggest(
            self, *, number: int, history: History, rng: np.random.Generator
        ) -> Configuration | None:
            return {"x": float(number)} if number <= 2 else None

    suggester = BackgroundSuggester(Two(), seed=SEED, ahead=4)
    journal = Journal(LOSS)
    suggester.prepare(1, journal)
    taken = [wait_for(lambda n=n: suggester.take(n, journal)) for n in (1, 2, 3, 3)]
    suggester.close()

    assert [proposal.configuration for proposal in taken] == [{"x": 1.0}, {"x": 2.0}, None, None]


def test_an_error_of_the_searcher_reaches_the_controller() -> None:
    suggester = BackgroundSuggester(Broken(), seed=SEED, ahead=1)
    journal = Journal(LOSS)
    suggester.prepare(1, journal)

    with pytest.raises(ArithmeticError, match="singular"):
        wait_for(lambda: suggester.take(1, journal))
    suggester.close()


def test_only_costly_searchers_get_a_thread() -> None:
    def made_for(name: str) -> object:
        spec = a_spec(strategy=name)
        strategy: Strategy = make_strategy(spec)
        suggester = make_suggester(spec, strategy)
        suggester.close()
        return type(suggester)

    assert made_for("random") is InlineSuggester
    assert made_for("bayes") is BackgroundSuggester
