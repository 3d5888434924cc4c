"""Who has to run near their data, by the rows: two at once, retries, and what frees a place."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from governance.cluster.pools import Nearness, Peak, StoragePool
from governance.name_patterns import NamePattern
from storage.database import Pool
from storage.queue.pool_placements import PostgresPoolDesk
from sweeps import ids
from sweeps.errors import HeldBack, NoCapacity
from sweeps.ids import AttemptId, SweepId
from sweeps.states import AttemptState
from tests.factories import a_spec
from tests.integration.storage.rerun_world import RerunWorld
from tests.integration.storage.test_admission_store import PostgresDeskWorld
from tests.integration.storage.test_ingest_store import TENANT

SWEEP = SweepId("digits-aaaaaaaa")
ALWAYS = Peak(days=(*range(7),), begins=0, ends=24 * 60, max_outside=2)


def a_pool(name: str = "west", *, zone: str = "w", peak: Peak | None = ALWAYS) -> StoragePool:
    return StoragePool(
        name=name, nodes={"zone": zone}, datasets=(NamePattern("digits"),), peak=peak
    )


@pytest.fixture
def world(pool: Pool) -> PostgresDeskWorld:
    return PostgresDeskWorld(pool)


@pytest.fixture
def attempts(world: PostgresDeskWorld) -> list[AttemptId]:
    return world.write(SWEEP, a_spec(max_trials=30, max_parallel=30), 12)


@pytest.fixture
def desk(pool: Pool) -> PostgresPoolDesk:
    return PostgresPoolDesk(pool)


def placing(desk: PostgresPoolDesk, *pools: StoragePool) -> Callable[[AttemptId], Nearness]:
    def placed(attempt_id: AttemptId) -> Nearness:
        return desk.place(attempt_id, pools or [a_pool()], bound={})["west"]

    return placed


def test_as_many_as_the_pool_allows_need_not_be_near(
    desk: PostgresPoolDesk, attempts: list[AttemptId]
) -> None:
    placed = [*map(placing(desk), attempts[:4])]

    assert placed == [Nearness.PREFERRED] * 2 + [Nearness.REQUIRED] * 2


def test_many_launches_at_once_are_no_more_outside(
    pool: Pool, world: PostgresDeskWorld, attempts: list[AttemptId]
) -> None:
    begin = threading.Barrier(4)

    def launch(mine: list[AttemptId]) -> list[Nearness]:
        place = placing(PostgresPoolDesk(pool))
        begin.wait()
        return [place(one) for one in mine]

    with ThreadPoolExecutor(4) as threads:
        found = threads.map(launch, [attempts[n::4] for n in range(4)])
        placed = [word for words in found for word in words]

    assert placed.count(Nearness.PREFERRED) == 2
    assert world.execute(
        'SELECT count(*) FROM attempts WHERE pools = \'{"west": "preferred"}\''
    ) == [(2,)]


def test_what_was_decided_stays_since_it_may_have_been_launched_so(
    desk: PostgresPoolDesk, attempts: list[AttemptId]
) -> None:
    before = [placing(desk, a_pool(peak=None))(one) for one in attempts[:5]]

    again = [placing(desk)(one) for one in attempts[:6]]

    assert before == [Nearness.PREFERRED] * 5
    assert again == [Nearness.PREFERRED] * 5 + [Nearness.REQUIRED]


def test_what_was_not_launched_is_decided_anew(
    desk: PostgresPoolDesk, attempts: list[AttemptId]
) -> None:
    place = placing(desk)
    first, second, third, fourth, *_ = attempts
    for one in (first, second):
        place(one)

    desk.withdraw(first)

    assert [place(one) for one in (third, fourth, first)] == [
        Nearness.PREFERRED, Nearness.REQUIRED, Nearness.REQUIRED,
    ]  # fmt: skip


def test_who_ends_makes_room_outside(
    desk: PostgresPoolDesk, world: PostgresDeskWorld, attempts: list[AttemptId]
) -> None:
    place = placing(desk)
    for one in attempts[:2]:
        place(one)

    world.end(attempts[0])

    assert [place(one) for one in attempts[2:4]] == [Nearness.PREFERRED, Nearness.REQUIRED]
    with pytest.raises(NoCapacity, match="has ended"):
        place(attempts[0])


def test_pools_are_counted_apart_and_what_cannot_be_near_waits(
    desk: PostgresPoolDesk, attempts: list[AttemptId]
) -> None:
    west, east = a_pool("west"), a_pool("east", zone="e")
    for one in attempts[:2]:
        desk.place(one, [west, east], bound={})

    with pytest.raises(HeldBack, match="peak of storage pool east"):
        desk.place(attempts[2], [west, east], bound={})

    assert desk.place(attempts[2], [a_pool("north")], bound={}) == {"north": Nearness.PREFERRED}
    assert desk.place(attempts[3], [west], bound={"zone": "w"}) == {"west": Nearness.REQUIRED}


def test_an_attempt_keeps_what_was_decided(
    desk: PostgresPoolDesk, world: PostgresDeskWorld, attempts: list[AttemptId]
) -> None:
    desk.place(attempts[0], [a_pool("north", peak=None), a_pool()], bound={})

    first, second, *_ = world.rows.store.load(SWEEP).attempts

    assert (first.pools, first.nearness) == (
        {"north": "preferred", "west": "preferred"}, "near north, near west",
    )  # fmt: skip
    assert (second.pools, second.state) == ({}, AttemptState.PENDING)


def test_reruns_are_counted_like_trials_and_have_it_on_record(
    pool: Pool, desk: PostgresPoolDesk, attempts: list[AttemptId]
) -> None:
    reruns = RerunWorld(pool)
    demand = reruns.demand(reruns.original())
    place, rerun, other = placing(desk), reruns.create(demand), reruns.create(demand)

    words = [place(one) for one in (attempts[0], rerun, other)]

    assert words == [Nearness.PREFERRED, Nearness.PREFERRED, Nearness.REQUIRED]
    (found,) = reruns.runs.get(ids.run_of(other), tenant_id=TENANT).attempts
    assert found.nearness == "only near west"
