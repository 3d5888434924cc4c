"""What a searcher was asked and told, in order: all that a search is rebuilt from.

Asked and told share one numbering per sweep. A searcher is a function of a `History`, so the
state after a restart is the history that the rows give, and any past suggestion can be checked by
cutting the history at what it had seen.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sweeps import spaces
from sweeps.objectives import Objective
from sweeps.spaces import Configuration
from sweeps.trials import ConcludedTrial, Suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The result of a trial that has ended."""

    number: int  #: 0: a trial of an earlier sweep
    configuration: Configuration
    loss: float | None  #: lower is better; None when the trial failed
    level: int | None = None  #: resource level of `loss`; None when it never reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The loss of a trial at a rung, where trials are compared with each other."""

    number: int
    level: int  #: of the rung; the report itself may have come from a little above
    loss: float  #: lower is better; may be NaN or infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a searcher may know when it is asked for one more configuration."""

    observations: Sequence[Observation]  #: in the order they were told
    pending: Mapping[int, Configuration]  #: asked, not ended yet, by trial number
    keys: AbstractSet[object]  #: of every configuration asked for so far
    measurements: Sequence[Measurement] = ()  #: in the order they were told; of any trial
    configurations: Mapping[int, Configuration] = field(default_factory=dict[int, Configuration])
    #: of every trial asked for so far, by number
    earlier: Sequence[Observation] = ()  #: from earlier sweeps: data for the model, no duplicates
    seen_through: int = 0  #: place in the journal of the last thing told

    def has(self, configuration: Configuration) -> bool:
        """Whether the configuration was asked for before."""
        return spaces.key(configuration) in self.keys


class Journal:
    """Builds histories while a sweep goes on."""

    def __init__(self, objective: Objective, *, earlier: Sequence[Observation] = ()) -> None:
        self._objective = objective
        self._earlier = earlier
        self._configurations: dict[int, Configuration] = {}
        self._observations: list[Observation] = []
        self._measurements: list[Measurement] = []
        self._pending: dict[int, Configuration] = {}
        self._keys: set[object] = set()
        self._observed_at: list[int] = []  # places of the observations
        self._measured_at: list[int] = []  # places of the measurements
        self.seen_through = 0  #: place of the last thing told

    def ask(self, suggestion: Suggestion) -> None:
        """Add a configuration that is under evaluation from now on."""
        self._configurations[suggestion.number] = suggestion.configuration
        self._pending[suggestion.number] = suggestion.configuration
        self._keys.add(spaces.key(suggestion.configuration))

    def measure(self, measurement: Measurement, *, sequence: int) -> None:
        """Add the loss of a trial at a rung."""
        self._measurements.append(measurement)
        self._measured_at.append(sequence)
        self.seen_through = sequence

    def tell(self, result: ConcludedTrial) -> None:
        """Add the result of a trial that has ended."""
        self._pending.pop(result.number, None)
        self._observations.append(
            Observation(
                number=result.number,
                configuration=self._configurations[result.number],
                loss=None if result.value is None else self._objective.loss(result.value),
                level=result.level,
            )
        )
        self._observed_at.append(result.sequence)
        self.seen_through = result.sequence

    def history(self) -> History:
        """What is known now; the next call may extend the same collections."""
        return History(
            observations=self._observations,
            pending=self._pending,
            keys=self._keys,
            measurements=self._measurements,
            configurations=self._configurations,
            earlier=self._earlier,
            seen_through=self.seen_through,
        )

    def blind(self) -> History:
        """What is known now to whom no result was told: `cut` at 0, without going through it all."""
        return History(
            observations=(),
            pending=self._configurations,
            keys=self._keys,
            configurations=self._configurations,
            earlier=self._earlier,
        )

    def cut(self, *, number: int, seen_through: int) -> History:
        """What was known when trial `number` was asked for, by who had seen that much."""
        observations = self._observations[: bisect_right(self._observed_at, seen_through)]
        ended = {observation.number for observation in observations}
        asked = {n: c for n, c in self._configurations.items() if n < number}
        return History(
            observations=observations,
            pending={n: c for n, c in asked.items() if n not in ended},
            keys={spaces.key(c) for c in asked.values()},
            measurements=self._measurements[: bisect_right(self._measured_at, seen_through)],
            configurations=asked,
            earlier=self._earlier,
            seen_through=seen_through,
        )
