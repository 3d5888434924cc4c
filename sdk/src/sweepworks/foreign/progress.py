"""How far a file has been read, for a reader that follows one that was killed."""

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Places in a file.

    Points up to `logged` are on their way and not logged again: a second copy of one is worse than
    none. Reports up to `reported` are on disk; those behind are reported again, which changes
    nothing.
    """

    logged: int = 0
    reported: int = 0

    @classmethod
    def load(cls, path: Path) -> Self:
        """What was saved last; the beginning, when nothing was."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        return cls()

    def reached(self, *, logged: int = 0, reported: int = 0) -> Self:
        """With what was brought since; a reader that begins anew is behind for a while."""
        return replace(self, logged=max(self.logged, logged), reported=max(self.reported, reported))

    def save(self, path: Path) -> None:
        """Replace what was saved.

        Raises:
            OSError: It cannot be written.
        """
        unseen = path.with_name(f".{path.name}.new")
        unseen.write_text(json.dumps(asdict(self)), encoding="utf-8")
        unseen.replace(path)
