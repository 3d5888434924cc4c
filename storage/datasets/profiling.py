"""Profiles of datasets, in bounded memory: files are read piece by piece."""

from collections.abc import Iterable

from storage.datasets.column_summary import ColumnSummary
from storage.datasets.manifests import FoundFile
from storage.datasets.tables import NoTable, format_of, pieces
from sweeps.data_profiles import Profile

_MOST_SAMPLED = 100_000  # values of a column
_LEAST_SAMPLED = 1_000
_MOST_CELLS = 5_000_000  # of all samples together: some hundred megabytes
_MOST_COLUMNS = 2_000  # that are looked at; a matrix of pixels as a table has more
_MOST_NOTES = 20


def profile_files(files: Iterable[FoundFile], *, seed: int = 0) -> Profile:
    """What is in the tables and arrays among `files`. Columns of one name are one column.

    Row counts, absent values, least, greatest, mean and deviation are exact; the rest is of a seeded
    sample.
    """
    profiling = _Profiling(seed)
    for file in files:
        profiling.add(file)
    return profiling.profile()


class _Profiling:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._columns: dict[str, ColumnSummary] = {}
        self._row_count: int | None = None
        self._limit = _MOST_SAMPLED
        self._notes: list[str] = []
        self._n_left_out = 0
        self._not_seen: set[str] = set()

    def add(self, file: FoundFile) -> None:
        if format_of(file.path) is None:
            return
        n_rows = 0
        try:
            for piece in pieces(file.place, file.path):
                n_rows += piece.row_count
                if not self._columns:  # the first ones say how wide it is
                    self._limit = _sample_limit(len(piece.columns))
                for column in piece.columns:
                    summary = self._column(column.name)
                    if summary is not None:
                        summary.add(column)
        except NoTable as exc:
            # What was read of it before stays in the sums: a cut table is still mostly one.
            self._note(f"{file.path} is no whole table: {exc}")
            if not n_rows:
                return
        self._row_count = (self._row_count or 0) + n_rows

    def _column(self, name: str) -> ColumnSummary | None:
        found = self._columns.get(name)
        if found is None:
            if len(self._columns) >= _MOST_COLUMNS:
                self._not_seen.add(name)
                return None
            found = ColumnSummary(name, seed=self._seed, limit=self._limit)
            self._columns[name] = found
        return found

    def _note(self, sentence: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(sentence)
        else:
            self._n_left_out += 1

    def profile(self) -> Profile:
        notes = list(self._notes)
        if self._n_left_out:
            notes.append(f"{self._n_left_out} more files are no whole tables")
        if self._not_seen:
            notes.append(f"only the first {_MOST_COLUMNS} columns are summed up")
        return Profile(
            row_count=self._row_count,
            columns=tuple(summary.profile() for summary in self._columns.values()),
            sample_limit=self._limit,
            seed=self._seed,
            notes=tuple(notes),
        )


def _sample_limit(n_columns: int) -> int:
    return max(_LEAST_SAMPLED, min(_MOST_SAMPLED, _MOST_CELLS // max(1, n_columns)))
