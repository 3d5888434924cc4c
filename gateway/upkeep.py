"""What has to be done now and then: say that a gateway is there, seal runs, make room ahead."""

import asyncio
import datetime as dt
import logging

from gateway.meters import Meters
from retention.sealing import SealingRule
from storage.metric_store import MetricStore
from storage.run_catalog import RunCatalog
from sweeps.clock import Clock
from sweeps.errors import SweepsError

_PERIOD_SECONDS = 3.0

logger = logging.getLogger(__name__)


class Upkeep:
    """Seals runs that are due, and makes tomorrow's partition before midnight's first flush."""

    def __init__(
        self,
        runs: RunCatalog,
        metrics: MetricStore,
        *,
        meters: Meters,
        clock: Clock,
        rule: SealingRule | None = None,
        period_seconds: float = _PERIOD_SECONDS,
    ) -> None:
        self._runs = runs
        self._metrics = metrics
        self._meters = meters
        self._clock = clock
        self._rule = rule or SealingRule()
        self._period_seconds = period_seconds
        self._prepared: dt.date | None = None

    async def run(self) -> None:
        """Look after it until cancelled."""
        was_away = False
        while True:
            try:
                self._meters.sealed += await asyncio.to_thread(self._once)
                was_away = False
            except SweepsError as exc:
                if not was_away:  # once for each outage
                    logger.warning("upkeep: %s", exc)
                was_away = True
            await asyncio.sleep(self._period_seconds)

    def _once(self) -> int:
        self._runs.note_gateway()
        tomorrow = self._clock.now().date() + dt.timedelta(days=1)
        if self._prepared != tomorrow:
            self._metrics.ensure_partition_of(tomorrow)
            self._prepared = tomorrow
        return len(self._runs.seal(grace=self._rule.grace))
