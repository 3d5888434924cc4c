"""Merges what arrives within a moment, from many runs, into one transaction."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from gateway.fair_queue import FairQueue
from gateway.meters import Meters
from gateway.waiting import Waiting
from storage.deliveries import Delivery, Receipt
from sweeps.errors import (
    PermanentError,
    StorageError,
    StorageUnavailable,
    SweepsError,
    TransientError,
)

_WINDOW_SECONDS = 0.02  # adds 10 ms to an acknowledgement, and makes 25 flushes one commit
_MAX_COST = 200_000  # of a batch, in points, or of one flush: keeps the COPY's buffer near 10 MB
_MAX_FLUSHES = 2_000
#: Batches that are stored side by side: one is prepared while the database copies the other. More
#: only make smaller ones of them.
AT_ONCE = 2

logger = logging.getLogger(__name__)


class FlushStore(Protocol):
    """Where batches go."""

    def write(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | SweepsError]:
        """Store a batch of at most one flush a writer, all of it or, on an error, nothing.

        Called by two threads at a time.
        """
        ...


class Batcher:
    """Takes deliveries one by one and stores them in batches, two at a time.

    Flushes of one writer are never in both: the later one would make the earlier one an old one.

    Use it within the event loop that runs `run`.
    """

    def __init__(
        self, store: FlushStore, *, meters: Meters, window_seconds: float = _WINDOW_SECONDS
    ) -> None:
        self._store = store
        self._meters = meters
        self._window_seconds = window_seconds
        self._waiting = FairQueue()
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="ingest")
        self._outcomes: set[asyncio.Future[Receipt]] = set()  # that somebody waits for
        self._storing: set[asyncio.Task[None]] = set()
        self._writers: set[tuple[str, str]] = set()  # of which a flush is being stored

    @property
    def n_waiting(self) -> int:
        """Flushes that no batch has taken yet."""
        return len(self._waiting)

    async def submit(self, delivery: Delivery) -> Receipt:
        """Store a flush; returns after the commit.

        Raises:
            SweepsError: It was not stored, for that reason.
        """
        outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._outcomes.add(outcome)
        outcome.add_done_callback(self._outcomes.discard)
        self._waiting.put(Waiting(delivery, outcome))
        self._arrived.set()
        return await outcome

    async def run(self) -> None:
        """Store batches until `close`; then what still waits.

        A defect that stops it does not stop the gateway: who waits is told to come again.
        """
        while self._waiting or not self._is_closing:
            try:
                await self._store_what_comes()
            except Exception:
                logger.exception("batches stopped, and begin anew")
                self._waiting = FairQueue()
                for outcome in [*self._outcomes]:  # a repeated flush is stored once
                    if not outcome.done():
                        outcome.set_exception(StorageUnavailable("batches were interrupted"))
                await asyncio.sleep(self._window_seconds)
        while self._storing:
            await asyncio.wait(self._storing)
        self._threads.shutdown()

    async def _store_what_comes(self) -> None:
        while self._waiting or not self._is_closing:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                if not self._is_closing:  # the first of a burst waits for the others
                    await asyncio.sleep(self._window_seconds)
                continue
            batch = self._waiting.take(
                most_cost=_MAX_COST, most_flushes=_MAX_FLUSHES, but=self._writers
            )
            if batch:
                self._begin(batch)
            # While one is stored, the next gathers.
            patience = self._window_seconds if len(self._storing) < AT_ONCE else None
            if self._storing:
                await asyncio.wait(
                    self._storing, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
            else:
                await asyncio.sleep(self._window_seconds)

    def close(self) -> None:
        """Let `run` end when nothing waits any more."""
        self._is_closing = True
        self._arrived.set()

    def _begin(self, batch: Sequence[Waiting]) -> None:
        writers = {waiting.delivery.writer for waiting in batch}
        self._writers |= writers
        storing = asyncio.create_task(self._answer(batch))
        self._storing.add(storing)

        def done(task: asyncio.Task[None]) -> None:
            self._storing.discard(task)
            self._writers -= writers

        storing.add_done_callback(done)

    async def _answer(self, batch: Sequence[Waiting]) -> None:
        try:
            await self._store_batch(batch)
        except Exception:
            logger.exception("a batch of %d flushes failed", len(batch))
            for waiting in batch:
                if not waiting.outcome.done():
                    waiting.outcome.set_exception(StorageUnavailable("a batch was interrupted"))

    async def _store_batch(self, batch: Sequence[Waiting]) -> None:
        deliveries = [waiting.delivery for waiting in batch]
        loop = asyncio.get_running_loop()
        with self._meters.batch_seconds.time():
            outcomes = await loop.run_in_executor(self._threads, self._try, deliveries)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._count(waiting.delivery, outcome)
            if waiting.outcome.done():  # its client is gone, and the request with it
                continue
            if isinstance(outcome, Receipt):
                waiting.outcome.set_result(outcome)
            else:
                waiting.outcome.set_exception(outcome)

    def _try(self, deliveries: Sequence[Delivery]) -> list[Receipt | SweepsError]:
        try:
            return list(self._store.write(deliveries))
        except TransientError as exc:
            # One error object each: a traceback grows with everybody who raises it.
            seconds = exc.retry_after_seconds
            return [type(exc)(str(exc), retry_after_seconds=seconds) for _ in deliveries]
        except Exception as exc:
            if len(deliveries) == 1:
                if isinstance(exc, PermanentError):
                    return [exc]
                logger.exception("a flush of run %s cannot be stored", deliveries[0].flush.run)
                return [StorageError("this flush cannot be stored; the gateway's log says why")]
        # One of them is to blame, and the others must not suffer: halve until it is alone.
        half = len(deliveries) // 2
        return self._try(deliveries[:half]) + self._try(deliveries[half:])

    def _count(self, delivery: Delivery, outcome: Receipt | SweepsError) -> None:
        if isinstance(outcome, Receipt):
            self._meters.refused.inc(len(outcome.refused))
            if outcome.is_new:
                self._meters.points.inc(delivery.flush.n_points)
            else:
                self._meters.repeated.inc()
