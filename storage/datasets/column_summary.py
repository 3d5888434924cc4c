"""One column, seen a piece at a time: what is exact of all its values, and a sample of them."""

import math
import zlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from storage.datasets.tables import ColumnPiece
from sweeps.data_profiles import MOST_VALUES, QUANTILES, ColumnKind, ColumnProfile, Histogram

_BUCKETS = 20
_LONGEST_VALUE = 100  # characters of a value that is counted
#: Kinds that a column can have in turn, and what it is then. Any other two are text.
_TOGETHER = {frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER}): ColumnKind.NUMBER}


class ColumnSummary:
    """What has been seen of a column so far.

    The sample is the same for the same values in the same order, however they were cut into pieces:
    each value draws a random key, and those with the least keys stay.

    Args:
        limit: Values that the sample may have.
    """

    def __init__(self, name: str, *, seed: int, limit: int) -> None:
        self.name = name
        self._limit = limit
        self._random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        self._kind: ColumnKind | None = None
        self._dtype = ""
        self._count = self._null_count = self._nonfinite_count = 0
        self._n_numbers = 0
        self._mean = self._squares = 0.0
        self._min, self._max = math.inf, -math.inf
        self._keys: NDArray[np.float64] = np.empty(0)
        self._sample: NDArray[Any] = np.empty(0, dtype=object)

    def add(self, piece: ColumnPiece) -> None:
        """Take in the next values."""
        values = piece.values
        self._count += len(values)
        if piece.kind is None:
            self._null_count += len(values)
            self._dtype = self._dtype or piece.dtype
            return
        self._widen(piece)
        if piece.kind.is_numeric:
            numbers = cast("NDArray[np.float64]", values)
            is_absent = np.isnan(numbers)
            present = numbers[~is_absent]
            finite = present[np.isfinite(present)]
            self._nonfinite_count += len(present) - len(finite)
            self._add_numbers(finite)
            is_among_words = self._kind is not None and not self._kind.is_numeric
            self._keep(_words(finite, piece.kind) if is_among_words else finite)
        else:
            is_absent = np.array([value is None for value in values], dtype=bool)
            self._keep(values[~is_absent])
        self._null_count += int(is_absent.sum())

    def profile(self) -> ColumnProfile:
        """All of it."""
        kind = self._kind or ColumnKind.OTHER
        if not kind.is_numeric:
            return self._of_words(kind)
        sample = np.sort(self._sample.astype(np.float64))
        levels = np.linspace(0.0, 1.0, QUANTILES)
        quantiles = np.quantile(sample, levels, method="inverted_cdf") if len(sample) else sample
        n = self._n_numbers
        return ColumnProfile(
            name=self.name,
            kind=kind,
            dtype=self._dtype,
            count=self._count,
            null_count=self._null_count,
            nonfinite_count=self._nonfinite_count,
            min=self._min if n else None,
            max=self._max if n else None,
            mean=_finite(self._mean) if n else None,
            std=_finite(math.sqrt(self._squares / n)) if n else None,
            sample_size=len(sample),
            quantiles=tuple(quantiles.tolist()),
            histogram=_histogram(sample),
            **_counted(list(_words(sample, kind))),
        )

    def _of_words(self, kind: ColumnKind) -> ColumnProfile:
        counted = {} if kind is ColumnKind.OTHER else _counted([str(v) for v in self._sample])
        return ColumnProfile(
            name=self.name,
            kind=kind,
            dtype=self._dtype,
            count=self._count,
            null_count=self._null_count,
            sample_size=len(self._sample),
            **counted,
        )

    def _widen(self, piece: ColumnPiece) -> None:
        assert piece.kind is not None  # the caller has looked
        if self._kind is None or self._kind is piece.kind:
            self._kind, self._dtype = piece.kind, piece.dtype
            return
        kind = _TOGETHER.get(frozenset({self._kind, piece.kind}), ColumnKind.TEXT)
        if self._kind.is_numeric and not kind.is_numeric:
            # Numbers and words in one column: from now on all of it is words.
            self._sample = _words(self._sample, self._kind)
        self._kind, self._dtype = kind, piece.dtype

    def _add_numbers(self, numbers: NDArray[np.float64]) -> None:
        """Mean and squared deviation of both parts together (Chan, Golub and LeVeque 1979)."""
        n = len(numbers)
        if not n:
            return
        mean = float(numbers.mean())
        squares = float(((numbers - mean) ** 2).sum())
        before, both = self._n_numbers, self._n_numbers + n
        delta = mean - self._mean
        self._squares += squares + delta * delta * before * n / both
        self._mean += delta * n / both
        self._n_numbers = both
        self._min = min(self._min, float(numbers.min()))
        self._max = max(self._max, float(numbers.max()))

    def _keep(self, values: NDArray[Any]) -> None:
        keys = self._random.random(len(values))
        if len(self._keys) == self._limit:  # most have no chance any more
            chance = keys < self._keys.max()
            keys, values = keys[chance], values[chance]
        if not len(values):
            return
        if self._kind is not None and not self._kind.is_numeric:
            values = np.array([str(value)[:_LONGEST_VALUE] for value in values], dtype=object)
        keys = np.concatenate([self._keys, keys])
        kept = np.concatenate([self._sample, values])
        if len(keys) > self._limit:
            least = np.argpartition(keys, self._limit - 1)[: self._limit]
            keys, kept = keys[least], kept[least]
        self._keys, self._sample = keys, kept


def _counted(words: list[str]) -> dict[str, Any]:
    values, counts = np.unique(np.array(words, dtype=object), return_counts=True)
    found: dict[str, Any] = {"distinct_count": len(values)}
    # As many values as there are rows are names or numbers of things, not classes.
    if len(values) <= MOST_VALUES and (len(values) <= 20 or len(values) <= len(words) / 2):
        pairs = sorted(zip(values, counts, strict=True), key=lambda p: (-int(p[1]), str(p[0])))
        found["values"] = {_plain(str(value)): int(count) for value, count in pairs}
    return found


def _plain(text: str) -> str:
    """What JSON in PostgreSQL can hold."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _words(numbers: NDArray[Any], kind: ColumnKind) -> NDArray[Any]:
    return np.array([_number(value, kind) for value in numbers.tolist()], dtype=object)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float, kind: ColumnKind) -> str:
    is_whole = kind is ColumnKind.INTEGER and abs(value) < 1e15
    return str(int(value)) if is_whole else repr(float(value))


def _histogram(sample: NDArray[np.float64]) -> Histogram | None:
    if not len(sample):
        return None
    low, high = float(sample[0]), float(sample[-1])
    if not math.isfinite(high - low):  # as wide as floats are
        return None
    try:
        counts, edges = np.histogram(sample, bins=_BUCKETS, range=(low, high))
    except ValueError:  # floats that far from zero are too few for so many edges
        return None
    return Histogram(
        low=float(edges[0]), high=float(edges[-1]), counts=tuple(int(n) for n in counts)
    )
