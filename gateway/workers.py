"""Several gateway processes that take requests from one socket.

Python runs on one core: where flushes keep it busy, more workers take more of them. They share
nothing but the socket and the folder in which they count for `/metrics`; a worker that ends is
replaced, and its clients repeat what it had not acknowledged.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.meters import SHARED_FOLDER, forget_worker

_LOOK_SECONDS = 0.1
_STOP_SECONDS = 15.0
_BACKLOG = 2_048  # connections that wait to be accepted
_QUICK_SECONDS = 5.0  # a worker that ends sooner than that ...
_MOST_QUICK = 3  # ... so often in a row will not start at all

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float


def listen(host: str, port: int) -> socket.socket:
    """The socket that workers inherit. `OSError` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    return listener


def run_workers(listener: socket.socket, count: int, *, must_stop: Callable[[], bool]) -> int:
    """Keep `count` workers running until told to stop; the exit code of this process."""
    with tempfile.TemporaryDirectory(prefix="sweepworks-meters-") as folder:
        workers = [_start(listener, folder) for _ in range(count)]
        quick = 0
        while not must_stop():
            time.sleep(_LOOK_SECONDS)
            for place, worker in enumerate(workers):
                if worker.process.poll() is None:
                    continue
                forget_worker(worker.process.pid, Path(folder))
                is_quick = time.monotonic() - worker.started < _QUICK_SECONDS
                quick = quick + 1 if is_quick else 0
                if quick >= _MOST_QUICK:
                    logger.error("workers end as soon as they are started")
                    _stop(workers)
                    return 1
                logger.warning(
                    "worker %d ended with code %d; starting another one",
                    worker.process.pid,
                    worker.process.returncode,
                )
                workers[place] = _start(listener, folder)
        return _stop(workers)


def _start(listener: socket.socket, folder: str) -> _Worker:
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.serve", "--socket", str(listener.fileno())],
        env={**os.environ, SHARED_FOLDER: folder},  # noqa: TID251 - a child has what we have
        stdin=subprocess.PIPE,  # ends when this process does, however that is
        pass_fds=(listener.fileno(),),
    )
    return _Worker(process, time.monotonic())


def _stop(workers: list[_Worker]) -> int:
    for worker in workers:
        worker.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    codes: list[int] = []
    for worker in workers:
        try:
            codes.append(worker.process.wait(max(0.1, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            codes.append(worker.process.wait())
        if worker.process.stdin is not None:
            worker.process.stdin.close()
    # One that was still starting had nobody yet to take the signal.
    return 0 if set(codes) <= {0, -signal.SIGTERM} else 1
