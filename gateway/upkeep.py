"""What has to be done now and then: say that a gateway is there, end and seal runs, look after the store.

The store of artifacts has a loop of its own: it may be slow, and runs must not wait for it.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

from gateway.meters import Meters
from retention.sealing import SealingRule
from retention.silence import SilenceRule
from storage.artifacts.blob_deletion import BlobDeletion
from storage.points.metric_store import MetricStore
from storage.retention.cold import ColdStorage
from storage.runs.summaries import RunSummaries
from storage.runs.upkeep import RunUpkeep
from sweeps.blobs import ArtifactStore
from sweeps.errors import SweepsError

_PERIOD_SECONDS = 3.0
_UNFINISHED_FOR = dt.timedelta(days=1)  # an upload of that age has lost its process
_STORE_PERIOD_SECONDS = 3600.0
_DELETED_AT_ONCE = 1_000
_BACK_SECONDS = 60.0  # a look at an index of what is cold

logger = logging.getLogger(__name__)


async def _repeat(name: str, once: Callable[[], None], *, period_seconds: float) -> None:
    """Do it until cancelled, whatever happens to one round of it."""
    was_away = False
    while True:
        try:
            await asyncio.to_thread(once)
            was_away = False
        except SweepsError as exc:
            if not was_away:  # once for each outage
                logger.warning("%s: %s", name, exc)
            was_away = True
        except Exception:  # a defect of ours: what else there is to do goes on
            if not was_away:
                logger.exception("%s failed and goes on", name)
            was_away = True
        await asyncio.sleep(period_seconds)


class Upkeep:
    """Ends scratch runs that are silent, seals what is due, keeps summaries up, makes room ahead."""

    def __init__(
        self,
        runs: RunUpkeep,
        metrics: MetricStore,
        summaries: RunSummaries,
        *,
        meters: Meters,
        sealing: SealingRule,
        silence: SilenceRule,
        period_seconds: float = _PERIOD_SECONDS,
    ) -> None:
        self._runs = runs
        self._metrics = metrics
        self._summaries = summaries
        self._meters = meters
        self._sealing = sealing
        self._silence = silence
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Look after it until cancelled."""
        await _repeat("upkeep", self._once, period_seconds=self._period_seconds)

    def _once(self) -> None:
        self._runs.note_gateway()
        self._metrics.ensure_partitions_ahead()
        silent = self._runs.fail_silent(after=self._silence.after)
        if silent:
            logger.warning("failed, since they were silent: %s", ", ".join(silent))
        self._meters.silent.inc(len(silent))
        left = self._runs.end_left_attempts()
        if left:
            logger.warning("over, and left by whoever made them: %s", ", ".join(left))
        self._meters.sealed.inc(len(self._runs.seal(self._sealing)))
        self._summaries.refresh()


class StoreUpkeep:
    """Makes room where artifacts are, and has at hand there what is in use again.

    Args:
        cold: Of a store that has classes.
    """

    def __init__(
        self,
        store: ArtifactStore,
        deletion: BlobDeletion,
        *,
        cold: ColdStorage | None,
        meters: Meters,
        period_seconds: float = _STORE_PERIOD_SECONDS,
    ) -> None:
        self._store = store
        self._cold = cold
        self._deletion = deletion
        self._meters = meters
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Look after it until cancelled. One that fails does not keep the others from it."""
        period = self._period_seconds
        await asyncio.gather(
            _repeat("unfinished uploads", self._abandon, period_seconds=period),
            _repeat("deletion of artifacts", self._delete, period_seconds=period),
            _repeat("cold files that are in use", self._bring_back, period_seconds=_BACK_SECONDS),
        )

    def _abandon(self) -> None:
        self._store.abandon_unfinished(older_than=_UNFINISHED_FOR)

    def _bring_back(self) -> None:
        back = self._cold.bring_back() if self._cold is not None else None
        if back is not None and back.count:
            logger.info(
                "%d files of %d bytes are in the standard class again, since models are made of them",
                back.count,
                back.size_bytes,
            )

    def _delete(self) -> None:
        while True:
            deleted = self._deletion.delete_unreferenced(limit=_DELETED_AT_ONCE)
            if deleted.count:
                logger.info(
                    "deleted %d files of %d bytes that nothing refers to",
                    deleted.count,
                    deleted.size_bytes,
                )
            self._meters.deleted_blobs.inc(deleted.count)
            self._meters.deleted_blob_bytes.inc(deleted.size_bytes)
            if deleted.count < _DELETED_AT_ONCE:
                return
