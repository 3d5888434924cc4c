"""Files that were brought once: a folder of them by sha256, shared by all processes of its owner.

Each file has a lock: shared while it is taken out, held alone while it is brought or removed. So
two processes bring it once, and nothing is removed that is in use. The least recently used goes
first. Files are hard links to what is taken out, where that is on the same disk: they are not
writable, and who wants to change one makes a copy. What was changed all the same is brought again.
"""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sweepworks import environment as env
from sweepworks.artifacts import no_beat
from sweepworks.cache_entry import CacheEntry

DEFAULT_BYTES = 20_000_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming"
_SLACK = 0.02  # of the limit, that may be exceeded between two looks
_ABANDONED_SECONDS = 24 * 3600.0  # of that age, what comes in has lost its process


@dataclass(frozen=True, slots=True)
class Cached:
    """A file in the cache."""

    path: Path
    size: int
    used_at: float  #: seconds since 1970


class Cache:
    """Files by content.

    Args:
        folder: Created when it is missing.
        limit_bytes: Of all files, give or take two percent; one that is larger is brought without
            being kept.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._untrimmed_bytes: int | None = None  # since the last look at all files; None: no look

    @classmethod
    def of_this_user(cls) -> Self:
        """The one that the environment names, or else the user's.

        Raises:
            ValueError: A variable makes no sense.
        """
        text = os.environ.get(env.CACHE_BYTES) or str(DEFAULT_BYTES)
        if not text.isdecimal():
            raise ValueError(f"{env.CACHE_BYTES} is {text!r}; write a number of bytes")
        if given := os.environ.get(env.CACHE_DIR):
            folder = Path(given).expanduser()
        else:
            base = os.environ.get("XDG_CACHE_HOME")
            folder = (Path(base) if base else Path.home() / ".cache") / "sweepworks"
        return cls(folder, limit_bytes=int(text))

    def provide(
        self,
        target: Path,
        *,
        sha256: str,
        size: int,
        fetch: Callable[[Path], None],
        beat: Callable[[], None] = no_beat,
    ) -> None:
        """Put a file at `target`, which is replaced in one step.

        Args:
            fetch: Brings it to a path, verified; called where it is not here.
            beat: Called while another process brings it.

        Raises:
            ValueError: `sha256` is none.
            OSError: There is no place for it. What `fetch` raises.
        """
        if _SHA256.fullmatch(sha256) is None:
            raise ValueError(f"{sha256[:80]!r} is no sha256")
        if size > self._limit_bytes or not self._can_be_used():
            fetch(target)
            return
        entry = self._entry(sha256)
        if entry.exists():
            with entry.held(beat, shared=True):
                if entry.is_whole(size, beat):
                    entry.put(target)
                    return
        with entry.held(beat):
            if not entry.is_whole(size, beat):  # nobody was faster
                incoming = self._folder / _INCOMING / f"{sha256}.{secrets.token_hex(8)}"
                entry.take_in(fetch, incoming=incoming)
                self._note_taken_in(size)
            entry.put(target)

    def has(self, sha256: str, size: int) -> bool:
        """Whether a file of that size is here by that name; it may be gone in a moment."""
        with contextlib.suppress(OSError):
            return (self._folder / sha256[:2] / sha256).stat().st_size == size
        return False

    def trim(self) -> None:
        """Remove what was used longest ago, until the rest is within the limit."""
        found = sorted(self.files(), key=lambda one: one.used_at)
        total = sum(one.size for one in found)
        for one in found:
            if total <= self._limit_bytes:
                break
            total -= one.size if CacheEntry(one.path).remove() else 0
        oldest = time.time() - _ABANDONED_SECONDS
        for path in (self._folder / _INCOMING).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def verify(self) -> list[str]:
        """Read every file; those that are damaged are removed, and their sha256s returned."""
        damaged: list[str] = []
        for one in self.files():
            entry = CacheEntry(one.path)
            with contextlib.suppress(FileNotFoundError):
                if entry.digest(no_beat) != one.path.name and entry.remove():
                    damaged.append(one.path.name)
        return damaged

    def files(self) -> Iterator[Cached]:
        """All files, in no order."""
        for path in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            if _SHA256.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield Cached(path, found.st_size, found.st_atime)

    def _note_taken_in(self, size: int) -> None:
        """Trim when it may be worth it: a look at all files for each of many would take hours."""
        if self._untrimmed_bytes is not None:
            self._untrimmed_bytes += size
        if self._untrimmed_bytes is None or self._untrimmed_bytes > self._limit_bytes * _SLACK:
            self.trim()
            self._untrimmed_bytes = 0

    def _can_be_used(self) -> bool:
        try:
            (self._folder / _INCOMING).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self._folder, os.W_OK)

    def _entry(self, sha256: str) -> CacheEntry:
        folder = self._folder / sha256[:2]
        folder.mkdir(mode=0o700, exist_ok=True)
        return CacheEntry(folder / sha256)
