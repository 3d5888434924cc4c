"""Curves as Parquet files of a bounded size: key, time, and whatever a tier has of them."""

import importlib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FILE_BYTES = 8 * 2**20  # of a file before the next begins; well below what has to come in parts
_ROWS = 500_000  # of a row group: what is held in memory of one curve is all of it, as columns

Columns = Mapping[str, NDArray[np.int64] | NDArray[np.float64]]


def curve_files(curves: Iterable[tuple[str, Columns]]) -> Iterator[bytes]:
    """The content of each file; the same curves give the same files.

    Args:
        curves: Keys with their columns, all of one length and the same in every curve. `time` is in
            tenths of a second since 1970, and comes out as an instant.
    """
    pq: Any = importlib.import_module("pyarrow.parquet")
    sink, writer = io.BytesIO(), None
    for key, columns in curves:
        count = len(columns["time"])
        for first in range(0, count, _ROWS):
            table = _table(key, {name: one[first : first + _ROWS] for name, one in columns.items()})
            writer = writer or pq.ParquetWriter(sink, table.schema, compression="zstd")
            writer.write_table(table)
            if sink.tell() > _FILE_BYTES:
                writer.close()
                yield sink.getvalue()
                sink, writer = io.BytesIO(), None
    if writer is not None:
        writer.close()
        yield sink.getvalue()


def _table(key: str, columns: Columns) -> Any:
    pa: Any = importlib.import_module("pyarrow")
    count = len(columns["time"])
    keys = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [key])
    times = pa.array(columns["time"] * 100).cast(pa.timestamp("ms", tz="UTC"))
    return pa.table({"key": keys, **columns, "time": times})
