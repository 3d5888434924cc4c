"""A version as one frame of pandas, for who has to have all columns of a row at once."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.datasets.manifests import place_of
from storage.datasets.tables import NoTable, format_of, frames, is_frame, pieces
from sweeps.data_profiles import ColumnKind
from sweeps.datasets import DatasetVersion, InvalidDataset

_MOST_CELLS = 20_000_000
_MOST_ROWS = 200_000  # a suite takes some seconds for them


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a version: all of them, or as many as fit, drawn by chance.

    Attributes:
        frame: Of pandas.
        row_count: How many rows there are in all.
    """

    frame: Any
    row_count: int

    @property
    def is_whole(self) -> bool:
        """Whether all rows are there."""
        return len(self.frame) == self.row_count


def sample_rows(version: DatasetVersion, *, seed: int = 0) -> Sample | None:
    """Rows of the tables of a version; None when it has none.

    Tables with other columns than the first one are put below it, absent where they have no value.
    Without a table, arrays of one dimension and of the same length are the columns.

    Raises:
        InvalidDataset: A file that was a table cannot be read as one any more.
    """
    kept = _Kept(np.random.default_rng(seed))
    for frame in _all_frames(version):
        kept.add(frame)
    frame = kept.frame()
    return None if frame is None else Sample(frame, kept.row_count)


def all_rows(version: DatasetVersion, *, columns: Sequence[str]) -> Iterator[Any]:
    """Every row that `sample_rows` draws from, in frames as large as that sample may be.

    Args:
        columns: Of every frame, absent where a table has none.

    Raises:
        InvalidDataset: A file that was a table cannot be read as one any more.
    """
    pandas: Any = importlib.import_module("pandas")
    waiting: list[Any] = []
    n_rows = 0
    for frame in _all_frames(version):
        limit = _limit(frame)
        if waiting and n_rows + len(frame) > limit:
            yield pandas.concat(waiting, ignore_index=True).reindex(columns=columns)
            waiting, n_rows = [], 0
        for start in range(0, len(frame), limit):  # of an array that is one piece
            part = frame.iloc[start : start + limit]
            if len(part) == limit:
                yield part.reset_index(drop=True).reindex(columns=columns)
            else:
                waiting.append(part)
                n_rows += len(part)
    if waiting:
        yield pandas.concat(waiting, ignore_index=True).reindex(columns=columns)


def _all_frames(version: DatasetVersion) -> Iterator[Any]:
    """Frames of all tables, a piece at a time; without a table, of the arrays."""
    pandas: Any = importlib.import_module("pandas")
    tables = [file for file in version.files if is_frame(file.path)]
    try:
        for file in tables:
            yield from frames(place_of(version.row.location, file.path), file.path)
        columns = {} if tables else _array_columns(version)
        if columns:
            yield pandas.DataFrame(columns)
    except NoTable as exc:
        raise InvalidDataset(f"{version} cannot be read: {exc}") from exc


@dataclass(slots=True)
class _Kept:
    """As many rows as fit, each with the same chance: those with the least random keys."""

    random: np.random.Generator
    row_count: int = 0
    _frames: list[Any] = field(default_factory=list[Any])
    _keys: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])

    def add(self, frame: Any) -> None:
        self.row_count += len(frame)
        self._frames.append(frame)
        self._keys.append(self.random.random(len(frame)))
        limit = _limit(frame)
        if sum(len(kept) for kept in self._frames) > 2 * limit:  # else every piece is copied often
            self._reduce(limit)

    def frame(self) -> Any:
        """None when there was none."""
        if not self._frames:
            return None
        self._reduce(_limit(self._frames[0]))
        return self._frames[0]

    def _reduce(self, limit: int) -> None:
        pandas: Any = importlib.import_module("pandas")
        frame, keys = pandas.concat(self._frames, ignore_index=True), np.concatenate(self._keys)
        if len(keys) > limit:
            least = np.sort(np.argpartition(keys, limit - 1)[:limit])
            frame, keys = frame.iloc[least].reset_index(drop=True), keys[least]
        self._frames, self._keys = [frame], [keys]


def _limit(frame: Any) -> int:
    return max(1, min(_MOST_ROWS, _MOST_CELLS // max(1, len(frame.columns))))


def _array_columns(version: DatasetVersion) -> dict[str, NDArray[Any]]:
    """Arrays of one dimension that have the most common length among them."""
    parts: dict[str, list[NDArray[Any]]] = {}
    for file in version.files:
        if format_of(file.path) is None or file.size_bytes > _MOST_CELLS:
            continue
        for piece in pieces(place_of(version.row.location, file.path), file.path):
            for column in piece.columns:
                is_flat = "[" not in column.dtype and column.kind is not ColumnKind.OTHER
                if is_flat:
                    parts.setdefault(column.name, []).append(column.values)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    lengths = [len(values) for values in columns.values()]
    if not lengths:
        return {}
    usual = max(set(lengths), key=lambda length: (lengths.count(length), length))
    return {name: values for name, values in columns.items() if len(values) == usual}
