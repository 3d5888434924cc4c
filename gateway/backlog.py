"""How much may be in memory at once: the bound behind every 429."""

from gateway.errors import Overloaded

DEFAULT_LIMIT_BYTES = 128 * 2**20  # eight flushes of the largest size, or a million usual ones


class Backlog:
    """Bytes of bodies that are being read, waiting or being stored."""

    def __init__(self, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def hold(self, n_bytes: int) -> None:
        """Make room.

        Raises:
            Overloaded: There is none.
        """
        if self.held_bytes + n_bytes > self._limit_bytes:
            raise Overloaded(
                f"{self.held_bytes} bytes wait to be stored, there is no room for {n_bytes} more"
            )
        self.held_bytes += n_bytes

    def release(self, n_bytes: int) -> None:
        """Give room back."""
        self.held_bytes -= n_bytes
