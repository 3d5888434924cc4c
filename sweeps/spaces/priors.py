"""Priors, and scales: how a range of numbers maps to the unit interval and back."""

import math
import statistics
from dataclasses import dataclass

_STANDARD = statistics.NormalDist()
_LEAST = 5e-324  # probabilities of 0 and 1 have no finite value


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """A normal distribution, cut off at the ends of the parameter's range."""

    mean: float
    std: float  #: above 0

    def below(self, value: float) -> float:
        """Probability of less than `value`, before the cut."""
        return _STANDARD.cdf((value - self.mean) / self.std)

    def value_at(self, probability: float) -> float:
        """The value that is exceeded with the rest of the probability."""
        inside = min(max(probability, _LEAST), math.nextafter(1.0, 0.0))
        return self.mean + self.std * _STANDARD.inv_cdf(inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """A distribution whose natural logarithm is normal, cut off at the ends of the range."""

    mean: float  #: of the logarithm
    std: float  #: of the logarithm, above 0

    def below(self, value: float) -> float:
        """Probability of less than `value`, before the cut."""
        return _STANDARD.cdf((math.log(value) - self.mean) / self.std) if value > 0 else 0.0

    def value_at(self, probability: float) -> float:
        """The value that is exceeded with the rest of the probability."""
        inside = min(max(probability, _LEAST), math.nextafter(1.0, 0.0))
        try:
            return math.exp(self.mean + self.std * _STANDARD.inv_cdf(inside))
        except OverflowError:
            return math.inf


Prior = Normal | LogNormal


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A range whose numbers are likely evenly, evenly in their logarithm, or as a prior has it."""

    low: float
    high: float
    log: bool
    prior: Prior | None

    @property
    def is_even(self) -> bool:
        """Whether equal distances are equally likely."""
        return not self.log and self.prior is None

    def value_at(self, unit: float) -> float:
        """The number at `unit` in ``[0, 1]``: the inverse of the distribution function."""
        if self.prior is not None:
            left, right = self.prior.below(self.low), self.prior.below(self.high)
            value = self.prior.value_at(left + unit * (right - left))
        elif self.log:
            low, high = math.log(self.low), math.log(self.high)
            value = math.exp(min(low + unit * (high - low), high))
        else:
            # Not `low + unit * (high - low)`: the difference of two floats may be infinite.
            value = self.low * (1 - unit) + self.high * unit
        return min(max(value, self.low), self.high)  # rounding must not leave the range

    def unit_of(self, value: float) -> float:
        """The place of `value` in ``[0, 1]``; the middle where all the range is one place."""
        if self.prior is not None:
            left, right, at = map(self.prior.below, (self.low, self.high, value))
        elif self.log:
            left, right, at = map(math.log, (self.low, self.high, value))
        else:
            left, right, at = self.low / 2, self.high / 2, value / 2  # see `value_at`
        return min(max((at - left) / (right - left), 0.0), 1.0) if right > left else 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Numbers at equal distances, each of which owns an interval of the unit interval."""

    low: float
    step: float
    count: int
    log: bool
    prior: Prior | None

    def index_at(self, unit: float) -> int:
        """Which number, from 0, `unit` belongs to."""
        scale = self._scale()
        if scale.is_even:
            return min(math.floor(unit * self.count), self.count - 1)
        return self.nearest(scale.value_at(unit))

    def nearest(self, value: float) -> int:
        """Which number, from 0, is nearest to `value`."""
        return min(max(round((value - self.low) / self.step), 0), self.count - 1)

    def centre(self, index: int) -> float:
        """The middle of the interval of one number."""
        scale = self._scale()
        if scale.is_even:
            return (index + 0.5) / self.count
        left = max(self.low + (index - 0.5) * self.step, scale.low)
        right = min(self.low + (index + 0.5) * self.step, scale.high)
        return (scale.unit_of(left) + scale.unit_of(right)) / 2

    def _scale(self) -> Scale:
        low = self.low - self.step / 2
        if self.log:
            low = max(low, self.low / 2)  # half a step below may have no logarithm
        high = self.low + (self.count - 0.5) * self.step
        return Scale(low=low, high=high, log=self.log, prior=self.prior)
