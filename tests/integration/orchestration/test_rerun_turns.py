"""Reruns from the queue to their ends, on a database: who waits, who is refused, who is killed."""

import datetime as dt
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from governance.budgets.forecasts import OverBudget
from orchestration.platform import Platform
from orchestration.reruns import turn
from orchestration.reruns.execution import conclude, execute, write_record
from storage.database import Pool, open_pool
from sweeps import ids
from sweeps.errors import SweepsError
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.rerun_demand import RerunDemand
from sweeps.states import ExitReason, RunState
from sweeps.trials import Exit, LaunchRequest
from tests.integration.storage.rerun_world import ONE_GPU, RerunWorld
from tests.integration.storage.test_ingest_store import TENANT
from tests.plugins.postgres import Database


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=8) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool) -> RerunWorld:
    return RerunWorld(pool)


class Machine:
    """Launches what runs until it is told to end."""

    def __init__(self, *, began: dt.timedelta = dt.timedelta(hours=1)) -> None:
        self.launched = threading.Event()
        self.exit: Exit | None = None
        self._started_at = dt.datetime.now(dt.UTC) - began

    def launch(self, request: LaunchRequest) -> None:
        self.launched.set()

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        self.exit = self.exit or Exit(reason=reason, signal=15)

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        if not self.launched.is_set():
            return {}
        status = AttemptStatus(
            attempt_id=next(iter(attempt_ids)),
            phase=AttemptPhase.RUNNING if self.exit is None else AttemptPhase.EXITED,
            started_at=self._started_at,
            ended_at=None if self.exit is None else dt.datetime.now(dt.UTC),
            exit=self.exit,
            node="here",
            gpus=("0",),
            gpu_model="NVIDIA A100",
            gpu_count=1,
        )
        return {status.attempt_id: status}


def platform_of(world: RerunWorld) -> Platform:
    parts = SimpleNamespace(
        reruns=world.reruns, runs=world.runs, desk=world.desk(), budget_gate=world.gate
    )
    return cast("Platform", parts)


class Command:
    """`sweepworks rerun` from when the run is made to its end, in a thread."""

    def __init__(self, world: RerunWorld, demand: RerunDemand) -> None:
        self.machine = Machine()
        self.said: list[str] = []
        self.error: SweepsError | None = None
        self._world, self._demand = world, demand
        self.run = world.name()
        self._thread = threading.Thread(target=self._go)
        self._thread.start()

    def _go(self) -> None:
        try:
            make(self._world, self._demand, self.run, self.machine, self.said.append)
        except SweepsError as exc:
            self.error = exc

    def finish(self) -> RunState:
        """Its process ends well."""
        self.machine.exit = Exit(reason=ExitReason.COMPLETED, code=0)
        return self.wait()

    def wait(self) -> RunState:
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        return self._world.runs.get(self.run, tenant_id=TENANT).run.state


def make(
    world: RerunWorld,
    demand: RerunDemand,
    run: RunId,
    machine: Machine,
    say: Callable[[str], None],
) -> None:
    platform = platform_of(world)
    old = world.runs.get(demand.repeats, tenant_id=TENANT)
    write_record(platform, old, run, params={}, demand=demand)
    request = LaunchRequest(
        attempt_id=ids.attempt_id(run, 1), run_id=run, sweep_id=SweepId(run), command=("true",),
        environment={}, resources=demand.resources, source_dir="",
    )  # fmt: skip
    state, reason = execute(platform, cast("Any", machine), request, demand, say=say)
    conclude(platform, run, state, reason)


@pytest.fixture
def begin(world: RerunWorld) -> Generator[Callable[[RerunDemand], Command], None, None]:
    begun: list[Command] = []

    def begin(demand: RerunDemand) -> Command:
        begun.append(Command(world, demand))
        return begun[-1]

    yield begin
    for command in begun:
        command.finish()


def until(look: Callable[[], object], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


Begin = Callable[[RerunDemand], Command]


def test_one_waits_while_the_quota_is_full_and_starts_when_it_is_freed(
    world: RerunWorld, begin: Begin
) -> None:
    world.quotas(ONE_GPU)
    demand = world.demand(world.original())
    first = begin(demand)
    until(first.machine.launched.is_set)

    second = begin(demand)
    until(lambda: second.said)
    waits = world.runs.get(second.run, tenant_id=TENANT).run.state
    launched_early = second.machine.launched.is_set()
    assert first.finish() is RunState.COMPLETED
    until(second.machine.launched.is_set)

    assert (waits, launched_early) == (RunState.QUEUED, False)
    assert second.said[0].startswith("tenant default may hold 1 GPU at once; place 1 in the queue")
    assert second.finish() is RunState.COMPLETED


def test_its_attempt_has_its_real_times_and_machine_and_is_in_the_ledger(
    world: RerunWorld, begin: Begin
) -> None:
    world.prices()
    command = begin(world.demand(world.original()))
    until(command.machine.launched.is_set)
    command.finish()
    for day in world.days():
        world.ledger.replace(day, now=world.now())

    record = world.runs.get(command.run, tenant_id=TENANT)

    (attempt,) = record.attempts
    assert (attempt.node, attempt.gpus, attempt.machine) == ("here", ("0",), "1 x NVIDIA A100")
    assert attempt.started_at is not None
    assert attempt.ended_at is not None
    hours = Decimal((attempt.ended_at - attempt.started_at).total_seconds()) / 3600
    (paid,) = world.execute("SELECT sum(amount_usd) FROM cost_entries")[0]
    assert paid == pytest.approx(hours * Decimal("2.04"), abs=Decimal("0.0001"))
    for day in world.days():
        assert world.ledger.attempts_without_entry(day).count == 0
        assert world.ledger.entries_without_attempt(day).count == 0


def test_a_budget_that_is_spent_while_it_waits_refuses_it(
    world: RerunWorld, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_BUDGET_SECONDS", 0.5)
    world.prices()
    world.budget("{name: march, tenant: default, period: total, max_gpu_hours: 2}")
    demand = world.demand(world.original())
    first = begin(demand)  # an hour and a half is reserved
    until(first.machine.launched.is_set)

    second = begin(world.demand(demand.repeats, by="bob"))
    until(lambda: second.said)
    first.finish()  # it has taken an hour of two, which pays for no other one

    assert second.wait() is RunState.FAILED
    assert isinstance(second.error, OverBudget)
    assert "march has" in str(second.error)
    assert not second.machine.launched.is_set()
    # What is spent lets nobody start who asks after that.
    with pytest.raises(OverBudget, match="march has"):
        world.gate.check_rerun(demand)


def test_who_interrupts_gives_the_place_back(
    world: RerunWorld, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.quotas(ONE_GPU)
    demand = world.demand(world.original())
    first = begin(demand)
    until(first.machine.launched.is_set)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    interrupted = world.name()
    with monkeypatch.context() as patched:
        patched.setattr(turn, "time", SimpleNamespace(monotonic=time.monotonic, sleep=interrupt))
        with pytest.raises(KeyboardInterrupt):
            make(world, demand, interrupted, Machine(), lambda _: None)

    report = world.execute("SELECT count(*) FROM admissions WHERE ended_at IS NULL")
    assert report == [(1,)]  # the first one's
    assert world.runs.get(interrupted, tenant_id=TENANT).run.state is RunState.CANCELLED


def _killed(url: str, demand: RerunDemand, run: RunId, launched: Any) -> None:
    with open_pool(url, max_size=2) as pool:
        world, machine = RerunWorld(pool), Machine()
        threading.Thread(
            target=lambda: (machine.launched.wait(), launched.set()), daemon=True
        ).start()
        make(world, demand, run, machine, lambda _: launched.set())


@pytest.mark.parametrize("waits", [True, False])
def test_who_is_killed_leaks_no_reservation(
    world: RerunWorld, database: Database, *, waits: bool
) -> None:
    world.quotas(ONE_GPU)
    demand, run = world.demand(world.original()), world.name()
    holder = world.live(demand) if waits else None
    context = multiprocessing.get_context("spawn")
    told = context.Event()
    process = context.Process(target=_killed, args=(database.url, demand, run, told), daemon=True)
    process.start()
    assert told.wait(timeout=60)
    assert process.pid is not None
    if not waits:  # its process is seen to run
        until(lambda: world.execute("SELECT 1 FROM attempts WHERE state = 'running'"))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    if holder is not None:
        world.end(holder)
    other, attempt = world.create(demand), ids.attempt_id(run, 1)
    if not waits:
        assert not world.desk().ask_for_rerun(other, demand).is_admitted

    world.go_silent(attempt, minutes=16)
    assert world.keep_up() == (run,)

    assert world.desk().ask_for_rerun(other, demand).is_admitted
    (found,) = world.runs.get(run, tenant_id=TENANT).attempts
    assert found.exit is not None
    assert found.exit.reason is ExitReason.LOST
    assert (found.started_at is None) is waits
