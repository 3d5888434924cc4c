"""The controller on PostgreSQL, and a database that dies under it."""

import random

import psycopg
import pytest

from storage.database import open_pool
from sweeps.controller import SweepController
from sweeps.errors import LeaseLost, TransientError
from sweeps.spaces import Categorical, Float, Int
from sweeps.states import RunState, SweepState
from sweeps.trials import SweepSnapshot
from tests.factories import SWEEP, a_space, a_spec, at
from tests.fakes import FakeClock, FakeCredentials, FakeLauncher
from tests.integration.storage.conftest import PostgresWorld
from tests.plugins.postgres import Database
from tests.simulation import Simulation, check_record, good_trial, states
from tests.unit.sweeps.test_controller_invariants import Whims

_SPACE = a_space(
    x=Float(low=1e-6, high=1.0, log=True),
    n=Int(low=1, high=64, log=True),
    kind=Categorical(choices=("relu", 1, True)),
)


class OnPostgres:
    """One sweep in simulated time, its rows in a database."""

    def __init__(self, world: PostgresWorld, script=good_trial, *, capacity: int = 99) -> None:
        self.world = world
        self.clock = FakeClock()
        self.launcher = FakeLauncher(
            self.clock,
            script=script,
            deliver=lambda run, level, value, moment: world.report(
                run, level, value, reported_at=moment
            ),
            capacity=capacity,
        )
        self.controller = self.new_controller()

    def new_controller(self) -> SweepController:
        return SweepController(
            SWEEP,
            store=self.world.store,
            launcher=self.launcher,
            credentials=FakeCredentials(),
            clock=self.clock,
            name="controller",
        )

    def run_to_end(self, *, before_tick=lambda: None) -> SweepSnapshot:
        for _ in range(5000):
            before_tick()
            try:
                tick = self.controller.tick()
            except TransientError:
                continue
            if tick.state.is_terminal:
                return self.world.store.load(SWEEP)
            if not tick.progressed:
                self.clock.advance(1.0)
        raise AssertionError("the sweep never ends")


@pytest.mark.parametrize("strategy", ["random", "grid", "bayes"])
def test_a_sweep_leaves_the_same_record_as_in_memory(world: PostgresWorld, strategy: str) -> None:
    spec = a_spec(strategy=strategy, space=_SPACE, max_trials=7, max_parallel=2, max_failures=99)
    in_memory = Simulation(spec, script=good_trial).run_to_end()
    world.submit(SWEEP, spec)

    on_postgres = OnPostgres(world, good_trial).run_to_end()

    assert on_postgres.trials == in_memory.trials
    assert on_postgres.attempts == in_memory.attempts
    assert on_postgres.suggestions == in_memory.suggestions
    assert on_postgres.concluded == in_memory.concluded
    assert on_postgres.reports == in_memory.reports
    assert on_postgres.sweep.reason == in_memory.sweep.reason


def test_controllers_that_follow_each_other_search_as_one(world: PostgresWorld) -> None:
    spec = a_spec(space=_SPACE, max_trials=8, max_parallel=3, max_failures=99)
    script = Whims(5, rejects=False)
    in_memory = Simulation(spec, script=script).run_to_end()
    world.submit(SWEEP, spec)
    sweep = OnPostgres(world, script)

    def replace_controller() -> None:
        sweep.controller = sweep.new_controller()

    snapshot = sweep.run_to_end(before_tick=replace_controller)

    check_record(snapshot, sweep.launcher.launched)
    assert snapshot.suggestions == in_memory.suggestions
    assert repr(snapshot.concluded) == repr(in_memory.concluded)


def test_a_former_controller_is_told_so(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())
    sweep = OnPostgres(world)
    former = sweep.controller
    former.tick()
    sweep.controller = sweep.new_controller()
    sweep.run_to_end()

    with pytest.raises(LeaseLost):
        former.tick()


@pytest.mark.slow
def test_a_database_whose_connections_keep_dying_costs_no_trial(
    world: PostgresWorld, database: Database
) -> None:
    spec = a_spec(space=_SPACE, max_trials=10, max_parallel=3, max_failures=99)
    world.submit(SWEEP, spec)
    chance = random.Random(1)
    with (
        open_pool(database.url) as pool,
        psycopg.connect(database.url, autocommit=True) as murderer,
    ):
        sweep = OnPostgres(PostgresWorld(pool))
        n_killed = 0

        def kill_connections() -> None:
            nonlocal n_killed
            if chance.random() < 0.3:
                row = murderer.execute(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """
                ).fetchone()
                n_killed += row[0] if row else 0

        snapshot = sweep.run_to_end(before_tick=kill_connections)

    assert n_killed > 3
    assert states(snapshot) == [RunState.COMPLETED] * 10
    check_record(snapshot, sweep.launcher.launched)
    assert len(sweep.launcher.launched) == 10


@pytest.mark.parametrize(
    "moment",
    ["INSERT ON suggestions", "INSERT ON attempts", "UPDATE ON runs", "UPDATE ON sweeps"],
)
def test_a_database_that_dies_in_the_middle_of_a_write_costs_no_trial(
    world: PostgresWorld, database: Database, moment: str
) -> None:
    spec = a_spec(space=_SPACE, max_trials=4, max_parallel=2)
    world.submit(SWEEP, spec)
    # Dies at every third write of that kind. A sequence forgets nothing when a transaction does.
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE SEQUENCE sweepworks.writes;
            CREATE FUNCTION sweepworks.die() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('sweepworks.writes') % 3 = 0 THEN
                    PERFORM pg_terminate_backend(pg_backend_pid());
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER die AFTER {moment.replace("ON ", "ON sweepworks.")}
            FOR EACH STATEMENT EXECUTE FUNCTION sweepworks.die()
            """.encode()
        )
    sweep = OnPostgres(world)

    snapshot = sweep.run_to_end()

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert states(snapshot) == [RunState.COMPLETED] * 4
    check_record(snapshot, sweep.launcher.launched)
    assert snapshot.trials[0].started_at == at(0)
