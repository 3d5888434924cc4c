"""JSON files of an attempt, each replaced in one step. Standard library only: the shim uses it."""

import contextlib
import errno
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

FULL = {errno.ENOSPC, errno.EDQUOT}  #: no space, whoever says so
_TAIL_BYTES, _TAIL_LINES = 8192, 20


def read_json(path: Path) -> dict[str, Any] | None:
    """The document at `path`, or None when there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def write_json(path: Path, document: dict[str, Any], *, is_durable: bool = False) -> None:
    """Replace `path` in one step; `is_durable` waits until it would survive a power cut."""
    with _temporary(path) as temporary:
        _write(temporary, "w", document, is_durable=is_durable)
        temporary.replace(path)


def write_json_once(path: Path, document: dict[str, Any]) -> None:
    """Write `path` unless it is there already: of several writers the first one wins."""
    with _temporary(path) as temporary, contextlib.suppress(FileExistsError):
        _write(temporary, "w", document, is_durable=True)
        os.link(temporary, path)


def write_json_once_reserved(path: Path, document: dict[str, Any], *, reserved: Path) -> None:
    """As `write_json_once`, within the disk space of the file `reserved` where there is no other."""
    try:
        write_json_once(path, document)
    except OSError as exc:
        if exc.errno not in FULL or not reserved.exists():
            raise
        _write(reserved, "r+", document, is_durable=True)
        with contextlib.suppress(FileExistsError):
            os.link(reserved, path)


def write_json_reserved(path: Path, document: dict[str, Any], *, reserved: Path) -> None:
    """Replace `path` within the disk space of the file `reserved`, as far as that goes."""
    if not reserved.exists():
        write_json(path, document, is_durable=True)
        return
    _write(reserved, "r+", document, is_durable=True)
    reserved.replace(path)


def tail(path: Path) -> str:
    """The last lines of a file, whatever bytes are in it."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])
    return ""


@contextlib.contextmanager
def _temporary(path: Path) -> Generator[Path, None, None]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)  # also what a full disk left half-written


def _write(path: Path, mode: str, document: dict[str, Any], *, is_durable: bool) -> None:
    with path.open(mode, encoding="utf-8", errors="replace") as file:
        json.dump(document, file, ensure_ascii=False)
        file.truncate()
        file.flush()
        if is_durable:
            os.fsync(file.fileno())
