"""Tables: rows as dicts, a frame of pandas, or columns and rows; stored as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from sweepworks.media.content import Content, NotMedia
from sweepworks.values import as_scalar, as_text

MAX_ROWS = 10_000
_MAX_COLUMNS = 1_000
_CELL_BYTES = 100  # a guess, for the bound on what waits


def table_content(
    table: Any, *, columns: Sequence[str] | None, rows: Iterable[Sequence[Any]] | None
) -> tuple[Content, int]:
    """A table, ready to be encoded; see `Run.log_table` for what it may be.

    Returns:
        The table with its first `MAX_ROWS` rows, and how many there were beyond.

    Raises:
        NotMedia: It is none.
    """
    names: list[Any]
    kept: list[tuple[Any, ...]]
    if columns is not None and rows is not None:
        names, every = list(columns), list(rows)
        kept, n_left_out = [tuple(row) for row in every[:MAX_ROWS]], len(every) - MAX_ROWS
    elif hasattr(table, "itertuples") and hasattr(table, "columns"):
        frame: Any = table
        names, kept = (
            list(frame.columns),
            [*islice(frame.itertuples(index=False, name=None), MAX_ROWS)],
        )
        n_left_out = len(frame) - MAX_ROWS
    else:
        names, kept, n_left_out = _of_dicts(table)
    if not 1 <= len(names) <= _MAX_COLUMNS:
        raise NotMedia(f"a table has 1 to {_MAX_COLUMNS} columns, not {len(names)}")
    if any(len(row) != len(names) for row in kept):
        raise NotMedia(f"a row does not have the {len(names)} values of its columns")
    size = _CELL_BYTES * (len(kept) + 1) * len(names)
    return Content("json", size, lambda: _encode(names, kept)), max(0, n_left_out)


def _of_dicts(table: Any) -> tuple[list[Any], list[tuple[Any, ...]], int]:
    """Columns in the order in which they come up; a row without one has null there."""
    if not isinstance(table, Iterable) or isinstance(table, (str, bytes, Mapping)):
        raise NotMedia("a table is a list of dicts, a frame, or columns= and rows=")
    given = cast("list[Any]", [*table])
    if not all(isinstance(row, Mapping) for row in given):
        raise NotMedia("a row of a table is a dict, or give columns= and rows=")
    dicts = cast("list[Mapping[Any, Any]]", given[:MAX_ROWS])
    names = list(dict.fromkeys(name for row in dicts for name in row))
    rows = [tuple(row.get(name) for name in names) for row in dicts]
    return names, rows, len(given) - MAX_ROWS


def _encode(names: Sequence[Any], rows: Iterable[Sequence[Any]]) -> bytes:
    document = {
        "columns": [as_text(name) for name in names],
        "rows": [[None if cell is None else as_scalar(cell) for cell in row] for row in rows],
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
