"""An answer over HTTP that comes in time, or not at all."""

import http.client
import io
import socket
import time
from typing import Any


class Answer(http.client.HTTPResponse):
    """The socket's timeout is for all of it: whoever sends a byte now and then gets no more."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._pieces = _Pieces(sock)
        self.fp = io.BufferedReader(self._pieces)

    def be_patient(self) -> None:
        """From here on the timeout is for each piece, as befits what may be large."""
        self._pieces.ends_at = None


class _Pieces(io.RawIOBase):
    """What a socket receives."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._seconds = sock.gettimeout()
        self.ends_at = None if self._seconds is None else time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._seconds if self.ends_at is None else self.ends_at - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("the answer takes too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
