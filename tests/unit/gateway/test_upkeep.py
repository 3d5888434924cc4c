"""Upkeep goes on, whatever happens to one round of it."""

import asyncio
import datetime as dt
import threading
from typing import cast

import pytest

from gateway.meters import Meters
from gateway.upkeep import StoreUpkeep, Upkeep
from retention.sealing import SealingRule
from retention.silence import SilenceRule
from storage.artifacts.blob_deletion import BlobDeletion, Deleted
from storage.points.metric_store import MetricStore
from storage.runs.summaries import RunSummaries
from storage.runs.upkeep import RunUpkeep
from sweeps.blobs import ArtifactStore
from sweeps.errors import StorageUnavailable


class Failing:
    """Notes that it was asked, and fails."""

    def __init__(self, failure: Exception) -> None:
        self.rounds = 0
        self._failure = failure

    def note_gateway(self) -> None:
        self.rounds += 1
        raise self._failure


class Store:
    """Of artifacts; looking for unfinished uploads may fail."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def abandon_unfinished(self, *, older_than: dt.timedelta) -> int:
        if self.failure is not None:
            raise self.failure
        return 0


class Deletion:
    """Has so many blobs that nothing refers to."""

    def __init__(self, n_blobs: int) -> None:
        self.left = n_blobs
        self.is_done = threading.Event()

    def delete_unreferenced(self, *, limit: int) -> Deleted:
        count = min(limit, self.left)
        self.left -= count
        if count < limit:
            self.is_done.set()
        return Deleted(count, 10 * count)


def look_after(store: Store, deletion: Deletion) -> str:
    """Until everything is deleted; what the meters say then."""
    meters = Meters()
    upkeep = StoreUpkeep(
        cast("ArtifactStore", store), cast("BlobDeletion", deletion), cold=None, meters=meters
    )

    async def scenario() -> None:
        running = asyncio.create_task(upkeep.run())
        await asyncio.to_thread(deletion.is_done.wait, 10)
        while f"deleted_blob_bytes_total {25_000.0}" not in meters.render().decode():  # noqa: ASYNC110 - counted in a thread
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(scenario(), timeout=10))
    return meters.render().decode()


def test_all_that_nothing_refers_to_goes_in_one_round() -> None:
    deletion = Deletion(2_500)

    said = look_after(Store(), deletion)

    assert deletion.left == 0
    assert "sweepworks_deleted_blobs_total 2500.0" in said


def test_unfinished_uploads_that_cannot_be_listed_keep_nothing_from_being_deleted() -> None:
    deletion = Deletion(2_500)

    look_after(Store(StorageUnavailable("s3:ListBucketMultipartUploads is missing")), deletion)

    assert deletion.left == 0


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
