"""Files as columns, a piece at a time: CSV, TSV, Parquet, lines of JSON, NumPy's arrays.

Pandas and PyArrow say too little of their types for strict checking: here they are `Any`, and what
leaves this module is NumPy's. What cannot be read as a table is bytes, and says why.
"""

import contextlib
import csv
import gzip
import importlib
import itertools
import warnings
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from sweeps.data_profiles import ColumnKind

ROWS_AT_ONCE = 50_000
_BYTES_AT_ONCE = 16 * 1024 * 1024  # of an array
_TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
_ARRAYS = (".npy", ".npz")
#: What pandas takes for an absent value in text.
ABSENT = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
     "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
)  # fmt: skip


class NoTable(Exception):
    """A file that looks like a table by its name and cannot be read as one."""


@dataclass(frozen=True, slots=True)
class ColumnPiece:
    """Some values of a column.

    Attributes:
        values: Floats of a numeric kind, NaN where absent; else objects, None where absent.
    """

    name: str
    kind: ColumnKind | None  #: None: all absent, so that nobody knows
    dtype: str
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file; arrays of one file may be of different lengths."""

    row_count: int  #: that this piece adds to the file
    columns: tuple[ColumnPiece, ...]


def format_of(path: str) -> str | None:
    """``.csv`` and so on; None: bytes."""
    name = path.lower().removesuffix(".gz")
    is_packed = name != path.lower()
    ending = next((e for e in (*_TABLES, *_ARRAYS) if name.endswith(e)), None)
    return None if is_packed and ending in {".parquet", *_ARRAYS} else ending


def is_frame(path: str) -> bool:
    """Whether the file is rows of columns, not arrays."""
    return format_of(path) in _TABLES


def pieces(place: Path, path: str) -> Iterator[Piece]:
    """All of a file whose `format_of` is known.

    Raises:
        NoTable: It cannot be read as what its name says.
    """
    with readable():
        if format_of(path) in _ARRAYS:
            yield from _array_pieces(place)
        else:
            for frame in _frames(place, path):
                yield Piece(len(frame), tuple(_columns(frame)))


def frames(place: Path, path: str) -> Iterator[Any]:
    """Frames of pandas, `ROWS_AT_ONCE` rows each.

    Raises:
        NoTable: It cannot be read as what its name says.
    """
    with readable():
        yield from _frames(place, path)


@contextlib.contextmanager
def readable() -> Generator[None, None, None]:
    """Whatever a parser raises is `NoTable`."""
    try:
        with warnings.catch_warnings():  # of columns that look like several types, and such
            warnings.simplefilter("ignore")
            yield
    # Bytes that are no table: the file is kept all the same.
    except (ValueError, OSError, ArithmeticError, LookupError, TypeError, EOFError,
            zipfile.BadZipFile, csv.Error) as exc:  # fmt: skip
        said = str(exc).strip().splitlines()
        raise NoTable(said[0][:200] if said else type(exc).__name__) from exc


def _frames(place: Path, path: str) -> Iterator[Any]:
    kind = format_of(path)
    packed = "gzip" if path.lower().endswith(".gz") else None
    if kind == ".parquet":
        parquet: Any = importlib.import_module("pyarrow.parquet")
        with parquet.ParquetFile(place) as opened:
            for batch in opened.iter_batches(batch_size=ROWS_AT_ONCE):
                # What pandas has noted as an index is a column, too, and may be names.
                yield batch.to_pandas(ignore_metadata=True)
        return
    pandas: Any = importlib.import_module("pandas")
    if kind in {".jsonl", ".ndjson"}:
        reader = pandas.read_json(
            place,
            lines=True,
            chunksize=ROWS_AT_ONCE,
            compression=packed,
            dtype=False,  # JSON says itself what is a number
            convert_axes=False,
            precise_float=True,
        )
    else:
        separator = "\t" if kind == ".tsv" else ","
        reader = pandas.read_csv(
            place,
            sep=separator,
            chunksize=ROWS_AT_ONCE,
            compression=packed,
            # Else the first column is taken for names of the rows, and the others move by one.
            index_col=False if _ends_in_separator(place, packed, separator) else None,
        )
    with reader:
        yield from reader


def _ends_in_separator(place: Path, packed: str | None, separator: str) -> bool:
    """Whether the first row has an empty value more than there are names."""
    with gzip.open(place, "rt", newline="") if packed else place.open(newline="") as opened:
        rows = (row for row in csv.reader(opened, delimiter=separator) if row)
        first = list(itertools.islice(rows, 2))
    return len(first) == 2 and len(first[1]) == len(first[0]) + 1 and not first[1][-1]


def _columns(frame: Any) -> Iterator[ColumnPiece]:
    for index, name in enumerate(frame.columns):
        series = frame.iloc[:, index]  # by place: a name may be there twice
        kind, values = as_values(series)
        yield ColumnPiece(str(name), kind, str(series.dtype), values)


def as_values(series: Any) -> tuple[ColumnKind | None, NDArray[Any]]:
    """A column of pandas as its kind and values; see `ColumnPiece`."""
    types: Any = importlib.import_module("pandas.api.types")
    absent = cast("NDArray[np.bool_]", series.isna().to_numpy())
    if bool(absent.all()):
        return None, np.full(len(series), None, dtype=object)
    if types.is_bool_dtype(series.dtype):
        return ColumnKind.BOOLEAN, _texts(series.astype(str).str.lower(), absent)
    if types.is_datetime64_any_dtype(series.dtype):
        nanoseconds = series.to_numpy(dtype="datetime64[ns]").astype(np.int64)
        return ColumnKind.TIME, np.where(absent, np.nan, nanoseconds / 1e9)
    if types.is_numeric_dtype(series.dtype) and not types.is_complex_dtype(series.dtype):
        values = cast("NDArray[np.float64]", series.to_numpy(dtype=np.float64, na_value=np.nan))
        is_whole = types.is_integer_dtype(series.dtype) or (
            # Whole numbers with gaps have become floats on the way.
            bool(absent.any()) and bool(np.all(values[~absent] == np.floor(values[~absent])))
        )
        return (ColumnKind.INTEGER if is_whole else ColumnKind.NUMBER), values
    if types.is_timedelta64_dtype(series.dtype):
        return ColumnKind.NUMBER, series.dt.total_seconds().to_numpy(dtype=np.float64)
    return _objects(series, absent)


def _objects(series: Any, absent: NDArray[np.bool_]) -> tuple[ColumnKind, NDArray[Any]]:
    values = series.astype(object).to_numpy()
    present: list[object] = list(values[~absent])
    if all(isinstance(value, bool) for value in present):
        return ColumnKind.BOOLEAN, _texts(series.astype(str).str.lower(), absent)
    if any(isinstance(value, (list, dict, tuple, bytes, np.ndarray)) for value in present):
        return ColumnKind.OTHER, np.array([None if gone else "…" for gone in absent], dtype=object)
    return ColumnKind.TEXT, _texts(series.astype(str), absent)


def _texts(series: Any, absent: NDArray[np.bool_]) -> NDArray[Any]:
    values = np.array(series.astype(object).to_numpy(), dtype=object)
    values[absent] = None
    return values


# Arrays: never more of one in memory than a piece, whatever its shape.


def _array_pieces(place: Path) -> Iterator[Piece]:
    lengths: set[int] = set()
    if place.suffix.lower() == ".npy":
        with place.open("rb") as opened:
            yield from _array(cast("BinaryIO", opened), place.stem, lengths)
        return
    with zipfile.ZipFile(place) as archive:
        for member in archive.namelist():
            with archive.open(member) as opened:
                name = member.removesuffix(".npy")
                yield from _array(cast("BinaryIO", opened), name, lengths)


def _array(opened: BinaryIO, name: str, lengths: set[int]) -> Iterator[Piece]:
    """One array, its elements as the values of one column, whatever its shape."""
    shape, dtype = _header(opened)
    if dtype.hasobject or dtype.fields is not None:  # unpickling would run what is in the file
        raise NoTable(f"array {name!r} is of type {dtype}, which is not read")
    rest = list(shape[1:])
    label = f"{dtype}{rest}" if rest else str(dtype)
    # Arrays of one length are columns of the same rows.
    n_rows = shape[0] if shape else 1
    added = 0 if n_rows in lengths else n_rows
    lengths.add(n_rows)
    yield Piece(added, ())
    n_left = int(np.prod(shape, dtype=np.int64))
    n_at_once = max(1, _BYTES_AT_ONCE // max(1, dtype.itemsize))
    while n_left:
        n = min(n_left, n_at_once)
        raw = opened.read(n * dtype.itemsize)
        if len(raw) != n * dtype.itemsize:
            raise NoTable(f"array {name!r} ends too early")
        kind, values = _elements(np.frombuffer(raw, dtype=dtype))
        yield Piece(0, (ColumnPiece(name, kind, label, values),))
        n_left -= n


def _header(opened: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(opened)
    read: Any = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(opened)
    return cast("tuple[int, ...]", shape), cast("np.dtype[Any]", dtype)


def _elements(array: NDArray[Any]) -> tuple[ColumnKind | None, NDArray[Any]]:
    match array.dtype.kind:
        case "b":
            return ColumnKind.BOOLEAN, np.array([str(v).lower() for v in array], dtype=object)
        case "i" | "u":
            return ColumnKind.INTEGER, array.astype(np.float64)
        case "f":
            return ColumnKind.NUMBER, array.astype(np.float64)
        case "U" | "S":
            return ColumnKind.TEXT, np.array([str(v) for v in array], dtype=object)
        case _:
            return ColumnKind.OTHER, np.array(["…"] * len(array), dtype=object)
