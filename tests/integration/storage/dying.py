"""A process that is killed at one of the moments at which something has just been done for good.

These are statements that write, their commits (before and after), and what an artifact store does.
The process is another one: nothing of it is left but what it has written.
"""

import itertools
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.folder import ArtifactFolder

_WRITES = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:INSERT|UPDATE|DELETE|COPY|CALL|WITH|SELECT (?:leave|delete)_)",
    re.IGNORECASE,
)
_STORES = {ArtifactFolder: ("put", "delete", "set_owner"), ArtifactBucket: ("move",)}
_SECONDS = 60


def moments(work: Callable[..., object], *arguments: Any, told: Path) -> int:
    """How many such moments there are when nobody is killed.

    Args:
        work: A function of a module; it is called in the other process.
        told: A file that is written and read for it.
    """
    assert _process(work, arguments, 0, told) == 0
    return int(told.read_text())


def killed_at(moment: int, work: Callable[..., object], *arguments: Any, told: Path) -> bool:
    """Whether the process was killed there, counted from 1; else there was no such moment."""
    code = _process(work, arguments, moment, told)
    assert code in {0, -signal.SIGKILL}, code
    return code == -signal.SIGKILL


def _process(work: Callable[..., object], arguments: Any, moment: int, told: Path) -> int | None:
    # Imports what it needs once, and is copied then.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["storage.retention.keeper", "pyarrow.parquet", __name__])
    process = context.Process(target=_live, args=(work, arguments, moment, str(told)))
    process.start()
    process.join(timeout=_SECONDS)
    return process.exitcode


def _live(work: Callable[..., object], arguments: Any, moment: int, told: str) -> None:
    passed = itertools.count(1)
    written: set[int] = set()  # connections whose transaction has
    seen = 0

    def pass_by() -> None:
        nonlocal seen
        seen = next(passed)
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit

    def executed(cursor: Any, query: Any, *rest: Any, **named: Any) -> Any:
        done = execute(cursor, query, *rest, **named)
        if isinstance(query, str) and _WRITES.match(query):
            written.add(id(cursor.connection))
            pass_by()
        return done

    def committed(connection: Any) -> None:
        has_written = id(connection) in written
        written.discard(id(connection))
        if has_written:
            pass_by()
        commit(connection)
        if has_written:
            pass_by()

    setattr(psycopg.Cursor, "execute", executed)  # noqa: B010 - of the process that is killed
    setattr(psycopg.Connection, "commit", committed)  # noqa: B010 - likewise
    for store, names in _STORES.items():
        for name in names:
            _surround(store, name, pass_by)
    work(*arguments)
    Path(told).write_text(str(seen))


def _surround(store: type, name: str, pass_by: Callable[[], None]) -> None:
    original = getattr(store, name)

    def surrounded(*arguments: Any, **named: Any) -> Any:
        pass_by()
        done = original(*arguments, **named)
        pass_by()
        return done

    setattr(store, name, surrounded)
