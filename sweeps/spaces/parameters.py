"""Parameters: named dimensions of a space.

Every parameter maps to the unit interval and back, so that searchers need not know about scales.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sweeps.spaces.priors import Cells, Prior, Scale

Scalar = str | int | float | bool
Configuration = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Float:
    """A real number in ``[low, high]``; with a `step` only ``low``, ``low + step`` and so on."""

    low: float
    high: float
    log: bool = False  #: uniform in the logarithm
    step: float | None = None
    prior: Prior | None = None  #: None: uniform; never together with `log`

    def from_unit(self, unit: float) -> float:
        """The value at `unit` in ``[0, 1]``."""
        if self.step is not None:
            return self._at(self._cells(self.step).index_at(unit))
        return self.scale.value_at(unit)

    def to_unit(self, value: Scalar) -> float:
        """The place of `value`; with a step the middle of the interval that it owns."""
        number = _number(value)
        if self.step is not None:
            cells = self._cells(self.step)
            return cells.centre(cells.nearest(number))
        return self.scale.unit_of(self.nearest(number))

    def contains(self, value: Scalar) -> bool:
        """Whether `value` is one of the parameter's."""
        if isinstance(value, (bool, str)) or not self.low <= value <= self.high:
            return False
        return self.step is None or self.nearest(value) == value

    def count(self) -> int | None:
        """How many values there are, None when they are not finitely many."""
        if self.step is not None:
            return self._cells(self.step).count
        return 1 if self.low == self.high else None

    def values(self) -> tuple[Scalar, ...] | None:
        """All values, ascending, when there are finitely many, else None."""
        count = self.count()
        return None if count is None else tuple(self._at(index) for index in range(count))

    def nearest(self, value: float) -> float:
        """The value of the parameter that is nearest to `value`."""
        if self.step is not None:
            return self._at(self._cells(self.step).nearest(value))
        return min(max(value, self.low), self.high)

    @property
    def scale(self) -> Scale:
        """How likely its values are, steps apart."""
        return Scale(low=self.low, high=self.high, log=self.log, prior=self.prior)

    def _at(self, index: int) -> float:
        # In decimals, as a person reckons: 3 * 0.05 is 0.15 and not 0.15000000000000002.
        offset = index * _decimal(self.step) if self.step is not None and index else 0
        return min(float(_decimal(self.low) + offset), self.high) if offset else self.low

    def _cells(self, step: float) -> Cells:
        count = int((_decimal(self.high) - _decimal(self.low)) / _decimal(step)) + 1
        return Cells(low=self.low, step=step, count=count, log=self.log, prior=self.prior)


@dataclass(frozen=True, slots=True, kw_only=True)
class Int:
    """An integer in ``[low, high]``, both included; a `step` apart."""

    low: int
    high: int
    log: bool = False  #: roughly uniform in the logarithm
    step: int = 1
    prior: Prior | None = None  #: rounded; None: uniform; never together with `log`

    def from_unit(self, unit: float) -> int:
        """The value at `unit` in ``[0, 1]``; every integer owns an interval of it."""
        return self.low + self.step * self._cells().index_at(unit)

    def to_unit(self, value: Scalar) -> float:
        """The middle of the interval that `value` owns."""
        cells = self._cells()
        return cells.centre(cells.nearest(_number(value)))

    def contains(self, value: Scalar) -> bool:
        """Whether `value` is one of the parameter's."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def count(self) -> int:
        """How many values there are; the range may be too long to be listed."""
        return (self.high - self.low) // self.step + 1

    def values(self) -> tuple[Scalar, ...] | None:
        """All values, ascending."""
        return tuple(range(self.low, self.high + 1, self.step))

    def nearest(self, value: float) -> int:
        """The value of the parameter that is nearest to `value`."""
        return self.low + self.step * self._cells().nearest(value)

    @property
    def scale(self) -> Scale:
        """How likely its values are, rounding apart."""
        return Scale(low=self.low, high=self.high, log=self.log, prior=self.prior)

    def _cells(self) -> Cells:
        return Cells(
            low=self.low, step=self.step, count=self.count(), log=self.log, prior=self.prior
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One of `choices`."""

    choices: tuple[Scalar, ...]

    def from_unit(self, unit: float) -> Scalar:
        """The choice at `unit` in ``[0, 1]``; every choice owns an equal interval of it."""
        return self.choices[min(math.floor(unit * len(self.choices)), len(self.choices) - 1)]

    def to_unit(self, value: Scalar) -> float:
        """The middle of the interval that `value` owns."""
        return (self.position(value) + 0.5) / len(self.choices)

    def position(self, value: Scalar) -> int:
        """The place of `value` among the choices, from 0; ``1``, ``1.0`` and ``True`` differ.

        Raises:
            ValueError: It is none of them.
        """
        return [(type(choice), choice) for choice in self.choices].index((type(value), value))

    def contains(self, value: Scalar) -> bool:
        """Whether `value` is one of the choices."""
        return is_among(value, self.choices)

    def count(self) -> int:
        """How many choices there are."""
        return len(self.choices)

    def values(self) -> tuple[Scalar, ...] | None:
        """All choices, in the order of the sweep file."""
        return self.choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical(_Choice):
    """One of `choices`, without order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinal(_Choice):
    """One of `choices`, in order: neighbours are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Always the same value; part of every configuration so that the record is whole."""

    value: Scalar

    def from_unit(self, unit: float) -> Scalar:  # noqa: ARG002 - same shape as its siblings
        """The value, wherever `unit` is."""
        return self.value

    def to_unit(self, value: Scalar) -> float:  # noqa: ARG002 - same shape as its siblings
        """The middle."""
        return 0.5

    def contains(self, value: Scalar) -> bool:
        """Whether `value` is the one."""
        return is_among(value, (self.value,))

    def count(self) -> int:
        """One."""
        return 1

    def values(self) -> tuple[Scalar, ...] | None:
        """The one value."""
        return (self.value,)


Parameter = Float | Int | Categorical | Ordinal | Constant


def is_among(value: Scalar, others: tuple[Scalar, ...]) -> bool:
    """Whether `value` is one of `others`; keeps ``1``, ``1.0`` and ``True`` apart."""
    return any(type(value) is type(other) and value == other for other in others)


def key(configuration: Configuration) -> tuple[tuple[str, str, Scalar], ...]:
    """What makes two configurations the same; keeps ``1``, ``1.0`` and ``True`` apart."""
    return tuple(
        (name, type(value).__name__, value) for name, value in sorted(configuration.items())
    )


def _number(value: Scalar) -> float:
    if isinstance(value, (bool, str)):
        raise TypeError(f"{value!r} is no number")
    return value


def _decimal(value: float | None) -> Decimal:
    return Decimal(str(value))
