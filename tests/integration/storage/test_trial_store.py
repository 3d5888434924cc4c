"""The contract on PostgreSQL, and what only a database can be asked."""

import threading

import psycopg
import pytest

from storage.database import transaction
from storage.sweeps.trials import PostgresTrialStore
from sweeps.errors import LeaseLost, StorageUnavailable
from sweeps.ids import SweepId
from sweeps.states import RunState, SweepState
from sweeps.trials import Changes, SweepChange
from tests.contracts.trial_store_contract import TrialStoreContract, two_trials
from tests.factories import SWEEP, a_run_id, a_spec, a_trial, at
from tests.integration.storage.conftest import PostgresWorld
from tests.plugins.postgres import Database


class TestPostgresTrialStore(TrialStoreContract):
    """Every promise of the port."""

    @pytest.fixture
    def world(self, pool) -> PostgresWorld:
        return PostgresWorld(pool)


def test_a_take_over_waits_for_a_write_and_fences_the_next_one(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())
    lease = world.store.take_over(SWEEP, controller="first")
    leases: list[int] = []
    taker = threading.Thread(
        target=lambda: leases.append(world.store.take_over(SWEEP, controller="second"))
    )
    with transaction(world.pool) as connection:
        connection.execute("SELECT FROM sweeps WHERE sweep_id = %s FOR UPDATE", (SWEEP,))
        taker.start()
        taker.join(timeout=0.3)
        was_waiting = taker.is_alive()
    taker.join(timeout=10)

    with pytest.raises(LeaseLost):
        world.store.apply(SWEEP, lease, two_trials())

    assert was_waiting
    assert leases == [lease + 1]
    assert world.store.load(SWEEP).trials == ()


def test_parameters_are_rows_that_never_change(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())
    lease = world.store.take_over(SWEEP, controller="first")
    world.store.apply(SWEEP, lease, two_trials())

    with transaction(world.pool) as connection:
        rows = connection.execute(
            "SELECT run_id, name, value FROM run_params ORDER BY run_id"
        ).fetchall()

    assert rows == [(a_run_id(1), "x", 0.01), (a_run_id(2), "x", 0.02)]


def test_a_write_is_refused_in_one_piece_when_its_connection_is_cut(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())
    lease = world.store.take_over(SWEEP, controller="first")
    with transaction(world.pool) as connection:
        connection.execute(
            """
            CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
            CREATE TRIGGER cut AFTER INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION cut()
            """
        )

    with pytest.raises(StorageUnavailable):
        world.store.apply(SWEEP, lease, two_trials())

    with transaction(world.pool) as connection:
        connection.execute("DROP TRIGGER cut ON attempts")
    assert world.store.load(SWEEP).trials == ()
    world.store.apply(SWEEP, lease, two_trials())
    assert len(world.store.load(SWEEP).trials) == 2


def test_one_snapshot_never_mixes_two_ticks(world: PostgresWorld, database: Database) -> None:
    world.submit(SWEEP, a_spec())
    lease = world.store.take_over(SWEEP, controller="first")
    world.store.apply(SWEEP, lease, two_trials())
    stop = threading.Event()
    torn: list[object] = []

    def look() -> None:
        while not stop.is_set():
            snapshot = world.store.load(SWEEP)
            done = {t.state for t in snapshot.trials} == {RunState.COMPLETED}
            if done != snapshot.sweep.state.is_terminal:
                torn.append(snapshot)

    looker = threading.Thread(target=look)
    looker.start()
    world.store.apply(
        SWEEP,
        lease,
        Changes(
            at=at(9),
            trials=(a_trial(1, state=RunState.COMPLETED), a_trial(2, state=RunState.COMPLETED)),
            sweep=SweepChange(state=SweepState.COMPLETED),
        ),
    )
    stop.set()
    looker.join(timeout=10)

    assert torn == []


def test_an_outage_is_an_outage_whatever_is_asked(world: PostgresWorld, database: Database) -> None:
    world.submit(SWEEP, a_spec())
    lease = world.store.take_over(SWEEP, controller="first")
    world.pool.close()
    store = PostgresTrialStore(world.pool)

    for call in (
        lambda: store.take_over(SWEEP, controller="x"),
        lambda: store.load(SWEEP),
        lambda: store.poll(SweepId(SWEEP)),
        lambda: store.apply(SWEEP, lease, two_trials()),
    ):
        with pytest.raises(StorageUnavailable):
            call()


def test_a_connection_goes_back_to_the_pool_as_it_was(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())

    world.store.load(SWEEP)

    with world.pool.connection() as connection:
        assert connection.isolation_level is None
        assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
