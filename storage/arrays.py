"""Arrays of the database as columns of numpy, without a Python object for each value."""

from typing import Any, TypeVar

import numpy as np
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.rows import RowFactory

_HEADER_BYTES = 20  # dimensions, whether there are nulls, type; length and lower bound of the first


Row = TypeVar("Row")


class _Int64s(Loader):
    format = Format.BINARY
    dtype = np.dtype([("length", ">i4"), ("value", ">i8")])

    def load(self, data: Buffer) -> Any:
        """An array without nulls, of one dimension or empty."""
        body = bytes(data)[_HEADER_BYTES:]
        rows = np.frombuffer(body, dtype=self.dtype)
        return rows["value"].astype(self.dtype["value"].newbyteorder("="))


class _Float64s(_Int64s):
    dtype = np.dtype([("length", ">i4"), ("value", ">f8")])


def column_cursor(
    connection: psycopg.Connection[tuple[Any, ...]], row_factory: RowFactory[Row]
) -> psycopg.Cursor[Row]:
    """A cursor whose arrays of bigint and of double precision are numpy's; they hold no nulls."""
    cursor = psycopg.Cursor(connection, row_factory=row_factory)
    cursor.format = Format.BINARY
    cursor.adapters.register_loader(types["int8"].array_oid, _Int64s)
    cursor.adapters.register_loader(types["float8"].array_oid, _Float64s)
    return cursor
