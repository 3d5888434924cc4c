"""Ports of a home: chosen once, then kept, so that what was told an address still finds it."""

import json
import logging
import random
import socket
import time
from pathlib import Path

from orchestration.private_files import write_private
from storage.embedded.failures import filesystem_errors
from sweeps.errors import StorageUnavailable

LOOPBACK = "127.0.0.1"

# Below the ranges from which Linux and macOS take ports for outgoing connections: such a port
# could be in use by anybody when the home is next started.
_FIRST, _LAST = 20_000, 30_000

logger = logging.getLogger(__name__)


class PortBook:
    """The file `ports.json`."""

    def __init__(self, path: Path, *, patience_seconds: float = 3.0) -> None:
        self._path = path
        self._patience_seconds = patience_seconds

    def choose(self, name: str, *, preferred: int | None = None) -> int:
        """The port of the service `name`, free at this moment.

        A stored port that is taken may be our own predecessor's, about to end: it gets a few
        seconds. After that another port is chosen and stored.

        Args:
            preferred: Tried first when no port is stored.

        Raises:
            StorageUnavailable: No free port was found, or it could not be noted.
            DiskFull: The same, for lack of space.
        """
        ports = self._read()
        stored = ports.get(name)
        if stored is not None:
            if _becomes_free(stored, self._patience_seconds):
                return stored
            logger.warning("port %d of the %s is taken by another program", stored, name)
        port = preferred if preferred is not None and is_free(preferred) else _random_port(ports)
        with filesystem_errors(self._path):
            write_private(self._path, json.dumps({**ports, name: port}, indent=1) + "\n")
        if stored is not None:
            logger.warning("the %s moves to port %d; trials that run now lose it", name, port)
        return port

    def known(self, name: str) -> int | None:
        """The stored port of the service `name`, whether it is up or not."""
        return self._read().get(name)

    def _read(self) -> dict[str, int]:
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # lost or damaged: choose again
            return {}
        if not isinstance(raw, dict):
            return {}
        return {
            str(name): port
            for name, port in raw.items()
            if isinstance(port, int) and 0 < port < 65_536
        }


def is_free(port: int) -> bool:
    """Whether a server of ours could listen on `port` now."""
    with socket.socket() as probe:
        # As servers do, or the last seconds of closed connections would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not is_answered(port)  # macOS lets us bind beside somebody who listens everywhere


def is_answered(port: int) -> bool:
    """Whether somebody accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _becomes_free(port: int, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while not is_free(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def _random_port(ports: dict[str, int]) -> int:
    source = random.SystemRandom()  # two homes started together must not draw the same
    for _ in range(200):
        port = source.randrange(_FIRST, _LAST)
        if port not in ports.values() and is_free(port):
            return port
    raise StorageUnavailable(
        f"no free port between {_FIRST} and {_LAST} on {LOOPBACK}; "
        "see whether this machine allows programs to listen there"
    )
