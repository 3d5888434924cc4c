"""Upkeep goes on, whatever happens to one round of it."""

import asyncio
from typing import cast

import pytest

from gateway.meters import Meters
from gateway.upkeep import Upkeep
from retention.sealing import SealingRule
from retention.silence import SilenceRule
from storage.metric_store import MetricStore
from storage.run_summaries import RunSummaries
from storage.run_upkeep import RunUpkeep
from sweeps.errors import StorageUnavailable


class Failing:
    """Notes that it was asked, and fails."""

    def __init__(self, failure: Exception) -> None:
        self.rounds = 0
        self._failure = failure

    def note_gateway(self) -> None:
        self.rounds += 1
        raise self._failure


@pytest.mark.parametrize("failure", [ValueError("a defect"), StorageUnavailable("away")])
def test_a_round_that_fails_is_logged_once_and_the_next_one_comes(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    runs = Failing(failure)
    upkeep = Upkeep(
        cast("RunUpkeep", runs),
        cast("MetricStore", None),
        cast("RunSummaries", None),
        meters=Meters(),
        sealing=SealingRule(),
        silence=SilenceRule(),
        period_seconds=0.001,
    )

    async def scenario() -> None:
        running = asyncio.create_task(upkeep.run())
        while runs.rounds < 3 and not running.done():  # noqa: ASYNC110 - counted in a thread
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(scenario(), timeout=10))

    assert runs.rounds >= 3
    assert len(caplog.records) == 1
