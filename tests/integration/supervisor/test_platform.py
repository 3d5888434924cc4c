"""A command on services that are being brought back."""

import contextlib
import os
import signal
from collections.abc import Callable, Generator

import pytest

from orchestration.platform import Platform
from storage.database import transaction
from sweeps.errors import StorageUnavailable
from tests.integration.supervisor.conftest import Bench


@pytest.fixture
def platform_of(bench: Bench) -> Generator[Callable[[], Platform], None, None]:
    with contextlib.ExitStack() as stack:
        yield lambda: Platform(bench.connect(), stack)


def test_a_database_that_was_killed_a_moment_ago_is_waited_for(
    bench: Bench, platform_of: Callable[[], Platform]
) -> None:
    platform = platform_of()
    postgres = bench.postgres.pid
    assert postgres is not None
    os.kill(postgres, signal.SIGKILL)

    with transaction(platform.pool) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_database_that_was_stopped_by_a_person_is_not(
    bench: Bench, platform_of: Callable[[], Platform]
) -> None:
    platform = platform_of()
    bench.settings.home.down_file.touch()
    postgres = bench.postgres.pid
    assert postgres is not None
    os.kill(bench.supervisor.mark.pid, signal.SIGSTOP)
    os.kill(postgres, signal.SIGKILL)

    with pytest.raises(StorageUnavailable):
        _ = platform.pool

    os.kill(bench.supervisor.mark.pid, signal.SIGCONT)
