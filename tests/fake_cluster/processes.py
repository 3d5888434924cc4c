"""What executes in a pod: a process of this machine, or nothing that lasts for a time."""

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.fake_cluster.pod_environment import environment_of
from tests.fake_cluster.store import Object

#: An image whose pods execute nothing, and end well after so many seconds: ``pretended:15``.
PRETENDED = re.compile(r"pretended:(?P<seconds>\d+(?:\.\d+)?)")


class Executed(Protocol):
    """What the kubelet looks after."""

    def poll(self) -> int | None:
        """Its code once it has ended; negative for a signal."""
        ...

    def send(self, number: int) -> None:
        """Signal everything of it."""
        ...

    def last_words(self, code: int) -> str:
        """Its termination message."""
        ...


@dataclass
class Process:
    """A pod's container, of which the image is only a name."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, pod: Object, *, folder: Path, log: Path) -> "Process":
        (container, *_) = pod["spec"]["containers"]
        environment = environment_of(pod)
        with log.open("wb") as output:
            process = subprocess.Popen(
                container["command"],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={"PATH": os.environ["PATH"], **environment, "HOME": str(folder)},
                start_new_session=True,
            )
        return cls(process, log)

    def poll(self) -> int | None:
        return self.process.poll()

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def last_words(self, code: int) -> str:
        return self.log.read_text(errors="replace")[-2048:] if code else ""


@dataclass
class Pretence:
    """No process: for hundreds of pods on a machine that could not execute them."""

    seconds: float
    began_at: float = field(default_factory=time.time)
    signalled: int = 0

    def poll(self) -> int | None:
        if self.signalled:
            return -self.signalled
        return 0 if time.time() >= self.began_at + self.seconds else None

    def send(self, number: int) -> None:
        self.signalled = self.signalled or number

    def last_words(self, code: int) -> str:
        """When it ended, to the millisecond: the kubelet tells whole seconds only."""
        return "" if code else f"{self.began_at + self.seconds:.3f}"


@dataclass
class Running:
    """What the kubelet runs for a pod."""

    executed: Executed
    started_at: str
    began_at: float = field(default_factory=time.monotonic)
    kill_at: float | None = None

    def end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after a time."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            self.executed.send(signal.SIGTERM)
