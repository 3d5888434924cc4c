"""The lines of a file that grows, each with where it ends."""

import os
from pathlib import Path

_CHUNK = 1024 * 1024
_LONGEST = 64 * 1024  # of a line; what is longer is no metric


class Tail:
    """Reads a file from its beginning, as it grows; it need not be there yet.

    A file that became shorter, or another one of its name, is read anew. Lines and their places are
    the same however the file grew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        self._position = 0  # of what was read
        self._rest = b""  # of a line that has not ended yet
        self._is_skipping = False  # until the end of a line that is too long
        self.is_at_end = True  #: whether nothing more is there now
        self.times_anew = 0  #: how often it was another file

    def read(self, *, is_last: bool) -> list[tuple[int, str]]:
        """Lines that have come, of a megabyte at most: where each ends, and its text.

        Args:
            is_last: Nothing will follow: what has no end is a line, too.

        Raises:
            OSError: The file cannot be read.
        """
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return []
        with file:
            status = os.fstat(file.fileno())
            if self._inode not in {None, status.st_ino} or status.st_size < self._position:
                self._position, self._rest, self._is_skipping = 0, b"", False
                self.times_anew += 1
            self._inode = status.st_ino
            file.seek(self._position)
            content = file.read(_CHUNK)
        at = self._position - len(self._rest)
        self._position += len(content)
        self.is_at_end = self._position >= status.st_size
        return self._split(self._rest + content, at, is_last=is_last and self.is_at_end)

    def _split(self, content: bytes, at: int, *, is_last: bool) -> list[tuple[int, str]]:
        # Progress bars end their lines with a carriage return.
        end = len(content) if is_last else 1 + max(content.rfind(b"\n"), content.rfind(b"\r"))
        self._rest = content[end:]
        lines: list[tuple[int, str]] = []
        for line in content[:end].splitlines(keepends=True):
            text = line.rstrip(b"\r\n")
            if len(text) <= _LONGEST and not self._is_skipping:
                lines.append((at + len(text), text.decode("utf-8", "replace")))
            self._is_skipping = False
            at += len(line)
        if len(self._rest) > _LONGEST:
            self._rest, self._is_skipping = b"", True
        return lines
