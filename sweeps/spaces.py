"""Search spaces: the set of admissible configurations, and how to draw from it.

Every numeric parameter maps to the unit interval, so that searchers need not know about scales.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Scalar = str | int | float | bool
Configuration = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Float:
    """A real number in ``[low, high]``; with `log`, uniform in its logarithm."""

    low: float
    high: float
    log: bool = False

    def from_unit(self, unit: float) -> float:
        """The value at `unit` in ``[0, 1]``."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            value = math.exp(low + unit * (high - low))
        else:
            # Not `low + unit * (high - low)`: the difference of two floats may be infinite.
            value = self.low * (1 - unit) + self.high * unit
        return min(max(value, self.low), self.high)  # rounding must not leave the range

    def values(self) -> tuple[Scalar, ...] | None:
        """All values when there are finitely many, else None."""
        return (self.low,) if self.low == self.high else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Int:
    """An integer in ``[low, high]``, both included; with `log`, roughly uniform in its logarithm."""

    low: int
    high: int
    log: bool = False

    def from_unit(self, unit: float) -> int:
        """The value at `unit` in ``[0, 1]``; every integer owns an interval of it."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = round(math.exp(low + unit * (high - low)))
        else:
            value = self.low + math.floor(unit * (self.high - self.low + 1))
        return min(max(value, self.low), self.high)

    def values(self) -> tuple[Scalar, ...] | None:
        """All values, ascending."""
        return tuple(range(self.low, self.high + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical:
    """One of `choices`, without order."""

    choices: tuple[Scalar, ...]

    def from_unit(self, unit: float) -> Scalar:
        """The choice at `unit` in ``[0, 1]``; every choice owns an equal interval of it."""
        return self.choices[min(math.floor(unit * len(self.choices)), len(self.choices) - 1)]

    def values(self) -> tuple[Scalar, ...] | None:
        """All choices, in the order of the sweep file."""
        return self.choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Always the same value; part of every configuration so that the record is whole."""

    value: Scalar

    def from_unit(self, unit: float) -> Scalar:  # noqa: ARG002 - same shape as its siblings
        """The value, wherever `unit` is."""
        return self.value

    def values(self) -> tuple[Scalar, ...] | None:
        """The one value."""
        return (self.value,)


Parameter = Float | Int | Categorical | Constant


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Named parameters, in the order of the sweep file."""

    parameters: Mapping[str, Parameter]

    def sample(self, rng: np.random.Generator) -> Configuration:
        """One configuration, each parameter drawn independently from its prior."""
        units = rng.random(len(self.parameters))
        return {
            name: parameter.from_unit(float(unit))
            for (name, parameter), unit in zip(self.parameters.items(), units, strict=True)
        }

    def size(self) -> int | None:
        """How many configurations there are, or None when they cannot be counted."""
        count = 1
        for parameter in self.parameters.values():
            if isinstance(parameter, Int):  # counted without listing: the range may be huge
                count *= parameter.high - parameter.low + 1
                continue
            values = parameter.values()
            if values is None:
                return None
            count *= len(values)
        return count


def key(configuration: Configuration) -> tuple[tuple[str, str, Scalar], ...]:
    """What makes two configurations the same; keeps ``1``, ``1.0`` and ``True`` apart."""
    return tuple(
        (name, type(value).__name__, value) for name, value in sorted(configuration.items())
    )
