"""The desk on PostgreSQL: the contract, two at once, crashes, and what fair share remembers."""

import datetime as dt
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.budgets import BudgetScope, BudgetState
from governance.quota_file import QUOTAS
from storage.admission_store import PostgresAdmissionDesk
from storage.database import Pool, open_pool, transaction
from storage.policy_store import PolicyStore
from sweeps import ids
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.errors import StorageUnavailable
from sweeps.ids import AttemptId, SweepId
from sweeps.policies import PolicyChange
from sweeps.specs import SweepSpec
from sweeps.trials import Changes
from tests.contracts.admission_desk_contract import (
    FIRST,
    SECOND,
    TWO_GPUS,
    AdmissionDeskContract,
    gpu_spec,
)
from tests.factories import a_suggestion, a_trial, an_attempt, some_limits
from tests.fakes import FakeClock, FakeCredentials, FakeLauncher
from tests.integration.storage.conftest import PostgresWorld
from tests.plugins.postgres import Database
from tests.simulation import runs_for


class PostgresDeskWorld:
    """A desk, rows of attempts, and a policy, in one database."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.rows = PostgresWorld(pool)
        self.policies = PolicyStore(pool)
        self.desk = self.another_desk()

    def another_desk(self, **parts: Any) -> PostgresAdmissionDesk:
        return PostgresAdmissionDesk(self.pool, PolicyStore(self.pool), **parts)

    def write(self, sweep_id: SweepId, spec: SweepSpec, count: int) -> list[AttemptId]:
        self.rows.submit(sweep_id, spec)
        lease = self.rows.store.take_over(sweep_id, controller="test")
        numbers = range(1, count + 1)
        self.rows.store.apply(
            sweep_id,
            lease,
            Changes(
                at=dt.datetime.now(dt.UTC),
                suggestions=tuple(a_suggestion(n) for n in numbers),
                new_trials=tuple(a_trial(n, sweep_id=sweep_id) for n in numbers),
                new_attempts=tuple(an_attempt(n, sweep_id=sweep_id) for n in numbers),
            ),
        )
        return [ids.attempt_id(ids.run_id(sweep_id, n), 1) for n in numbers]

    def start(self, attempt_id: AttemptId, *, ago: str) -> None:
        self.execute(
            "UPDATE attempts SET state = 'running', started_at = now() - %s::interval"
            " WHERE attempt_id = %s", (ago, attempt_id),
        )  # fmt: skip

    def end(self, attempt_id: AttemptId) -> None:
        self.execute(
            "UPDATE attempts SET state = 'ended', ended_at = now() WHERE attempt_id = %s",
            (attempt_id,),
        )

    def set_policy(self, text: str) -> None:
        before = self.policies.current(QUOTAS)
        change = PolicyChange(kind=QUOTAS, source="quotas.yaml", before=before, text=text)
        self.policies.apply([change], by="me", comment="")

    def execute(self, statement: Any, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def desk_world(pool: Pool) -> PostgresDeskWorld:
    return PostgresDeskWorld(pool)


class TestPostgresAdmissionDesk(AdmissionDeskContract):
    """Every promise of the port."""

    @pytest.fixture
    def world(self, pool: Pool) -> PostgresDeskWorld:
        return PostgresDeskWorld(pool)


def test_a_look_without_news_decides_nothing(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(TWO_GPUS)
    names = desk_world.write(FIRST, gpu_spec(), 3)
    desk_world.desk.ask(FIRST, gpu_spec(), names)
    before = desk_world.execute("SELECT decided_at FROM scheduling_state")

    desk_world.desk.ask(FIRST, gpu_spec(), names)

    assert desk_world.execute("SELECT decided_at FROM scheduling_state") == before


def test_a_new_policy_holds_from_the_next_look_on(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(TWO_GPUS)
    names = desk_world.write(FIRST, gpu_spec(), 3)
    assert not desk_world.desk.ask(FIRST, gpu_spec(), names)[names[2]].is_admitted

    desk_world.set_policy("other_tenants: {limits: {gpu: 3}}")

    assert desk_world.desk.ask(FIRST, gpu_spec(), names)[names[2]].is_admitted


def test_nothing_is_admitted_for_a_controller_that_is_gone(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(TWO_GPUS)
    held = desk_world.write(FIRST, gpu_spec(), 2)
    desk_world.desk.ask(FIRST, gpu_spec(), held)
    (orphan,) = desk_world.write(SECOND, gpu_spec(), 1)
    desk_world.desk.ask(SECOND, gpu_spec(), [orphan])
    desk_world.execute(
        "UPDATE admission_seekers SET asked_at = now() - interval '1 hour' WHERE sweep_id = %s",
        (SECOND,),
    )

    desk_world.end(held[0])
    third = SweepId("digits-cccccccc")
    (other,) = desk_world.write(third, gpu_spec(), 1)
    answers = desk_world.another_desk().ask(third, gpu_spec(), [other])

    assert answers[other].is_admitted
    rows = desk_world.execute("SELECT admitted_at FROM admissions WHERE attempt_id = %s", (orphan,))
    assert rows == [(None,)]


def test_what_was_used_counts_decayed_and_once(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy("usage: {half_life: 1h}\nother_tenants: {limits: {trials: 9}}")
    names = desk_world.write(FIRST, gpu_spec(gpu=2), 2)
    desk_world.desk.ask(FIRST, gpu_spec(gpu=2), names)
    desk_world.start(names[0], ago="1 hour")
    desk_world.end(names[0])
    desk_world.end(names[1])  # it never started

    for _ in range(2):
        desk_world.execute("UPDATE scheduling_state SET decided_at = '-infinity'")
        desk_world.desk.run_pass()

    ((cpu_hours, gpu_hours),) = desk_world.execute(
        "SELECT cpu_hours, gpu_hours FROM fair_share_usage"
    )
    # An hour at a half-life of an hour: 1 / ln 2 * (1 - 1/2).
    assert cpu_hours == pytest.approx(0.7213, rel=1e-2)
    assert gpu_hours == pytest.approx(2 * 0.7213, rel=1e-2)


def test_budgets_hold_also_where_somebody_else_admits(desk_world: PostgresDeskWorld) -> None:
    class Spent:
        def states(self, connection: object, *, now: dt.datetime) -> list[BudgetState]:
            return [
                BudgetState(
                    name="march",
                    scope=BudgetScope(),
                    left_usd=Decimal(0),
                    left_gpu_hours=None,
                )
            ]

    desk_world.set_policy("other_tenants: {limits: {gpu: 0}}")
    kueue = desk_world.another_desk(is_elsewhere=lambda _: True)
    bounded = desk_world.another_desk(is_elsewhere=lambda _: True, budgets=Spent())
    (free,) = desk_world.write(FIRST, gpu_spec(), 1)
    (stopped,) = desk_world.write(SECOND, gpu_spec(), 1)

    assert kueue.ask(FIRST, gpu_spec(), [free])[free].is_admitted
    answer = bounded.ask(SECOND, gpu_spec(), [stopped])[stopped]
    assert not answer.is_admitted
    assert answer.reason.startswith("budget march has $0.00 left")


def test_who_ends_while_a_pass_decides_is_no_deadlock(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(TWO_GPUS)
    names = desk_world.write(FIRST, gpu_spec(), 6)
    desk_world.desk.ask(FIRST, gpu_spec(), names)
    with desk_world.pool.connection() as ending:
        for name in reversed(names):
            ending.execute(
                "UPDATE attempts SET state = 'ended', ended_at = now() WHERE attempt_id = %s",
                (name,),
            )
        (other,) = desk_world.write(SECOND, gpu_spec(), 1)
        answers = desk_world.another_desk().ask(SECOND, gpu_spec(), [other])
        assert not answers[other].is_admitted

    assert desk_world.another_desk().ask(SECOND, gpu_spec(), [other])[other].is_admitted


def _at_once(calls: Sequence[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _controller(url: str, sweep_id: SweepId, names: list[AttemptId], start: Any) -> None:
    """Asks again and again, ends what was admitted, until nothing is left."""
    with open_pool(url, max_size=1) as pool:
        world = PostgresDeskWorld(pool)
        start.wait()
        rest, deadline = list(names), dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
        while rest and dt.datetime.now(dt.UTC) < deadline:
            answers = world.desk.ask(sweep_id, gpu_spec(), rest)
            for name in [n for n in rest if n in answers and answers[n].is_admitted]:
                held = world.execute(
                    "SELECT coalesce(sum(gpu), 0) FROM admissions JOIN attempts USING (attempt_id)"
                    " WHERE admitted_at IS NOT NULL AND state <> 'ended'"
                )
                if held[0][0] > 2:
                    raise AssertionError(f"{held[0][0]} GPUs are held")
                world.end(name)
                rest.remove(name)
        if rest:
            raise AssertionError(f"{len(rest)} were never admitted")


def test_two_processes_at_once_never_exceed_a_limit(
    desk_world: PostgresDeskWorld, database: Database
) -> None:
    desk_world.set_policy(TWO_GPUS)
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    processes = [
        context.Process(
            target=_controller,
            args=(database.url, sweep, desk_world.write(sweep, gpu_spec(), 25), start),
        )
        for sweep in (FIRST, SECOND)
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(timeout=90)

    assert [process.exitcode for process in processes] == [0, 0]
    assert desk_world.execute("SELECT count(*) FROM admissions WHERE admitted_at IS NULL") == [(0,)]


def test_who_dies_within_a_pass_has_decided_nothing(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(TWO_GPUS)
    names = desk_world.write(FIRST, gpu_spec(), 3)

    class Killed:
        def states(self, connection: Any, *, now: dt.datetime) -> list[BudgetState]:
            backend = connection.info.backend_pid
            with psycopg.connect(connection.info.dsn) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (backend,))
            return []

    with pytest.raises(StorageUnavailable):
        desk_world.another_desk(budgets=Killed()).ask(FIRST, gpu_spec(), names)

    assert desk_world.execute("SELECT count(*) FROM admissions WHERE admitted_at IS NOT NULL") == [
        (0,)
    ]
    answers = desk_world.another_desk().ask(FIRST, gpu_spec(), names)
    assert [answers[name].is_admitted for name in names] == [True, True, False]


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6))
def test_no_interleaving_of_controllers_and_crashes_exceeds_a_limit_or_leaks(
    desk_world: PostgresDeskWorld, seed: int
) -> None:
    chance = random.Random(seed)
    limit = chance.randint(1, 4)
    policy = f"# {seed} {chance.random()}\nother_tenants: {{limits: {{gpu: {limit}}}}}"
    desk_world.set_policy(policy)
    desk_world.execute("UPDATE attempts SET state = 'ended', ended_at = now()")
    specs: dict[SweepId, SweepSpec] = {}
    rest: dict[SweepId, list[AttemptId]] = {}
    for _ in range(3):
        sweep = SweepId(f"digits-{chance.randrange(32**8):08d}"[:15])
        specs[sweep] = gpu_spec(gpu=chance.randint(1, limit))
        rest[sweep] = desk_world.write(sweep, specs[sweep], chance.randint(1, 4))
    desks = [desk_world.another_desk() for _ in range(2)]

    def step() -> None:
        sweep = chance.choice(list(rest))
        names = rest[sweep]
        match chance.choice(("ask", "ask", "end", "withdraw", "together")):
            case "ask":
                # A controller that was killed is followed by one that knows nothing.
                desk = chance.choice((*desks, desk_world.another_desk()))
                desk.ask(sweep, specs[sweep], names)
            case "end" if names:
                name = chance.choice(names)
                desk_world.end(name)
                names.remove(name)
            case "withdraw":
                desks[0].withdraw(names[:1])
            case _:
                _at_once(
                    [
                        partial(d.ask, s, specs[s], rest[s])
                        for d, s in zip(desks, rest, strict=False)
                    ]
                )

    for _ in range(60):
        step()
        ((held,),) = desk_world.execute(
            "SELECT coalesce(sum(gpu), 0) FROM admissions JOIN attempts USING (attempt_id)"
            " WHERE admitted_at IS NOT NULL AND state <> 'ended'"
        )
        assert held <= limit

    for name in (name for names in rest.values() for name in names):
        desk_world.end(name)  # nothing is left behind that keeps others out
    fresh = SweepId(f"digits-{chance.randrange(32**8):08d}"[:15] + "z")
    (name,) = desk_world.write(fresh, gpu_spec(gpu=limit), 1)
    assert desk_world.another_desk().ask(fresh, gpu_spec(gpu=limit), [name])[name].is_admitted


class _Kills:
    """A launcher whose process dies when it is to launch."""

    launches_at_once = 1

    def poll(self, sweep_id: SweepId, attempt_ids: object) -> dict[AttemptId, Any]:
        return {}

    def launch(self, request: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def _dies_at_launch(url: str, spec: SweepSpec) -> None:
    with open_pool(url, max_size=2) as pool:
        SweepController(
            FIRST,
            store=PostgresWorld(pool).store,
            launcher=_Kills(),  # type: ignore[arg-type]
            credentials=FakeCredentials(),
            clock=SystemClock(),
            name="dies",
            desk=PostgresDeskWorld(pool).desk,
        ).tick()


def test_who_is_killed_between_admission_and_launch_leaks_nothing(
    desk_world: PostgresDeskWorld, database: Database
) -> None:
    spec = gpu_spec(limits=some_limits(max_trials=3, max_parallel=3))
    desk_world.set_policy(TWO_GPUS)
    desk_world.rows.submit(FIRST, spec)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_dies_at_launch, args=(database.url, spec))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    held = "SELECT count(*) FROM admissions WHERE admitted_at IS NOT NULL AND ended_at IS NULL"
    assert desk_world.execute(held) == [(2,)]

    clock = FakeClock()
    launcher = FakeLauncher(clock, script=runs_for(1e6), deliver=lambda *_: None)
    controller = SweepController(
        FIRST,
        store=desk_world.rows.store,
        launcher=launcher,
        credentials=FakeCredentials(),
        clock=clock,
        name="next",
        desk=desk_world.another_desk(),
    )
    controller.tick()

    assert len(launcher.launched) == 2
    assert desk_world.execute(held) == [(2,)]
    controller.tick()
    assert len(launcher.launched) == 2
