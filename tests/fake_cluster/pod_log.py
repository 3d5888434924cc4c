"""A container's log as a kubelet tells it: each line with the time when it was seen first."""

import datetime as dt
import threading
import time
from pathlib import Path


class PodLog:
    """Reads the file that a process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._times: list[int] = []  # ns, of each line

    def content(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def told(self, *, since: str | None, has_times: bool) -> bytes:
        first = 0 if since is None else int(dt.datetime.fromisoformat(since).timestamp()) * 10**9
        with self._lock:
            lines = self.content().split(b"\n")
            lines = [line + b"\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
            for _ in lines[len(self._times) :]:
                last = self._times[-1] if self._times else 0
                self._times.append(max(time.time_ns(), last + 1))
            return b"".join(
                (_text(at) + b" " if has_times else b"") + line
                for at, line in zip(self._times, lines, strict=False)
                if at >= first
            )


def _text(ns: int) -> bytes:
    whole = dt.datetime.fromtimestamp(ns // 10**9, dt.UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z".encode()
