"""Batches: who is in one, what happens when one fails, and the end."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sweepworks.wire import Flush

from gateway.batcher import Batcher
from gateway.fair_queue import FairQueue
from gateway.meters import Meters
from gateway.waiting import Waiting
from storage.deliveries import Delivery, Receipt
from sweeps.errors import InvalidFlush, RunNotFound, StorageError, StorageUnavailable, SweepsError
from sweeps.ids import TenantId
from sweeps.states import Decision

STORED = Receipt(control=Decision.CONTINUE, is_new=True)


def a_delivery(run: str, sequence: int = 1) -> Delivery:
    return Delivery(
        tenant_id=TenantId("default"), flush=Flush(writer="w", sequence=sequence, run=run)
    )


class FakeStore:
    """Remembers its batches, and fails when it is told to."""

    def __init__(self, verdict: Callable[[str], Exception | None] = lambda _: None) -> None:
        self.batches: list[list[tuple[str, int]]] = []
        self._verdict = verdict

    def write(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | SweepsError]:
        batch = [(delivery.flush.run, delivery.flush.sequence) for delivery in deliveries]
        self.batches.append(batch)
        for run, _ in batch:
            failure = self._verdict(run)
            if failure is not None:
                raise failure
        return [STORED] * len(batch)


def submit_all(store: FakeStore, deliveries: Sequence[Delivery]) -> list[Receipt | BaseException]:
    """Outcomes, in order, of deliveries that come at the same moment."""

    async def scenario() -> list[Receipt | BaseException]:
        batcher = Batcher(store, meters=Meters(), window_seconds=0.01)
        running = asyncio.create_task(batcher.run())
        outcomes = await asyncio.gather(
            *(batcher.submit(delivery) for delivery in deliveries), return_exceptions=True
        )
        batcher.close()
        await running
        return outcomes

    return asyncio.run(scenario())


def test_what_comes_together_is_one_batch() -> None:
    store = FakeStore()

    outcomes = submit_all(store, [a_delivery(run) for run in "abc"])

    assert outcomes == [STORED] * 3
    assert store.batches == [[("a", 1), ("b", 1), ("c", 1)]]


def test_a_batch_has_one_flush_of_a_writer_and_keeps_their_order() -> None:
    store = FakeStore()

    submit_all(store, [a_delivery("a", n) for n in (1, 2, 3)] + [a_delivery("b")])

    assert store.batches == [[("a", 1), ("b", 1)], [("a", 2)], [("a", 3)]]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(InvalidFlush("bad"), InvalidFlush), (RuntimeError("a bug"), StorageError)],
)
def test_one_that_cannot_be_stored_fails_alone(failure: Exception, kind: type[Exception]) -> None:
    store = FakeStore(lambda run: failure if run == "c" else None)

    outcomes = submit_all(store, [a_delivery(run) for run in "abcdefgh"])

    assert [type(outcome) for outcome in outcomes] == [
        kind if run == "c" else Receipt for run in "abcdefgh"
    ]
    assert len(store.batches) == 7  # halves, not one by one


def test_an_outage_fails_all_at_once() -> None:
    store = FakeStore(lambda _: StorageUnavailable("away", retry_after_seconds=3))

    outcomes = submit_all(store, [a_delivery(run) for run in "abc"])

    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 3
    assert len(store.batches) == 1
    assert len({id(outcome) for outcome in outcomes}) == 3


def test_an_outcome_may_be_an_error_of_its_own() -> None:
    class Refusing(FakeStore):
        def write(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | SweepsError]:
            super().write(deliveries)
            return [STORED, RunNotFound("b")]

    outcomes = submit_all(Refusing(), [a_delivery("a"), a_delivery("b")])

    assert [type(outcome) for outcome in outcomes] == [Receipt, RunNotFound]


def test_two_batches_are_stored_side_by_side_and_never_of_one_writer() -> None:
    class Slow(FakeStore):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()
            self.live: list[set[str]] = []
            self.most = 0

        def write(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | SweepsError]:
            runs = {delivery.flush.run for delivery in deliveries}
            with self.lock:
                assert all(runs.isdisjoint(others) for others in self.live)
                self.live.append(runs)
                self.most = max(self.most, len(self.live))
            time.sleep(0.05)
            with self.lock:
                self.live.remove(runs)
                return super().write(deliveries)

    store = Slow()

    async def scenario() -> list[Receipt]:
        batcher = Batcher(store, meters=Meters(), window_seconds=0.001)
        running = asyncio.create_task(batcher.run())
        waiting: list[asyncio.Task[Receipt]] = []
        for run, sequence in [("a", 1), ("a", 2), ("b", 1), ("a", 3), ("c", 1), ("b", 2)]:
            waiting.append(asyncio.create_task(batcher.submit(a_delivery(run, sequence))))
            await asyncio.sleep(0.01)
        batcher.close()
        await running
        return [await task for task in waiting]

    assert asyncio.run(scenario()) == [STORED] * 6
    assert store.most == 2
    stored = [flush for batch in store.batches for flush in batch]
    assert [n for run, n in stored if run == "a"] == [1, 2, 3]
    assert [n for run, n in stored if run == "b"] == [1, 2]


def test_closing_stores_what_waits() -> None:
    store = FakeStore()

    async def scenario() -> list[Receipt]:
        batcher = Batcher(store, meters=Meters(), window_seconds=60)
        running = asyncio.create_task(batcher.run())
        waiting = [asyncio.create_task(batcher.submit(a_delivery(run))) for run in "ab"]
        await asyncio.sleep(0)
        batcher.close()
        await asyncio.wait_for(running, timeout=5)
        return [await task for task in waiting]

    assert asyncio.run(scenario()) == [STORED, STORED]


def test_a_client_that_is_gone_stops_nobody() -> None:
    store = FakeStore()

    async def scenario() -> Receipt:
        batcher = Batcher(store, meters=Meters(), window_seconds=0.01)
        running = asyncio.create_task(batcher.run())
        gone = asyncio.create_task(batcher.submit(a_delivery("a")))
        stays = asyncio.create_task(batcher.submit(a_delivery("b")))
        await asyncio.sleep(0)
        gone.cancel()
        outcome = await stays
        batcher.close()
        await running
        return outcome

    assert asyncio.run(scenario()) == STORED


def test_a_defect_in_the_queue_is_answered_and_the_next_flush_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = FairQueue.take
    defects = [ValueError("a defect")]

    def take(queue: FairQueue, **arguments: Any) -> list[Waiting]:
        batch = whole(queue, **arguments)
        if defects:
            raise defects.pop()
        return batch

    monkeypatch.setattr(FairQueue, "take", take)

    async def scenario() -> list[Receipt | BaseException]:
        batcher = Batcher(FakeStore(), meters=Meters(), window_seconds=0.01)
        running = asyncio.create_task(batcher.run())
        outcomes = [
            *await asyncio.gather(batcher.submit(a_delivery("a")), return_exceptions=True),
            await batcher.submit(a_delivery("a", 2)),
        ]
        batcher.close()
        await running
        return outcomes

    first, second = asyncio.run(asyncio.wait_for(scenario(), timeout=10))

    assert isinstance(first, StorageUnavailable)
    assert second == STORED


def test_a_store_that_loses_an_outcome_leaves_nobody_waiting() -> None:
    class Forgetful(FakeStore):
        def write(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | SweepsError]:
            return super().write(deliveries)[1:]

    outcomes = submit_all(Forgetful(), [a_delivery("a"), a_delivery("b")])

    assert outcomes[0] == STORED
    assert isinstance(outcomes[1], StorageUnavailable)
