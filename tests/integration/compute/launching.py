"""Launchers, requests and processes. Without pytest: a process that only launches starts quickly."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from compute.capacity import Machine
from compute.gpu_slots import GpuSlots
from compute.local_launcher import LocalLauncher
from compute.local_logs import LocalLogs
from sweeps.ids import AttemptId, RunId, SweepId, attempt_id
from sweeps.specs import Resources
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP


def make_launcher(root: Path, *, devices: tuple[str, ...] = (), cores: float = 16) -> LocalLauncher:
    return LocalLauncher(
        root=root / "runs",
        slots=GpuSlots(root / "gpus", devices),
        machine=Machine(cores=cores, memory_bytes=10**9),
        environment={**os.environ, "SWEEPWORKS_DATABASE_URL": "the-password"},
        gpu_model=lambda devices: f"model of {' and '.join(devices)}",
        hold_file=root / "clients.lock",
        stop_grace_seconds=1.0,
    )


def request_for(
    number: int,
    *command: str,
    resources: Resources | None = None,
    source_dir: str = "",
    sweep_id: SweepId = SWEEP,
) -> LaunchRequest:
    run_id = RunId(f"{sweep_id}-{number:05d}")
    name = attempt_id(run_id, 1)
    return LaunchRequest(
        attempt_id=AttemptId(name),
        run_id=run_id,
        sweep_id=sweep_id,
        command=command,
        environment={"SWEEPWORKS_ATTEMPT_ID": name, "SWEEPWORKS_RUN_TOKEN": "the-token"},
        resources=resources or Resources(cpu=0.1),
        source_dir=source_dir,
    )


def python(number: int, code: str) -> LaunchRequest:
    return request_for(number, sys.executable, "-c", code)


def folder_of(root: Path, request: LaunchRequest) -> Path:
    return root / "runs" / request.run_id / request.attempt_id


def output_of(launcher: LocalLauncher, request: LaunchRequest) -> bytes:
    """What it has printed on stdout."""
    return LocalLogs(launcher._root).read(request.attempt_id, "stdout", offset=0, limit=1 << 20)


class OtherProcess:
    """A launcher in a process of its own, ready to launch one attempt at a word."""

    def __init__(
        self, root: Path, request: LaunchRequest, *, devices: tuple[str, ...] = ()
    ) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "tests.integration.compute.launch_once",
                str(root), request.sweep_id, str(int(request.run_id[-5:])), ",".join(devices),
                str(request.resources.gpu), shlex.join(request.command),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def answer(self) -> str:
        """``launched``, or the name of the error."""
        return self._process.communicate(timeout=60)[0].strip()
