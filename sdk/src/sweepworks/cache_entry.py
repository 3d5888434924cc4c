"""One file of the cache, with its lock: `<sha256>` and `<sha256>.lock`.

The lock file has a stamp: the file's size and when it was written last. A file that has another one
was changed, or is what was left by a crash: it is read, and is only used if it still is what its
name says. So what is used often is read once, and damage is not handed out.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path

from sweepworks.file_hash import file_sha256
from sweepworks.file_lock import take_lock

_LOCK = ".lock"
_LOOK_SECONDS = 0.1


class CacheEntry:
    """A file that may be there. It is changed by who holds it alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(path.name + _LOCK)

    @contextlib.contextmanager
    def held(
        self, beat: Callable[[], None], *, shared: bool = False
    ) -> Generator[None, None, None]:
        """Hold it, together with others or alone; waits for those who do not let go.

        Args:
            beat: Called meanwhile.
        """
        while (lock := take_lock(self._lock, shared=shared, wait=False)) is None:
            beat()  # a large file takes its time, and nobody must take the script for dead
            time.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            os.close(lock)

    def exists(self) -> bool:
        """Whether something is there."""
        return self._path.exists()

    def is_whole(self, size: int, beat: Callable[[], None]) -> bool:
        """Whether it is what its name says; for who holds it. Reads it where nobody has since."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        if found.st_size != size:
            return False
        if self._stamp() == _stamp_of(found):
            return True
        if self.digest(beat) != self._path.name:
            return False
        self._lock.write_text(_stamp_of(found))
        return True

    def digest(self, beat: Callable[[], None]) -> str:
        """The sha256 of what is there. `FileNotFoundError`."""
        return file_sha256(self._path, beat)

    def take_in(self, fetch: Callable[[Path], None], *, incoming: Path) -> None:
        """Bring it, durably: by its name it is whole, whatever happens to the machine."""
        try:
            fetch(incoming)
            incoming.chmod(0o400)
            with incoming.open("rb") as file:
                os.fsync(file.fileno())
            stamp = _stamp_of(incoming.stat())
            incoming.replace(self._path)
            self._lock.write_text(stamp)
        finally:
            incoming.unlink(missing_ok=True)

    def put(self, target: Path) -> None:
        """Put it at `target`, as a link or where that cannot be as a copy."""
        written = self._path.stat().st_mtime_ns
        os.utime(self._path, ns=(time.time_ns(), written))  # used now
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")
        try:
            # Root may write through a link, whatever the file's mode.
            if os.geteuid() == 0 or not _link(temporary, self._path):
                shutil.copyfile(self._path, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)  # of two links to one file, `replace` leaves both

    def remove(self) -> bool:
        """Whether it is gone; else it is in use."""
        lock = take_lock(self._lock, wait=False)
        if lock is None:
            return False
        try:
            self._path.unlink(missing_ok=True)
            self._lock.unlink(missing_ok=True)
        finally:
            os.close(lock)
        return True

    def _stamp(self) -> str:
        try:
            return self._lock.read_text()
        except (FileNotFoundError, UnicodeDecodeError):
            return ""


def _stamp_of(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns}"


def _link(link: Path, path: Path) -> bool:
    try:
        link.hardlink_to(path)
    except OSError:  # another disk, or one without links
        return False
    return True
