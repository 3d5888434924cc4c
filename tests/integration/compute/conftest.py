import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compute.capacity import Machine
from compute.gpu_slots import GpuSlots
from compute.local_launcher import LocalLauncher
from sweeps.ids import AttemptId, RunId, attempt_id
from sweeps.specs import Resources
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP


def make_launcher(root: Path, *, devices: tuple[str, ...] = (), cores: float = 16) -> LocalLauncher:
    return LocalLauncher(
        root=root / "runs",
        slots=GpuSlots(root / "gpus", devices),
        machine=Machine(cores=cores, memory_bytes=10**9),
        environment={**os.environ, "SWEEPWORKS_DATABASE_URL": "secret"},
        hold_file=root / "clients.lock",
        stop_grace_seconds=1.0,
    )


@pytest.fixture
def launcher(tmp_path: Path):  # noqa: ANN201 - a generator
    made = make_launcher(tmp_path)
    yield made
    made.reap(SWEEP)


def request_for(
    number: int, *command: str, resources: Resources | None = None, source_dir: str = ""
) -> LaunchRequest:
    run_id = RunId(f"{SWEEP}-{number:05d}")
    name = attempt_id(run_id, 1)
    return LaunchRequest(
        attempt_id=AttemptId(name),
        run_id=run_id,
        sweep_id=SWEEP,
        command=command,
        environment={"SWEEPWORKS_ATTEMPT_ID": name},
        resources=resources or Resources(cpu=0.1),
        source_dir=source_dir,
    )


def python(number: int, code: str, **rest: Resources) -> LaunchRequest:
    return request_for(number, sys.executable, "-c", code, **rest)


@pytest.fixture
def quick() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "true")


@pytest.fixture
def broken() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "sh", "-c", "echo boom >&2; exit 3")


@pytest.fixture
def long() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "sleep", "60")
