import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compute.local_launcher import LocalLauncher
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP
from tests.integration.compute.launching import make_launcher, request_for


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[LocalLauncher]:
    made = make_launcher(tmp_path)
    yield made
    made.reap(SWEEP)


@pytest.fixture
def quick() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "true")


@pytest.fixture
def broken() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "sh", "-c", "echo boom >&2; exit 3")


@pytest.fixture
def long() -> Callable[[int], LaunchRequest]:
    return lambda number: request_for(number, "sleep", "60")


@pytest.fixture
def sleep() -> Callable[[float], None]:
    return time.sleep
