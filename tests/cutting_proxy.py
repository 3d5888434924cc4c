"""A TCP proxy that cuts connections where it is told to."""

import contextlib
import re
import socket
import threading
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a connection's first exchange is reset: in the request, or in its answer.

    Attributes:
        request: So many bytes of the request go on; negative: all but so many.
        answer: The request goes on, and so many bytes of the answer come back.
    """

    request: int | None = None
    answer: int | None = None


@dataclass(slots=True)
class CuttingProxy:
    """Passes connections on; each takes the next cut, or none when there is no more."""

    target: tuple[str, int]
    cuts: deque[Cut] = field(default_factory=deque[Cut])
    made: list[Cut] = field(default_factory=list[Cut])  #: cuts that have happened
    port: int = 0

    @contextlib.contextmanager
    def listening(self) -> Generator["CuttingProxy", None, None]:
        """Accept connections for the length of the block."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            accepting.start()
            try:
                yield self
            finally:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                accepting.join(5)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        cut = self.cuts.popleft() if self.cuts else None
        with client, contextlib.suppress(OSError), socket.create_connection(self.target) as server:
            if cut is not None:
                self._cut(client, server, cut)
                return
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()

    def _cut(self, client: socket.socket, server: socket.socket, cut: Cut) -> None:
        request = _message(client)
        if cut.request is not None:
            end = cut.request if cut.request >= 0 else len(request) + cut.request
            assert 0 <= end <= len(request), f"the request has {len(request)} bytes"
            server.sendall(request[:end])
            self._reset(server)
        else:
            server.sendall(request)
            client.sendall(_message(server)[: cut.answer])
        self._reset(client)
        self.made.append(cut)

    @staticmethod
    def _reset(end: socket.socket) -> None:
        # Closed with a time of zero, a socket says RST: what was on its way is lost.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        end.close()


def _message(source: socket.socket) -> bytes:
    """One request or answer, whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = source.recv(65_536)
        if not part:
            return data
        data += part
    head = data.partition(b"\r\n\r\n")[0] + b"\r\n"
    length = _LENGTH.search(head)
    total = len(head) + 2 + int(length[1] if length else 0)
    while len(data) < total:
        part = source.recv(65_536)
        if not part:
            return data
        data += part
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
