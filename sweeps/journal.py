"""What a searcher was asked and told, in order: all that a search is rebuilt from.

Asked and told share one numbering per sweep. A searcher is a function of a `History`, so the
state after a restart is the history that the rows give, and any past suggestion can be checked by
cutting the history at what it had seen.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sweeps import spaces
from sweeps.objectives import Objective
from sweeps.spaces import Configuration
from sweeps.trials import ConcludedTrial, Suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The result of one configuration."""

    number: int
    configuration: Configuration
    loss: float | None  #: lower is better; None when the trial failed


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a searcher may know when it is asked for one more configuration."""

    observations: Sequence[Observation]  #: in the order they were told
    pending: Mapping[int, Configuration]  #: asked, not told yet, by trial number
    keys: AbstractSet[object]  #: of every configuration asked for so far

    def has(self, configuration: Configuration) -> bool:
        """Whether the configuration was asked for before."""
        return spaces.key(configuration) in self.keys


class Journal:
    """Builds histories while a sweep goes on."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._asked: dict[int, Suggestion] = {}
        self._observations: list[Observation] = []
        self._pending: dict[int, Configuration] = {}
        self._keys: set[object] = set()
        self.seen_through = 0  #: place of the last result told

    def ask(self, suggestion: Suggestion) -> None:
        """Add a configuration that is under evaluation from now on."""
        self._asked[suggestion.number] = suggestion
        self._pending[suggestion.number] = suggestion.configuration
        self._keys.add(spaces.key(suggestion.configuration))

    def tell(self, result: ConcludedTrial) -> None:
        """Add a result."""
        self._pending.pop(result.number, None)
        self._observations.append(
            Observation(
                number=result.number,
                configuration=self._asked[result.number].configuration,
                loss=None if result.value is None else self._objective.loss(result.value),
            )
        )
        self.seen_through = result.sequence

    def history(self) -> History:
        """What is known now; the next call may extend the same collections."""
        return History(observations=self._observations, pending=self._pending, keys=self._keys)


def history_seen_by(
    suggestion: Suggestion,
    *,
    suggestions: Sequence[Suggestion],
    concluded: Sequence[ConcludedTrial],
    objective: Objective,
) -> History:
    """The history that `suggestion` was made from."""
    journal = Journal(objective)
    for earlier in suggestions:
        if earlier.sequence < suggestion.sequence:
            journal.ask(earlier)
    for result in concluded:
        if result.sequence <= suggestion.seen_through:
            journal.tell(result)
    return journal.history()
