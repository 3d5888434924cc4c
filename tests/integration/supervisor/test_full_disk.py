"""A disk that fills up while everything runs."""

import itertools
import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from orchestration.supervisor.file_lock import hold_shared
from tests.integration.supervisor.conftest import (
    Bench,
    answers,
    get,
    note,
    notes,
    small_disk,
    wait_for,
)


@pytest.fixture
def disk(folder: Path) -> Generator[Path, None, None]:
    with small_disk(folder / "disk", options=",nr_inodes=200") as is_mounted:
        if not is_mounted:
            (folder / "disk").chmod(0o700)
            pytest.skip("only root on Linux may mount a small disk")
        yield folder / "disk"


@pytest.fixture
def bench(make_bench: Callable[..., Bench], disk: Path) -> Bench:
    """A home on a small disk. Its database is on another one: root keeps clusters elsewhere."""
    return make_bench(disk / "home")


def fill(disk: Path) -> Callable[[], None]:
    """Leave not a byte and not a file; gives what makes room again."""
    folder = disk / "filler"
    folder.mkdir()
    try:
        with (folder / "bytes").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    try:
        for number in itertools.count():
            (folder / str(number)).touch()
    except OSError:
        pass

    def empty() -> None:
        for path in folder.iterdir():
            path.unlink()

    return empty


def test_services_outlive_a_full_disk_and_the_ui_comes_once_there_is_room(
    bench: Bench, disk: Path
) -> None:
    services = bench.connect()
    note(services, "kept")
    assert services.gateway_url is not None
    supervisor, gateway = bench.supervisor.mark.pid, get(services.gateway_url)["pid"]
    up = hold_shared(bench.settings.home.up_lock)

    empty = fill(disk)
    log = bench.settings.home.supervisor_log
    wait_for(lambda: b"cannot start" in log.read_bytes() or not bench.is_running)

    assert bench.is_running
    assert get(services.gateway_url)["pid"] == gateway
    assert notes(services) == ["kept"]
    empty()
    wait_for(lambda: bench.supervisor.webserver_url is not None, seconds=60)
    assert bench.supervisor.mark.pid == supervisor
    os.close(up)


def test_a_gateway_that_is_killed_on_a_full_disk_comes_back(bench: Bench, disk: Path) -> None:
    url = bench.connect().gateway_url
    assert url is not None
    gateway = get(url)["pid"]
    empty = fill(disk)

    os.kill(gateway, signal.SIGKILL)
    wait_for(lambda: answers(url))

    assert get(url)["pid"] != gateway
    empty()
