"""Turns: of tenants by points, of runs by flushes, of writers one at a time."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweepworks.wire import Flush, ReportRecord

from gateway.fair_queue import FairQueue
from gateway.waiting import Waiting
from storage.deliveries import Delivery
from sweeps.ids import TenantId


def a_flush(
    tenant: str,
    run: str,
    sequence: int = 1,
    *,
    writer: str = "w",
    points: int = 1,
    **changes: Any,
) -> Waiting:
    flush = Flush(
        writer=writer,
        sequence=sequence,
        run=run,
        series={"x": points},
        values=bytes(8 * points),
        **changes,
    )
    outcome = asyncio.Future(loop=_LOOP)  # pyright: ignore[reportUnknownVariableType]
    return Waiting(Delivery(tenant_id=TenantId(tenant), flush=flush), outcome)  # pyright: ignore[reportUnknownArgumentType]


_LOOP = asyncio.new_event_loop()
_LOOP.close()


def names(batch: list[Waiting]) -> list[tuple[str, int]]:
    return [(w.delivery.flush.run, w.delivery.flush.sequence) for w in batch]


def batches(queue: FairQueue, *, most_cost: int = 10**9) -> Iterator[list[Waiting]]:
    while len(queue):
        yield queue.take(most_cost=most_cost, most_flushes=1_000)


def test_runs_of_a_tenant_take_turns() -> None:
    queue = FairQueue()
    for n in range(50):
        queue.put(a_flush("vision", "noisy", writer=f"w{n}"))
    queue.put(a_flush("vision", "quiet"))

    batch = queue.take(most_cost=10**9, most_flushes=2)

    assert {run for run, _ in names(batch)} == {"noisy", "quiet"}


def test_a_tenant_with_large_flushes_does_not_hold_up_one_with_small_ones() -> None:
    queue = FairQueue()
    for n in range(100):
        queue.put(a_flush("vision", f"large-{n}", points=10_000))
    for n in range(100):
        queue.put(a_flush("speech", f"small-{n}", points=10))

    first, second, *_ = batches(queue, most_cost=40_000)

    assert sum(run.startswith("small") for run, _ in names(first + second)) == 100


NAMES = [f"name-{n}" for n in range(5_000)]
HEAVY: dict[str, dict[str, Any]] = {
    "params": {"params": dict.fromkeys(NAMES, 1)},
    "tags": {"tags": dict.fromkeys(NAMES, "x")},
    "reports": {"reports": [ReportRecord(level=1, values=dict.fromkeys(NAMES, 1.0), time_us=1)]},
    "provenance": {"provenance": {"code": {"patch": "x" * 1_200_000}}},
}


@pytest.mark.parametrize("kind", HEAVY)
def test_what_is_no_point_counts_for_the_turn_and_for_the_batch(kind: str) -> None:
    queue = FairQueue()
    for n in range(24):
        queue.put(a_flush("vision", f"heavy-{n}", **HEAVY[kind]))
    for n in range(5):
        queue.put(a_flush("speech", f"small-{n}", points=100))

    first = queue.take(most_cost=60_000, most_flushes=1_000)

    assert [run.partition("-")[0] for run, _ in names(first)].count("heavy") <= 2
    assert sum(run.startswith("small") for run, _ in names(first)) == 5


def test_a_debt_outlasts_a_moment_in_which_nothing_waits() -> None:
    queue = FairQueue()
    queue.put(a_flush("vision", "huge", points=100_000))
    queue.take(most_cost=10**9, most_flushes=1_000)

    queue.put(a_flush("vision", "huge", 2, points=100_000))
    queue.put(a_flush("speech", "small", points=30_000))
    queue.put(a_flush("speech", "next", points=30_000))

    assert names(queue.take(most_cost=50_000, most_flushes=1_000)) == [("small", 1), ("next", 1)]


def test_a_debt_is_forgotten_after_as_many_batches_as_it_has_turns() -> None:
    queue = FairQueue()
    queue.put(a_flush("vision", "huge", points=100_000))
    for _ in range(7):
        queue.take(most_cost=10**9, most_flushes=1_000)

    queue.put(a_flush("vision", "huge", 2))
    queue.put(a_flush("speech", "small"))

    assert names(queue.take(most_cost=1, most_flushes=1)) == [("huge", 2)]


def test_a_flush_larger_than_a_batch_is_taken() -> None:
    queue = FairQueue()
    queue.put(a_flush("vision", "huge", points=1_000_000))
    queue.put(a_flush("vision", "next"))

    assert [names(b) for b in batches(queue, most_cost=1_000)] == [[("huge", 1)], [("next", 1)]]


FLUSHES = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2", "t3"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["w1", "w2"]),
        st.integers(0, 30_000),
    ),
    max_size=40,
)


@given(flushes=FLUSHES, most_cost=st.integers(1, 50_000))
def test_nothing_is_lost_and_each_writer_keeps_its_order(
    flushes: list[tuple[str, str, str, int]], most_cost: int
) -> None:
    queue = FairQueue()
    sequences: dict[tuple[str, str], int] = {}
    for tenant, run, writer, points in flushes:
        who = f"{tenant}-{run}", writer
        sequences[who] = sequences.get(who, 0) + 1
        queue.put(a_flush(tenant, who[0], sequences[who], writer=writer, points=points))

    taken: dict[tuple[str, str], list[int]] = {}
    for batch in batches(queue, most_cost=most_cost):
        writers = [waiting.delivery.writer for waiting in batch]
        assert batch
        assert len(set(writers)) == len(writers)
        for waiting in batch:
            taken.setdefault(waiting.delivery.writer, []).append(waiting.delivery.flush.sequence)

    assert taken == {who: list(range(1, last + 1)) for who, last in sequences.items()}
