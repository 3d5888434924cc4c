"""How a controller comes by suggestions: at once, or ahead of demand in the background.

Either way a suggestion is a function of its number and of what the searcher had seen, which the
journal records. Whoever cuts the history there and asks again gets the same configuration.
"""

from dataclasses import dataclass
from typing import Protocol

from sweeps.journal import History, Journal
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.strategies import Searcher, Strategy, suggestion_rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An answer of the searcher."""

    number: int
    configuration: Configuration | None  #: None: the space has no other one left
    seen_through: int  #: last place of the journal that the searcher knew


class Suggester(Protocol):
    """Answers for a controller; one instance for the life of one journal."""

    def take(
        self, number: int, journal: Journal, *, wanted: int = 1, patience: float = 0.0
    ) -> Proposal | None:
        """Configuration of trial `number`, the next one; None when it is not ready yet.

        Args:
            wanted: Slots that are free now, this one included.
            patience: Seconds that a slot may stay empty for the sake of the newest results.
        """
        ...

    def prepare(self, number: int, journal: Journal) -> None:
        """Trial `number` will be asked for next, and the journal has moved on."""
        ...

    def close(self) -> None:
        """Nothing more will be asked for."""
        ...


def propose(searcher: Searcher, *, seed: int, number: int, history: History) -> Proposal:
    """Ask the searcher now.

    Args:
        seed: The sweep's.
    """
    return Proposal(
        number=number,
        configuration=searcher.suggest(
            number=number, history=history, rng=suggestion_rng(seed, number)
        ),
        seen_through=history.seen_through,
    )


class InlineSuggester:
    """Asks when the suggestion is needed: for quick searchers, and for simulated time."""

    def __init__(self, searcher: Searcher, *, seed: int) -> None:
        self._searcher = searcher
        self._seed = seed

    def take(
        self,
        number: int,
        journal: Journal,
        *,
        wanted: int = 1,  # noqa: ARG002 - the port's signature
        patience: float = 0.0,  # noqa: ARG002 - the port's signature
    ) -> Proposal | None:
        """The searcher's answer to all that is known."""
        return propose(self._searcher, seed=self._seed, number=number, history=journal.history())

    def prepare(self, number: int, journal: Journal) -> None:
        """Nothing to do ahead."""

    def close(self) -> None:
        """Nothing to end."""


def make_inline_suggester(spec: SweepSpec, strategy: Strategy) -> Suggester:
    """A suggester that answers at once."""
    return InlineSuggester(strategy.searcher, seed=spec.seed)
