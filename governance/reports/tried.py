"""How runs went by what they tried: values of parameters, pairs of these, whole configurations.

Of a parameter with few values in its experiment every value stands for itself. Numbers of which there
are many are put together in thirds of decades, such as ``0.002 to 0.005``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sweeps.objectives import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueOutcomes:
    """Runs of an experiment with one value of a parameter."""

    tenant: str
    experiment: str
    name: str
    value: str  #: as text
    runs: int
    failed: int
    amount_usd: Decimal
    all_runs: int  #: with any value of the parameter
    all_failed: int
    tested: int  #: values of all experiments that enough runs have to say anything

    @property
    def failed_share(self) -> float:
        """Of its runs."""
        return self.failed / self.runs

    @property
    def others_failed_share(self) -> float | None:
        """Of the runs with other values; None when there are none."""
        others = self.all_runs - self.runs
        return (self.all_failed - self.failed) / others if others else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOutcomes:
    """Runs of an experiment with one value of one parameter and one of another.

    They are those of a sample, where there are many runs with many parameters.
    """

    tenant: str
    experiment: str
    name: str
    value: str
    other_name: str
    other_value: str
    runs: int
    failed: int
    one_runs: int  #: with the first value and not the second, at least one
    one_failed: int
    other_runs: int  #: with the second value and not the first, at least one
    other_failed: int
    tested: int  #: pairs, likewise
    sampled: float = 1.0  #: share of all configurations that these runs are of

    @property
    def failed_share(self) -> float:
        """Of its runs."""
        return self.failed / self.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationOutcomes:
    """Runs of an experiment with one configuration, whichever sweep or seed they are of."""

    tenant: str
    experiment: str
    parameters: tuple[tuple[str, str], ...]  #: names and values
    runs: int
    finished: int  #: that have a result
    #: That ended neither by a person nor with their machine; a run without attempts is one.
    attempts: int
    failed: int  #: of these
    amount_usd: Decimal | None  #: of all attempts, whenever they ran; None: not all have a price
    objective: float | None  #: median of what finished runs have
    metric: str | None  #: that most runs of the experiment have; None: they are outside sweeps
    direction: Direction | None
    others_attempts: int  #: of the experiment's other configurations
    others_failed: int
    tested: int  #: configurations, likewise
    is_unbeaten: bool  #: no other one of the experiment has a better median for less a finished run

    @property
    def failed_share(self) -> float:
        """Of its attempts."""
        return self.failed / self.attempts if self.attempts else 0.0

    @property
    def usd_each(self) -> Decimal | None:
        """What a run that finished costs, those that did not included."""
        if self.amount_usd is None or not self.finished:
            return None
        return self.amount_usd / self.finished

    def __str__(self) -> str:
        """``act relu, lr 0.002 to 0.005``."""
        return ", ".join(f"{name} {value}" for name, value in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterOutcomes:
    """What is worth telling: what fails most beyond others, what costs most, what is unbeaten."""

    values: Sequence[ValueOutcomes] = ()
    pairs: Sequence[PairOutcomes] = ()
    configurations: Sequence[ConfigurationOutcomes] = ()
