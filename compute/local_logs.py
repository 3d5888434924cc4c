"""What attempts on this machine have printed, read piece by piece: it may be longer than memory."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from compute.attempt_folder import AttemptFolder
from compute.errors import filesystem_errors
from sweeps.ids import AttemptId

_BLOCK_BYTES = 64 * 1024
_STREAMS = {"stdout", "stderr"}


class LocalLogs:
    """A `sweeps.ports.LogReader`.

    Every method raises `LauncherUnavailable` for what the file system refuses.

    Args:
        root: Folder of all attempts of this home.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def exists(self, attempt_id: AttemptId) -> bool:
        """Whether the attempt has, or had, an output here."""
        folder = AttemptFolder.of(self._root, attempt_id)
        return folder is not None and (folder.path / "stdout.log").exists()

    def read(self, attempt_id: AttemptId, stream: str, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of output from byte `offset` on; empty when there are none yet."""
        with self._open(attempt_id, stream) as file:
            if file is None:
                return b""
            file.seek(offset)
            return file.read(limit)

    def tail(self, attempt_id: AttemptId, stream: str, *, lines: int) -> int:
        """The byte at which the last so many lines begin; a last one may be without its end."""
        with self._open(attempt_id, stream) as file:
            return 0 if file is None else _last_lines(file, lines)

    @contextlib.contextmanager
    def _open(self, attempt_id: AttemptId, stream: str) -> Generator[BinaryIO | None, None, None]:
        """The file; None when there is none."""
        if stream not in _STREAMS:
            raise ValueError(f"{stream!r} is neither stdout nor stderr")
        folder = AttemptFolder.of(self._root, attempt_id)
        if folder is None:  # no attempt's name, so no path either
            yield None
            return
        with (
            filesystem_errors(f"reading {stream} of {attempt_id}"),
            contextlib.ExitStack() as stack,
        ):
            try:
                file = stack.enter_context((folder.path / f"{stream}.log").open("rb"))
            except FileNotFoundError:
                file = None
            yield file


def _last_lines(file: BinaryIO, lines: int) -> int:
    """Where they begin, found from the end."""
    end = start = file.seek(0, os.SEEK_END)
    if lines == 0:
        return end
    while start > 0:
        begin = max(0, start - _BLOCK_BYTES)
        file.seek(begin)
        block = file.read(start - begin)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if begin + at == end - 1:
                continue  # the end of the last line, not the beginning of another one
            lines -= 1
            if lines == 0:
                return begin + at + 1
        start = begin
    return 0
