"""What lies in a home's spool folder: of scripts that live, of scripts that are gone, and refused."""

from dataclasses import dataclass
from pathlib import Path

from sweepworks.resend import spools_in
from sweepworks.spool import REFUSED, Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftSpools:
    """Numbers and bytes of files."""

    n_live: int  #: of scripts that are running
    n_left: int  #: of scripts that are gone; not sent yet
    left_bytes: int
    n_refused: int  #: what no gateway will ever take
    refused_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.n_live} of running scripts; {self.n_left} left to be sent "
            f"({_megabytes(self.left_bytes)}); {self.n_refused} refused "
            f"({_megabytes(self.refused_bytes)}), kept for 30 days"
        )


def look_at(folder: Path) -> LeftSpools:
    """Count; a folder that is not there is empty.

    Raises:
        OSError: It cannot be read.
    """
    paths = [path for paths in spools_in(folder).values() for path in paths]
    left = [path for path in paths if not _is_live(path)]
    refused = list(folder.glob(f"*{REFUSED}"))
    return LeftSpools(
        n_live=len(paths) - len(left),
        n_left=len(left),
        left_bytes=_size(left),
        n_refused=len(refused),
        refused_bytes=_size(refused),
    )


def _is_live(path: Path) -> bool:
    spool = Spool.adopt(path)
    if spool is None:
        return True
    spool.close()
    return False


def _size(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"
