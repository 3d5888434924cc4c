"""How much of a spool is stored, in a small file beside it."""

from pathlib import Path

SUFFIX = ".ack"


class Acks:
    """Two sequences: what was acknowledged last, and through where the flush under way goes."""

    def __init__(self, spool: Path) -> None:
        self.path = spool.with_suffix(SUFFIX)

    @property
    def acknowledged(self) -> int:
        """Everything through it is stored; 0: nothing is known."""
        return self._read()[0]

    @property
    def announced(self) -> int:
        """What is not acknowledged goes as one through it; 0: batch by batch."""
        return self._read()[1]

    def acknowledge(self, sequence: int) -> None:
        """Note what is stored.

        Raises:
            OSError: It cannot be noted.
        """
        self._write(f"{sequence}")

    def announce(self, sequence: int) -> None:
        """Note what is about to go as one.

        Raises:
            OSError: It cannot be noted.
        """
        self._write(f"{self.acknowledged} {sequence}")

    def _read(self) -> tuple[int, int]:
        try:
            numbers = [int(number) for number in self.path.read_text(encoding="ascii").split()]
        except (OSError, ValueError):
            numbers = []
        acknowledged, announced, *_ = [*numbers, 0, 0]
        return acknowledged, announced

    def _write(self, text: str) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text, encoding="ascii")
        temporary.replace(self.path)
