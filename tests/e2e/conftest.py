"""A whole installation of its own: home, services, UI; driven from outside only."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.plugins.postgres import reachable_folder

SWEEP = """\
experiment: {name}
owner: tester
purpose: Does it run from one end to the other?
objective: {{metric: val_loss, direction: minimize}}
space: {{x: {{type: float, low: 0.0, high: 1.0}}, epochs: {epochs}}}
strategy: {strategy}
limits: {{max_trials: {trials}, max_parallel: 2, trial_timeout: 2m}}
trial: {{command: [python, train.py], resources: {{cpu: 0.1}}}}
"""
TRAIN = """\
import time, sweepworks
run = sweepworks.init()
for epoch in range(run.params["epochs"]):
    time.sleep({seconds})
    loss = (run.params["x"] - 0.3) ** 2 + 1 / (epoch + 1)
    run.log({{"loss": loss}}, step=epoch)
    run.report(epoch + 1, val_loss=loss)
    print("epoch", epoch + 1, "loss", loss)
run.finish()
"""


@dataclass(frozen=True)
class Installation:
    """One home and the commands on it."""

    folder: Path
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        return self.folder / ".sweepworks"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, start_new_session=True, **{**streams, **options},
        )  # fmt: skip

    def run(self, *arguments: str, code: int = 0, timeout: float = 120) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=timeout)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{output}"
        return output

    def json(self, *arguments: str, timeout: float = 120) -> Any:
        """What a command prints with `--json`, on stdout alone."""
        process = self.start(*arguments, "--json", stderr=subprocess.PIPE)
        output, words = process.communicate(timeout=timeout)
        assert process.returncode == 0, f"{arguments}: {process.returncode}\n{words}"
        return json.loads(output)

    def write_sweep(
        self,
        name: str = "demo",
        *,
        trials: int = 4,
        epochs: int = 3,
        seconds: float = 0.1,
        strategy: str = "random",
        train: str | None = None,
    ) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "train.py").write_text(train or TRAIN.format(seconds=seconds))
        text = SWEEP.format(name=name, trials=trials, epochs=epochs, strategy=strategy)
        (folder / "sweep.yaml").write_text(text)
        return folder / "sweep.yaml"

    def trial_processes(self) -> list[psutil.Process]:
        """Living processes of trials of this home: shims and what they run."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
                is_trial = str(self.folder) in environment.get("SWEEPWORKS_SOURCE_DIR", "")
                if is_trial and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def wait_for(look: Callable[[], Any], *, seconds: float = 90, every: float = 0.3) -> Any:
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(every)


def controllers(installation: Installation) -> list[psutil.Process]:
    """Processes of this home that run a sweep's controller."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            ours = (
                process.environ().get("SWEEPWORKS_HOME")
                == installation.environment["SWEEPWORKS_HOME"]
            )
            if ours and {"execute_run", "resume_run"} & set(words):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture(scope="module")
def installation() -> Generator[Installation, None, None]:
    with reachable_folder() as folder:
        environment = {
            **{
                k: v for k, v in os.environ.items() if not k.startswith(("SWEEPWORKS_", "DAGSTER_"))
            },
            "SWEEPWORKS_HOME": str(folder / ".sweepworks"),
            "SWEEPWORKS_POSTGRES_FOLDER": str(folder / "clusters"),
            "SWEEPWORKS_WEBSERVER_PORT": "0",
            "COLUMNS": "200",
        }
        made = Installation(folder, environment)
        try:
            yield made
        finally:
            made.run("down", timeout=60)
            for process in made.trial_processes():
                process.kill()


@dataclass(frozen=True)
class Ui:
    """Dagster's web server, by its API."""

    url: str

    def query(self, text: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@pytest.fixture(scope="module")
def ui(installation: Installation) -> Generator[Ui, None, None]:
    process = installation.start("up")
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    url = next((line.split()[-1] for line in lines if line.startswith("Dagster UI")), None)
    assert url is not None, "".join(lines)
    yield Ui(url)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
