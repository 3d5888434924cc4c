"""Tables read and written a piece at a time, every value that nobody changes as it was.

`tables` says what values mean; here a ``007``, an ``NA`` or a whole number with gaps beside it stays
what it is in the file.
"""

import contextlib
import csv
import gzip
import importlib
import io
import itertools
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from storage.datasets import tables
from storage.datasets.tables import format_of, readable

_LONGEST_VALUE = 64 * 1024 * 1024  # characters; without an end a quote takes in the whole file
Change = Callable[[object], str | float]  #: of a value that is there


class RawPiece(Protocol):
    """Some rows of a table, as the file has them."""

    def __len__(self) -> int:
        """Rows."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Of the columns."""
        ...

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Let the other rows go."""
        ...

    def drop(self, name: str) -> None:
        """Let a column go."""
        ...

    def change(self, name: str, change: Change, *, is_number: bool) -> None:
        """Put what `change` makes of it in the place of every value of a column; `is_number`: of numbers."""
        ...


Writer = Callable[[RawPiece], None]


def raw_pieces(place: Path, path: str) -> Iterator[RawPiece]:
    """All rows of a table, at least one piece where it has named columns.

    Raises:
        NoTable: It cannot be read as what its name says.
    """
    with readable():
        match format_of(path):
            case ".parquet":
                yield from _arrow_pieces(place)
            case ".jsonl" | ".ndjson":
                with _opened(place, path) as opened:
                    yield from _json_pieces(opened)
            case _:
                with _opened(place, path) as opened:
                    yield from _text_pieces(opened, _separator(path))


@contextlib.contextmanager
def raw_writer(target: Path) -> Generator[Writer, None, None]:
    """Appends pieces to a new file of the format that its name says."""
    ending = format_of(target.name)
    if ending == ".parquet":
        with _arrow_writer(target) as write:
            yield write
        return
    with target.open("x", encoding="utf-8", newline="") as opened:
        if ending in {".jsonl", ".ndjson"}:
            yield lambda piece: _write_json(opened, cast("_JsonPiece", piece))
        else:
            yield _text_writer(opened, _separator(target.name))


# Lines of values: CSV and TSV.


@dataclass(slots=True)
class _TextPiece:
    header: list[str]
    rows: list[list[str]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> Sequence[str]:
        return self.header

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        self.rows = list(itertools.compress(self.rows, is_kept.tolist()))

    def drop(self, name: str) -> None:
        at = self.header.index(name)
        self.header = self.header[:at] + self.header[at + 1 :]
        for row in self.rows:
            del row[at]

    def change(self, name: str, change: Change, *, is_number: bool) -> None:
        at = self.header.index(name)
        for row in self.rows:
            if not _is_absent(row[at], is_number=is_number):
                made = change(row[at])
                row[at] = made if isinstance(made, str) else _whole(float(made))


def _text_pieces(opened: TextIO, separator: str) -> Iterator[RawPiece]:
    csv.field_size_limit(_LONGEST_VALUE)
    reader = csv.reader(opened, delimiter=separator)
    try:
        first = next((row for row in reader if row), None)
        if first is None:
            raise ValueError("it is empty")
        header, n = _named(first), len(first)
        lines = (_line(row, n, reader.line_num) for row in reader if row)
        yield _TextPiece(header, [])
        while rows := list(itertools.islice(lines, tables.ROWS_AT_ONCE)):
            yield _TextPiece(header, rows)
    except csv.Error as exc:
        raise ValueError(f"line {reader.line_num}: {exc}") from exc


def _line(row: list[str], n: int, number: int) -> list[str]:
    """Exactly `n` values: an empty one too many is a separator at the end of the line."""
    if any(row[n:]):
        raise ValueError(f"line {number} has {len(row)} values in {n} columns")
    return row[:n] + [""] * (n - len(row))


def _named(header: list[str]) -> list[str]:
    """Columns as pandas calls them, and so the profile: each has a name of its own."""
    pandas: Any = importlib.import_module("pandas")
    text = io.StringIO()
    csv.writer(text).writerow(header)
    text.seek(0)
    return [str(name) for name in pandas.read_csv(text, nrows=0).columns]


def _text_writer(opened: TextIO, separator: str) -> Writer:
    writer = csv.writer(opened, delimiter=separator, lineterminator="\n")
    is_first = True

    def write(piece: RawPiece) -> None:
        nonlocal is_first
        text = cast("_TextPiece", piece)
        if is_first:
            writer.writerow(text.header)
        is_first = False
        writer.writerows(text.rows)

    return write


def _whole(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


# Lines of JSON.


@dataclass(slots=True)
class _JsonPiece:
    rows: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> Sequence[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        self.rows = list(itertools.compress(self.rows, is_kept.tolist()))

    def drop(self, name: str) -> None:
        for row in self.rows:
            row.pop(name, None)

    def change(self, name: str, change: Change, *, is_number: bool) -> None:
        for row in self.rows:
            value = row.get(name)
            if not _is_absent(value, is_number=is_number):
                row[name] = change(value)


def _json_pieces(opened: TextIO) -> Iterator[RawPiece]:
    rows = (_object(line) for line in opened if line.strip())
    while piece := list(itertools.islice(rows, tables.ROWS_AT_ONCE)):
        yield _JsonPiece(piece)


def _object(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("a line is no object")  # noqa: TRY004 - of the file, not of an argument
    return cast("dict[str, Any]", value)


def _write_json(opened: TextIO, piece: _JsonPiece) -> None:
    opened.writelines(f"{json.dumps(row)}\n" for row in piece.rows)


# Parquet.


@dataclass(slots=True)
class _ArrowPiece:
    table: Any

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def names(self) -> Sequence[str]:
        return list(self.table.column_names)

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        self.table = self.table.filter(_arrow().array(is_kept))

    def drop(self, name: str) -> None:
        self.table = self.table.drop_columns([name])

    def change(self, name: str, change: Change, *, is_number: bool) -> None:
        arrow = _arrow()
        kind = arrow.float64() if is_number else arrow.string()
        values = [
            None if _is_absent(value, is_number=is_number) else change(value)
            for value in self.table[name].to_pylist()
        ]
        at = self.table.column_names.index(name)
        self.table = self.table.set_column(at, name, arrow.array(values, type=kind))


def _arrow_pieces(place: Path) -> Iterator[RawPiece]:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    arrow = _arrow()
    with parquet.ParquetFile(place) as opened:
        # Without what pandas notes of the columns, which is not true of them any more.
        schema = opened.schema_arrow.remove_metadata()
        yield _ArrowPiece(schema.empty_table())
        for batch in opened.iter_batches(batch_size=tables.ROWS_AT_ONCE):
            yield _ArrowPiece(arrow.Table.from_batches([batch]).cast(schema))


@contextlib.contextmanager
def _arrow_writer(target: Path) -> Generator[Writer, None, None]:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    writers: list[Any] = []

    def write(piece: RawPiece) -> None:
        table = cast("_ArrowPiece", piece).table
        if not writers:
            writers.append(parquet.ParquetWriter(target, table.schema))
        if len(piece):
            writers[0].write_table(table)

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


def _arrow() -> Any:
    return importlib.import_module("pyarrow")


def _opened(place: Path, path: str) -> TextIO:
    if path.lower().endswith(".gz"):
        return gzip.open(place, "rt", encoding="utf-8-sig", newline="")
    return place.open(encoding="utf-8-sig", newline="")


def _separator(path: str) -> str:
    return "\t" if format_of(path) == ".tsv" else ","


def _is_absent(value: object, *, is_number: bool) -> bool:
    """A word for an absent number stays; among other values it may be anybody's name."""
    if isinstance(value, str):
        return value in tables.ABSENT if is_number else not value
    return value is None or value != value  # noqa: PLR0124 - NaN
