"""Drift: how a dataset's columns differ between two versions, and when that is worth a word. Pure.

Computed from what is stored of the versions, so that neither has to be there any more. Of a number
the distribution function is known at every half per cent, or exactly where it has few values: the
distances below are right to within half a per cent.

Rules of thumb for the population stability index (PSI): below 0.1 nothing, from 0.25 on another
population. What few rows differ by chance is no drift: of two samples of one population PSI is
about (buckets - 1) (1/n + 1/m), which a chi-squared distribution bounds.

Source: B. Yurdakul, J. Naranjo, "Statistical properties of the population stability index", Journal
of Risk Model Validation 14(4), 2020; the Kolmogorov-Smirnov bound is that of the two-sample test.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sweeps.data_profiles import ColumnProfile, Profile

_BUCKETS = 10
_LEAST_SHARE = 1e-4  # of an empty bucket, however many values there are
_KS_BOUND = 1.63  # one in a hundred pairs of samples of one population differs by more
_Z = 2.326  # of the normal distribution, 99 % are below
_MOST_NAMED = 10


class DriftLevel(StrEnum):
    """How much."""

    NONE = "none"
    SOME = "some"  #: worth a look
    LARGE = "large"  #: results on the one say little of the other

    @property
    def rank(self) -> int:
        """Greater is worse."""
        return list(DriftLevel).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """From where on it is some, or large."""

    some: float
    large: float

    def level(self, value: float) -> DriftLevel:
        """Of a value."""
        if value >= self.large:
            return DriftLevel.LARGE
        return DriftLevel.SOME if value >= self.some else DriftLevel.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRules:
    """Thresholds by measure."""

    psi: Threshold = Threshold(some=0.1, large=0.25)
    ks: Threshold = Threshold(some=0.1, large=0.25)
    shift: Threshold = Threshold(some=0.1, large=0.25)  #: share of rows in other categories
    null: Threshold = Threshold(some=0.05, large=0.2)  #: difference of the shares of absent values
    nonfinite: Threshold = Threshold(some=0.05, large=0.2)  #: and of those of infinities


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How one column differs; a measure that has no meaning for it is None."""

    column: str
    level: DriftLevel
    reasons: tuple[str, ...]
    psi: float | None = None
    ks: float | None = None  #: greatest distance of the distribution functions
    shift: float | None = None  #: half the sum of differences of shares
    null_before: float = 0.0
    null_after: float = 0.0
    nonfinite_before: float = 0.0
    nonfinite_after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How two versions differ."""

    columns: tuple[ColumnDrift, ...]

    @property
    def level(self) -> DriftLevel:
        """Of the column that differs most."""
        return max(
            (c.level for c in self.columns), key=lambda level: level.rank, default=DriftLevel.NONE
        )


def drift(before: Profile, after: Profile, rules: DriftRules | None = None) -> Drift:
    """Every column of either version, those that differ most first."""
    rules = rules or DriftRules()
    names = dict.fromkeys([c.name for c in before.columns] + [c.name for c in after.columns])
    found = [_column(name, before.column(name), after.column(name), rules) for name in names]
    found.sort(key=lambda c: (-c.level.rank, -(c.psi or 0.0)))
    return Drift(columns=tuple(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Shares of two versions of one column in the same buckets, for a picture."""

    labels: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


def comparison(
    before: ColumnProfile, after: ColumnProfile, *, n_buckets: int = 20
) -> Comparison | None:
    """Both side by side; None where there is nothing to show."""
    if not (before.sample_size and after.sample_size):
        return None
    if before.kind.is_numeric and after.kind.is_numeric:
        ends = np.concatenate([_points(before), _points(after)])
        low, high = float(ends.min()), float(ends.max())
        if not math.isfinite(high - low):
            return None
        edges = np.linspace(low, high, n_buckets + 1)[1:]
        shares = [np.diff(np.concatenate([[0.0], _below(one, edges)])) for one in (before, after)]
        labels = tuple(f"{edge:.4g}" for edge in edges)
    elif before.values and after.values:
        labels = tuple(dict.fromkeys([*before.values, *after.values]))[:n_buckets]
        shares = [
            np.array([one.values.get(name, 0) for name in labels]) / one.sample_size
            for one in (before, after)
        ]
    else:
        return None
    return Comparison(
        labels=labels, before=tuple(shares[0].tolist()), after=tuple(shares[1].tolist())
    )


def _column(
    name: str, before: ColumnProfile | None, after: ColumnProfile | None, rules: DriftRules
) -> ColumnDrift:
    if before is None or after is None:
        reason = "the column is new" if before is None else "the column is gone"
        return ColumnDrift(column=name, level=DriftLevel.LARGE, reasons=(reason,))
    judged = _Judged()
    _gaps(before, after, rules, judged)
    if _is_empty(before) or _is_empty(after):  # of what kind it is nobody knows
        return _found(before, after, judged)
    if before.kind is not after.kind and not (before.kind.is_numeric and after.kind.is_numeric):
        reason = f"{before.kind} has become {after.kind}"
        return ColumnDrift(column=name, level=DriftLevel.LARGE, reasons=(reason,))
    measured: dict[str, float] = {}
    if before.sample_size and after.sample_size:
        if before.kind.is_numeric:
            measured |= _numbers(before, after, rules, judged)
        elif before.values and after.values:
            measured |= _categories(before, after, rules, judged)
        elif bool(before.values) != bool(after.values):  # else too many to compare in either
            words = f"{before.distinct_count} different values before, {after.distinct_count} after"
            judged.judge(DriftLevel.SOME, words)
    return _found(before, after, judged, **measured)


def _found(
    before: ColumnProfile, after: ColumnProfile, judged: "_Judged", **measured: float
) -> ColumnDrift:
    return ColumnDrift(
        column=before.name,
        level=judged.level,
        reasons=tuple(judged.reasons),
        null_before=before.null_share,
        null_after=after.null_share,
        nonfinite_before=before.nonfinite_share,
        nonfinite_after=after.nonfinite_share,
        **measured,
    )


def _is_empty(column: ColumnProfile) -> bool:
    return column.count > 0 and column.null_count == column.count


def _gaps(
    before: ColumnProfile, after: ColumnProfile, rules: DriftRules, judged: "_Judged"
) -> None:
    """What is there and what is a number, before it matters which one."""
    if not (before.count and after.count):
        return
    pairs = (
        ("absent values", before.null_share, after.null_share, rules.null),
        ("infinities", before.nonfinite_share, after.nonfinite_share, rules.nonfinite),
    )
    for what, was, now, threshold in pairs:
        judged.judge(threshold.level(abs(now - was)), f"{what} {was:.1%} before, {now:.1%} after")
    usable = [one.count > one.null_count + one.nonfinite_count for one in (before, after)]
    if usable[0] and not usable[1]:
        judged.judge(DriftLevel.LARGE, "no value is left")
    elif usable[1] and not usable[0]:
        judged.judge(DriftLevel.LARGE, "there was no value before")


class _Judged:
    def __init__(self) -> None:
        self.level = DriftLevel.NONE
        self.reasons: list[str] = []

    def judge(self, level: DriftLevel, reason: str) -> None:
        if level is not DriftLevel.NONE:
            self.reasons.append(reason)
            self.level = max(self.level, level, key=lambda one: one.rank)


def _numbers(
    before: ColumnProfile, after: ColumnProfile, rules: DriftRules, judged: _Judged
) -> dict[str, float]:
    points = np.unique(np.concatenate([_points(before), _points(after)]))
    below_before, below_after = _below(before, points), _below(after, points)
    ks = float(np.abs(below_before - below_after).max())
    edges = _edges(before)
    n, m = before.sample_size, after.sample_size
    psi = _psi(_shares(before, edges), _shares(after, edges), n, m)
    if ks > _KS_BOUND * math.sqrt((n + m) / (n * m)):
        judged.judge(rules.ks.level(ks), f"distribution functions are {ks:.3f} apart (KS)")
    if psi > _by_chance(len(edges) + 1, n, m):
        judged.judge(rules.psi.level(psi), f"PSI is {psi:.3f}")
    return {"psi": psi, "ks": ks}


def _categories(
    before: ColumnProfile, after: ColumnProfile, rules: DriftRules, judged: _Judged
) -> dict[str, float]:
    names = list(dict.fromkeys([*before.values, *after.values]))
    shares = [
        np.array([profile.values.get(name, 0) for name in names]) / profile.sample_size
        for profile in (before, after)
    ]
    n, m = before.sample_size, after.sample_size
    psi = _psi(shares[0], shares[1], n, m)
    shift = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if psi > _by_chance(len(names), n, m):
        judged.judge(rules.psi.level(psi), f"PSI is {psi:.3f}")
        judged.judge(rules.shift.level(shift), f"{shift:.1%} of the rows are in other categories")
    new = [name for name in after.values if name not in before.values]
    if new and judged.level is not DriftLevel.NONE:
        more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
        judged.reasons.append(f"new: {', '.join(new[:_MOST_NAMED])}{more}")
    return {"psi": psi, "shift": shift}


def _points(column: ColumnProfile) -> NDArray[np.float64]:
    """Where its distribution function is known."""
    return np.array([float(v) for v in column.values] if column.values else column.quantiles)


def _below(column: ColumnProfile, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of values at or below each point."""
    if column.values:
        return _exactly_below(column.values, points)
    quantiles = np.array(column.quantiles)
    n = len(quantiles) - 1
    at_most = np.searchsorted(quantiles, points, side="right") - 1  # the last one at or below
    inside = (at_most >= 0) & (at_most < n)
    low = quantiles[np.clip(at_most, 0, n)]
    width = quantiles[np.clip(at_most + 1, 0, n)] - low
    between = np.where(inside & (width > 0), (points - low) / np.where(width > 0, width, 1.0), 0.0)
    return np.clip((at_most + between) / n, 0.0, 1.0)


def _exactly_below(values: Mapping[str, int], points: NDArray[np.float64]) -> NDArray[np.float64]:
    numbers = np.array([float(value) for value in values])
    order = np.argsort(numbers)
    sums = np.concatenate([[0], np.cumsum(np.array(list(values.values()))[order])])
    return sums[np.searchsorted(numbers[order], points, side="right")] / sums[-1]


def _edges(column: ColumnProfile) -> NDArray[np.float64]:
    """Upper ends of the buckets but the last: its deciles, or its values where these are few."""
    if 0 < len(column.values) <= 2 * _BUCKETS:
        return np.sort(_points(column))
    every = np.linspace(0, 1, _BUCKETS + 1)[1:-1]
    if column.values:
        numbers = np.sort(_points(column))
        below = _exactly_below(column.values, numbers)
        return np.unique(numbers[np.searchsorted(below, every)])
    return np.unique(np.interp(every, np.linspace(0, 1, len(column.quantiles)), column.quantiles))


def _shares(column: ColumnProfile, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diff(np.concatenate([[0.0], _below(column, edges), [1.0]]))


def _psi(before: NDArray[np.float64], after: NDArray[np.float64], n: int, m: int) -> float:
    """Of shares in buckets of `n` and of `m` values."""
    # An empty bucket has half a value in it: its logarithm has to be a number.
    least = max(_LEAST_SHARE, 0.5 / min(n, m))
    before, after = np.maximum(before, least), np.maximum(after, least)
    return float(((after - before) * np.log(after / before)).sum())


def _by_chance(n_buckets: int, n: int, m: int) -> float:
    """What PSI stays below in 99 of 100 pairs of samples of one population.

    The quantile of the chi-squared distribution by Wilson and Hilferty's formula: right to 1 %.
    """
    freedom = max(1, n_buckets - 1)
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + _Z * math.sqrt(spread)) ** 3 * (1 / n + 1 / m)
