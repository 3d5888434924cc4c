"""Services as a chart or a compose file starts them, as plain processes of this machine.

The images' command lines are run as they are written, but for addresses, ports and folders: those
of containers are replaced by free ones.
"""

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_DOCKERFILE = ROOT / "deploy" / "docker" / "platform.Dockerfile"


def free_ports(count: int) -> list[int]:
    """Different ones, of which the one 10,000 further is free as well: SeaweedFS takes both."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = random.randrange(12_000, 30_000)
            try:
                for number in (port, port + 10_000):
                    listener = stack.enter_context(socket.socket())
                    listener.bind(("127.0.0.1", number))
            except OSError:
                continue
            found.append(port)
        return found


def image_environment() -> dict[str, str]:
    """What the platform's image sets, with this environment's programs in place of its own."""
    (block,) = re.findall(
        r"\nENV (PATH=(?:.*\\\n)*.*)", _DOCKERFILE.read_text().split("\nFROM ")[-1]
    )
    pairs = dict(word.split("=", 1) for word in block.replace("\\\n", " ").split())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**pairs, "PATH": path, "LANG": "C.UTF-8"}


@dataclass
class Machine:
    """Where services run: what stands for addresses and folders of containers."""

    folder: Path
    words: Mapping[str, str]  # that stand alone
    parts: Mapping[str, str]  # wherever they are
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """`text` with what this machine has instead; longer parts first."""
        if text in self.words:
            return self.words[text]
        for part in sorted(self.parts, key=len, reverse=True):
            text = text.replace(part, self.parts[part])
        return text

    def environment(self, *variables: Mapping[str, str]) -> dict[str, str]:
        """The image's, and more; nothing of this process'."""
        found = image_environment()
        for more in variables:
            found |= more
        path = found.pop("PATH")
        return {name: self.here(value) for name, value in found.items()} | {"PATH": path}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """A service of that name; its output is in a file."""
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [self.here(word) for word in command],
                cwd=self.folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, command: Sequence[str], environment: Mapping[str, str], *, code: int = 0) -> str:
        """What a command prints."""
        done = subprocess.run(
            [self.here(word) for word in command],
            cwd=self.folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def log(self, name: str) -> Path:
        """What a service has printed."""
        return self.folder / f"{name}.log"

    def stop(self) -> dict[str, int]:
        """Ask all services to end, the last one first, and wait; their exit codes."""
        codes: dict[str, int] = {}
        for name, process in reversed(self.processes.items()):
            process.terminate()
            try:
                codes[name] = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        return codes


@contextlib.contextmanager
def machine(
    folder: Path, *, words: Mapping[str, str], parts: Mapping[str, str]
) -> Generator[Machine, None, None]:
    """One that stops what it runs."""
    made = Machine(folder, words, parts)
    try:
        yield made
    finally:
        made.stop()
