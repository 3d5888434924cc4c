"""Rows of a query, kept as a file: a table changes, its snapshot does not."""

import contextlib
import secrets
from pathlib import Path

from storage.database import connect
from sweeps.datasets import InvalidDataset
from sweeps.errors import StorageError

_ENDING = ".csv"


def snapshot(database_url: str, query: str, *, path: Path) -> int:
    """Write the rows of `query` to a CSV file that is not there yet.

    In one read-only transaction, so from one state of the database. An ORDER BY in the query makes
    equal rows an equal file.

    Args:
        query: One SELECT, as a person wrote it, with that person's rights on their database.

    Returns:
        How many rows there are.

    Raises:
        InvalidDataset: The path is taken or ends otherwise, or the query is none.
        StorageUnavailable: The database does not answer.
        OSError: The file cannot be written.
    """
    if path.suffix != _ENDING:
        raise InvalidDataset(f"{path} is where the rows are kept: give it a name with {_ENDING}")
    if path.exists():
        raise InvalidDataset(f"{path} is there already; a snapshot is a new file")
    # Under its own name only when it is whole: whoever is killed meanwhile leaves no half of it.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as opened, connect(database_url) as connection:
            connection.read_only = True
            # Bytes, not composed of a name or a value of ours: all of it is what the person asks.
            asked = query.strip().rstrip(";").encode()
            cursor = connection.cursor()
            with cursor.copy(b"COPY (" + asked + b"\n) TO STDOUT (FORMAT csv, HEADER)") as copy:
                for block in copy:
                    opened.write(block)
        partial.rename(path)
    except StorageError as exc:
        raise InvalidDataset(f"the query is refused: {exc}") from exc
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return cursor.rowcount
