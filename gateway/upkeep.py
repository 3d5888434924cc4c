"""What has to be done now and then: say that a gateway is there, end and seal runs, make room."""

import asyncio
import datetime as dt
import logging
import time

from gateway.meters import Meters
from retention.sealing import SealingRule
from retention.silence import SilenceRule
from storage.metric_store import MetricStore
from storage.run_summaries import RunSummaries
from storage.run_upkeep import RunUpkeep
from sweeps.blobs import ArtifactStore
from sweeps.errors import SweepsError

_PERIOD_SECONDS = 3.0
_UNFINISHED_FOR = dt.timedelta(days=1)  # an upload of that age has lost its process
_LOOK_SECONDS = 3600.0  # for such uploads

logger = logging.getLogger(__name__)


class Upkeep:
    """Ends scratch runs that are silent, seals what is due, keeps summaries up, makes room ahead."""

    def __init__(
        self,
        runs: RunUpkeep,
        metrics: MetricStore,
        summaries: RunSummaries,
        artifacts: ArtifactStore,
        *,
        meters: Meters,
        sealing: SealingRule,
        silence: SilenceRule,
        period_seconds: float = _PERIOD_SECONDS,
    ) -> None:
        self._runs = runs
        self._metrics = metrics
        self._summaries = summaries
        self._artifacts = artifacts
        self._looks_at = 0.0
        self._meters = meters
        self._sealing = sealing
        self._silence = silence
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Look after it until cancelled."""
        was_away = False
        while True:
            try:
                await asyncio.to_thread(self._once)
                was_away = False
            except SweepsError as exc:
                if not was_away:  # once for each outage
                    logger.warning("upkeep: %s", exc)
                was_away = True
            except Exception:  # a defect of ours: what else there is to do goes on
                if not was_away:
                    logger.exception("upkeep failed and goes on")
                was_away = True
            await asyncio.sleep(self._period_seconds)

    def _once(self) -> None:
        self._runs.note_gateway()
        self._metrics.ensure_partitions_ahead()
        silent = self._runs.fail_silent(after=self._silence.after)
        if silent:
            logger.warning("failed, since they were silent: %s", ", ".join(silent))
        self._meters.silent.inc(len(silent))
        self._meters.sealed.inc(len(self._runs.seal(self._sealing)))
        self._summaries.refresh()
        if time.monotonic() >= self._looks_at:
            self._looks_at = time.monotonic() + _LOOK_SECONDS
            self._artifacts.abandon_unfinished(older_than=_UNFINISHED_FOR)
