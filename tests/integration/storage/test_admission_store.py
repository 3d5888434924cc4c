"""The desk on PostgreSQL: the contract, two at once, crashes, and what fair share remembers."""

import contextlib
import datetime as dt
import itertools
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.budgets.budget import BudgetScope, BudgetState
from governance.quotas.file import QUOTAS
from storage import migrations_runner
from storage.database import Pool, open_pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.admissions import PostgresAdmissionDesk
from storage.queue.view import QueueView
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
from tests.simulation import Killed, Meddled, RaiseAt, runs_for

_NUMBERS = itertools.count()  # of sweeps: a seed that is tried again finds a world of its own
SQL_FOLDER = Path(migrations_runner.__file__).parent / "migrations" / "sql"


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

    def go_silent(self, sweep_id: SweepId) -> None:
        """Its controller has not asked for an hour, and a pass is due."""
        self.execute(
            "UPDATE admission_seekers SET asked_at = now() - interval '1 hour' WHERE sweep_id = %s",
            (sweep_id,),
        )
        self.execute("UPDATE scheduling_state SET decided_at = '-infinity'")

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


def test_who_gives_way_is_seen_in_the_queue_with_its_reason_and_since_when(
    desk_world: PostgresDeskWorld,
) -> None:
    desk_world.set_policy(TWO_GPUS)
    names = desk_world.write(FIRST, gpu_spec(), 3)
    desk_world.desk.ask(FIRST, gpu_spec(), names)
    desk_world.execute("UPDATE admissions SET queued_at = now() - interval '3 days'")
    desk_world.start(names[0], ago="1 hour")
    view = QueueView(desk_world.pool, desk_world.policies)

    desk_world.desk.give_way(names, reason="waits for the peak to be over")
    desk_world.desk.run_pass()  # nobody has asked again
    waiting = view.report().waiting
    desk_world.another_desk().ask(FIRST, gpu_spec(), names)

    assert [one.attempt_id for one in waiting] == names[1:], "what runs gives no way"
    assert {(one.reason, one.place) for one in waiting} == {("waits for the peak to be over", None)}
    (late,) = view.report().waiting
    assert (late.place, late.queued_at) == (1, waiting[1].queued_at)
    assert late.reason == "tenant default may hold 2 GPUs at once"


def test_who_gave_way_to_one_process_is_back_when_another_asks_that_knew_it_before(
    desk_world: PostgresDeskWorld,
) -> None:
    (name,) = desk_world.write(FIRST, gpu_spec(), 1)
    desk_world.desk.ask(FIRST, gpu_spec(), [name])
    desk_world.another_desk().give_way([name], reason="waits for the peak to be over")

    answers = [desk_world.desk.ask(FIRST, gpu_spec(), [name])[name] for _ in range(2)]

    assert [answer.is_admitted for answer in answers] == [False, True]


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


def test_who_was_never_launched_goes_back_to_the_queue_when_its_controller_is_gone(
    desk_world: PostgresDeskWorld,
) -> None:
    desk_world.set_policy(TWO_GPUS)
    gone = desk_world.write(FIRST, gpu_spec(), 2)
    desk_world.desk.ask(FIRST, gpu_spec(), gone)
    assert desk_world.desk.begin_launch(FIRST, gone[0])
    others = desk_world.write(SECOND, gpu_spec(), 2)
    desk_world.go_silent(FIRST)

    answers = desk_world.another_desk().ask(SECOND, gpu_spec(), others)

    # The launched one may be alive somewhere, and holds on.
    assert [answers[name].is_admitted for name in others] == [True, False]
    back = desk_world.another_desk()
    assert back.begin_launch(FIRST, gone[0])
    assert not back.begin_launch(FIRST, gone[1])
    assert not back.ask(FIRST, gpu_spec(), gone)[gone[1]].is_admitted
    for name in others:
        desk_world.end(name)
    assert back.ask(FIRST, gpu_spec(), gone)[gone[1]].is_admitted
    assert back.begin_launch(FIRST, gone[1])


def test_who_found_no_place_was_not_launched(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy("other_tenants: {limits: {gpu: 1}}")
    (gone,) = desk_world.write(FIRST, gpu_spec(), 1)
    desk_world.desk.ask(FIRST, gpu_spec(), [gone])
    assert desk_world.desk.begin_launch(FIRST, gone)
    desk_world.desk.found_no_place(gone)
    (other,) = desk_world.write(SECOND, gpu_spec(), 1)
    desk_world.go_silent(FIRST)

    assert desk_world.another_desk().ask(SECOND, gpu_spec(), [other])[other].is_admitted


def test_a_controller_whose_trials_wait_for_a_slot_is_not_silent(
    desk_world: PostgresDeskWorld,
) -> None:
    desk_world.set_policy("other_tenants: {limits: {gpu: 1}}")
    (name,) = desk_world.write(FIRST, gpu_spec(), 1)
    desk_world.desk.ask(FIRST, gpu_spec(), [name])
    desk_world.go_silent(FIRST)
    desk_world.another_desk().begin_launch(FIRST, name)
    desk_world.desk.found_no_place(name)
    (other,) = desk_world.write(SECOND, gpu_spec(), 1)

    assert not desk_world.another_desk().ask(SECOND, gpu_spec(), [other])[other].is_admitted


def test_rows_of_a_version_that_did_not_tell_of_launches_hold_on(
    desk_world: PostgresDeskWorld,
) -> None:
    desk_world.set_policy("other_tenants: {limits: {gpu: 1}}")
    (old,) = desk_world.write(FIRST, gpu_spec(), 1)
    desk_world.desk.ask(FIRST, gpu_spec(), [old])
    desk_world.execute("UPDATE admissions SET may_be_launched = DEFAULT")
    (other,) = desk_world.write(SECOND, gpu_spec(), 1)
    desk_world.go_silent(FIRST)

    assert not desk_world.another_desk().ask(SECOND, gpu_spec(), [other])[other].is_admitted


def test_attempts_that_ran_before_there_was_a_queue_are_counted(
    desk_world: PostgresDeskWorld,
) -> None:
    desk_world.set_policy(TWO_GPUS)
    old, pending = desk_world.write(FIRST, gpu_spec(gpu=1, nodes=2), 2)
    desk_world.start(old, ago="1 hour")
    text = (SQL_FOLDER / "0048_pre_admit_live_attempts.sql").read_text()

    for _ in range(2):
        desk_world.execute(text)

    rows = desk_world.execute("SELECT attempt_id, gpu, cpu_millis > 0 FROM admissions")
    assert rows == [(old, 2, True)]
    (other,) = desk_world.write(SECOND, gpu_spec(), 1)
    assert not desk_world.desk.ask(SECOND, gpu_spec(), [other])[other].is_admitted
    desk_world.end(old)
    assert desk_world.desk.ask(SECOND, gpu_spec(), [other])[other].is_admitted
    assert pending not in {row[0] for row in rows}


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

        def keep_sums(self) -> None:
            """It sums nothing."""

    desk_world.set_policy("other_tenants: {limits: {gpu: 0}}")
    kueue = desk_world.another_desk(is_elsewhere=lambda _: True)
    bounded = desk_world.another_desk(is_elsewhere=lambda _: True, budgets=Spent())
    (free,) = desk_world.write(FIRST, gpu_spec(), 1)
    (stopped,) = desk_world.write(SECOND, gpu_spec(), 1)

    assert kueue.ask(FIRST, gpu_spec(), [free])[free].is_admitted
    answer = bounded.ask(SECOND, gpu_spec(), [stopped])[stopped]
    assert not answer.is_admitted
    assert answer.reason.startswith("budget march has too little left")


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

        def keep_sums(self) -> None:
            raise AssertionError("a pass that has failed is not over")

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
    launched: dict[AttemptId, int] = {}  # alive, with the GPUs that each holds

    def step() -> None:
        sweep = chance.choice(list(rest))
        names = rest[sweep]
        match chance.choice(
            ("ask", "ask", "launch", "end", "silence", "withdraw", "give way", "together")
        ):
            case "launch" if names:
                # Whatever it was told before: a controller may have slept since.
                name = chance.choice(names)
                if chance.choice(desks).begin_launch(sweep, name):
                    launched[name] = specs[sweep].trial.resources.gpu
            case "silence":
                desk_world.go_silent(sweep)
            case "ask":
                # A controller that was killed is followed by one that knows nothing.
                desk = chance.choice((*desks, desk_world.another_desk()))
                desk.ask(sweep, specs[sweep], names)
            case "end" if names:
                name = chance.choice(names)
                desk_world.end(name)
                names.remove(name)
                launched.pop(name, None)
            case "give way":
                desks[0].give_way([one for one in names if one not in launched], reason="peak")
            case "withdraw":
                # Of those only that its controller has not launched.
                desks[0].withdraw([name for name in names if name not in launched][:1])
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
        assert sum(launched.values()) <= limit

    for name in (name for names in rest.values() for name in names):
        desk_world.end(name)  # nothing is left behind that keeps others out
    fresh = SweepId(f"digits-{chance.randrange(32**8):08d}"[:15] + "z")
    (name,) = desk_world.write(fresh, gpu_spec(gpu=limit), 1)
    assert desk_world.another_desk().ask(fresh, gpu_spec(gpu=limit), [name])[name].is_admitted


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6))
def test_a_sweep_that_is_left_by_all_leaks_nothing_without_a_successor(
    desk_world: PostgresDeskWorld, seed: int
) -> None:
    chance = random.Random(seed)
    desk_world.set_policy(f"# {seed} {chance.random()}\nother_tenants: {{limits: {{gpu: 3}}}}")
    desk_world.execute("UPDATE attempts SET state = 'ended', ended_at = now()")
    sweep = SweepId(f"left-{next(_NUMBERS):08d}")
    spec = gpu_spec(limits=some_limits(max_trials=9, max_parallel=chance.randint(1, 4)))
    desk_world.rows.submit(sweep, spec)
    clock = FakeClock()
    launcher = FakeLauncher(
        clock, script=runs_for(1e6), deliver=lambda *_: None, capacity=chance.randint(0, 4)
    )
    ports: dict[str, Any] = {
        "store": desk_world.rows.store,
        "launcher": launcher,
        "desk": desk_world.desk,
    }
    dies = RaiseAt({chance.randrange(80): Killed})
    others = {"credentials": FakeCredentials(), "clock": clock}
    doomed = {name: Meddled(port, dies) for name, port in ports.items()}
    controller = SweepController(sweep, **cast("Any", doomed), **others, name="dies")
    with contextlib.suppress(Killed):
        for _ in range(8):
            controller.tick()
            clock.advance(chance.choice((0.5, 2.0)))
    for name in launcher.launched:  # and its trials with it, all or some
        match chance.choice(("killed", "killed", "lost", "spared")):
            case "killed":
                launcher.kill(name)
            case "lost":
                launcher.lose(name)
            case _:
                pass

    left = SweepController(sweep, **ports, **others, name="nobody")
    left.end_dead()
    left.end_dead()

    assert desk_world.execute(
        "SELECT count(*) FROM admissions JOIN attempts USING (attempt_id)"
        " WHERE admitted_at IS NOT NULL AND attempts.state <> 'ended'"
    ) == [(launcher.n_alive,)]


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


def _next_controller(desk_world: PostgresDeskWorld) -> tuple[SweepController, FakeLauncher]:
    """Whoever comes after the one that died, with a desk and a launcher of its own."""
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
    return controller, launcher


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

    controller, launcher = _next_controller(desk_world)
    controller.tick()

    assert len(launcher.launched) == 2
    assert desk_world.execute(held) == [(2,)]
    controller.tick()
    assert len(launcher.launched) == 2


def test_who_is_killed_at_launch_and_gone_for_long_keeps_only_what_may_be_alive(
    desk_world: PostgresDeskWorld, database: Database
) -> None:
    spec = gpu_spec(limits=some_limits(max_trials=3, max_parallel=3))
    desk_world.set_policy(TWO_GPUS)
    desk_world.rows.submit(FIRST, spec)
    process = multiprocessing.get_context("spawn").Process(
        target=_dies_at_launch, args=(database.url, spec)
    )
    process.start()
    process.join(timeout=60)
    desk_world.go_silent(FIRST)
    others = desk_world.write(SECOND, gpu_spec(), 2)

    answers = desk_world.another_desk().ask(SECOND, gpu_spec(), others)
    assert [answers[name].is_admitted for name in others] == [True, False]

    controller, launcher = _next_controller(desk_world)
    controller.tick()
    assert len(launcher.launched) == 1


def test_a_controller_that_slept_launches_nobody_whose_admission_was_taken_back(
    desk_world: PostgresDeskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.queue.admissions._SEEK_SECONDS", 0.0)
    spec = gpu_spec(limits=some_limits(max_trials=2, max_parallel=2))
    desk_world.set_policy(TWO_GPUS)
    desk_world.rows.submit(FIRST, spec)
    clock = FakeClock()
    launcher = FakeLauncher(clock, script=runs_for(1e6), deliver=lambda *_: None, capacity=0)
    controller = SweepController(
        FIRST,
        store=desk_world.rows.store,
        launcher=launcher,
        credentials=FakeCredentials(),
        clock=clock,
        name="sleeps",
        desk=desk_world.desk,
    )
    controller.tick()
    assert desk_world.execute(
        "SELECT count(*) FROM admissions WHERE admitted_at IS NOT NULL AND NOT may_be_launched"
    ) == [(2,)]
    desk_world.go_silent(FIRST)
    others = desk_world.write(SECOND, gpu_spec(), 2)
    answers = desk_world.another_desk().ask(SECOND, gpu_spec(), others)
    assert all(answers[name].is_admitted for name in others)

    launcher.capacity = 9
    controller.tick()
    controller.tick()
    assert not launcher.launched

    for name in others:
        desk_world.end(name)
    controller.tick()
    controller.tick()
    assert len(launcher.launched) == 2
