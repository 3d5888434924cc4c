"""How many trials a second the controller brings from pending to completed.

The real `SweepController` and `PostgresTrialStore` on a real PostgreSQL, with a launcher whose
scripts take no time: at every tick each one stores its next report, as a gateway would, or obeys
the search's decision and ends. Two floors are measured in the same run: commits of a single row,
and the writes of the very same sweep without any controller. Memory is looked at after every
tenth of the trials: what grows with their square shows.

    python -m benchmarks.controller --json --strategy asha --trials 10000 --parallel 16
"""

import argparse
import contextlib
import statistics
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import psutil
from psycopg.types.json import Jsonb

from benchmarks import machine
from benchmarks.postgres import fresh_database, server
from storage import queries
from storage.database import Pool, open_pool, transaction
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.trials import PostgresTrialStore
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.objectives import Direction, Objective
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.spaces import Categorical, Float, Int, SearchSpace
from sweeps.specs import Limits, SchedulerSpec, StrategySpec, SweepSpec, TrialSpec
from sweeps.states import Decision, ExitReason
from sweeps.trials import Changes, Exit, LaunchRequest, Signals, SweepSnapshot

_SWEEP = SweepId("benchmark-aaaaaaaa")
_FLOOR_COMMITS = 500
_MOST_REPEATED = 10_000  # trials whose writes are kept to be done again


_STRATEGIES = {
    "random": SchedulerSpec(),
    "asha": SchedulerSpec(name="asha", max_resource=27),
    "asha-promotion": SchedulerSpec(name="asha", variant="promotion", max_resource=27),
    "hyperband": SchedulerSpec(name="hyperband", max_resource=27),
}


def a_spec(*, trials: int, parallel: int, strategy: str) -> SweepSpec:
    """A sweep like many: three parameters; without early stopping, one report a trial."""
    return SweepSpec(
        experiment="benchmark",
        owner="nobody",
        purpose="What does the controller itself cost?",
        objective=Objective(metric="loss", direction=Direction.MINIMIZE),
        space=SearchSpace(
            parameters={
                "lr": Float(low=1e-5, high=1.0, log=True),
                "layers": Int(low=1, high=16),
                "activation": Categorical(choices=("relu", "tanh", "gelu")),
            }
        ),
        limits=Limits(max_trials=trials, max_parallel=parallel),
        trial=TrialSpec(command=("true",)),
        strategy=StrategySpec(
            name=strategy.split("-", maxsplit=1)[0], scheduler=_STRATEGIES[strategy]
        ),
    )


@contextlib.contextmanager
def database(server_url: str) -> Generator[Pool, None, None]:
    """A pool on a fresh database with the current schema."""
    with fresh_database(server_url) as url, open_pool(url) as pool:
        yield pool


@dataclass(frozen=True)
class Reported:
    """A report on its way to the database."""

    run_id: RunId
    level: int
    value: float


class Gateway:
    """Stores reports as the real one does: what arrived together goes in together."""

    def __init__(self, pool: Pool, sweep_id: SweepId = _SWEEP) -> None:
        self._pool = pool
        self._sweep_id = sweep_id

    def report(self, reports: Sequence[Reported]) -> None:
        """Store them."""
        with transaction(self._pool) as connection:
            connection.execute(
                queries.load("ingest")["insert_reports"],
                {
                    "run_ids": [report.run_id for report in reports],
                    "levels": [report.level for report in reports],
                    "sweep_ids": [self._sweep_id] * len(reports),
                    "values": [report.value for report in reports],
                    "reported": [Jsonb({"loss": report.value}) for report in reports],
                    "reported_ats": [SystemClock().now()] * len(reports),
                },
            )


class Recorder:
    """A `TrialStore` that remembers every write, to be done again without a controller."""

    def __init__(self, store: PostgresTrialStore, gateway: Gateway) -> None:
        self._store = store
        self._gateway = gateway
        self.writes: list[Changes | Sequence[Reported]] = []
        self.answers: dict[tuple[RunId, int], Decision] = {}
        self.keeps_writes = True
        self.n_started = 0

    def take_over(self, sweep_id: SweepId, *, controller: str) -> int:
        """As the store."""
        return self._store.take_over(sweep_id, controller=controller)

    def load(self, sweep_id: SweepId) -> SweepSnapshot:
        """As the store."""
        return self._store.load(sweep_id)

    def poll(self, sweep_id: SweepId) -> Signals:
        """As the store."""
        return self._store.poll(sweep_id)

    def apply(self, sweep_id: SweepId, lease: int, changes: Changes) -> None:
        """As the store, and remember it."""
        if self.keeps_writes:
            self.writes.append(changes)
        self._store.apply(sweep_id, lease, changes)
        self.n_started += len(changes.new_trials)
        for report in changes.decided:
            if report.decision is not None:
                self.answers[report.run_id, report.resource_level] = report.decision

    def report(self, reports: Sequence[Reported]) -> None:
        """As the gateway, and remember it."""
        if self.keeps_writes:
            self.writes.append(reports)
        self._gateway.report(reports)


@dataclass
class Script:
    """A training script that takes no time."""

    run_id: RunId
    quality: float
    levels: deque[int]
    asked: int | None = None  # level at which it waits for an answer


class NoOpLauncher:
    """Attempts that go on by one report whenever somebody looks."""

    launches_at_once = 1

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._live: dict[AttemptId, Script] = {}
        self._reached: dict[RunId, int] = {}
        self._status: dict[AttemptId, AttemptStatus] = {}

    def launch(self, request: LaunchRequest) -> None:
        """Note that it has started."""
        if request.attempt_id in self._status:
            return
        reached = self._reached.get(request.run_id, 0)
        known = request.environment
        rungs = [int(rung) for rung in known["SWEEPWORKS_RUNGS"].split(",") if rung]
        last = int(known.get("SWEEPWORKS_MAX_RESOURCE", "1"))
        self._live[request.attempt_id] = Script(
            run_id=request.run_id,
            quality=float(known["SWEEPWORKS_PARAM_LR"]) % 1e-3,
            levels=deque(level for level in [*rungs, last] if level > reached),
        )
        self._status[request.attempt_id] = AttemptStatus(
            attempt_id=request.attempt_id,
            phase=AttemptPhase.RUNNING,
            started_at=SystemClock().now(),
        )

    def poll(
        self,
        sweep_id: SweepId,  # noqa: ARG002 - the port's signature
        attempt_ids: Iterable[AttemptId],
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Where everybody is; their reports are stored first."""
        reports = [
            report
            for attempt_id, script in list(self._live.items())
            if (report := self._next_report(attempt_id, script)) is not None
        ]
        if reports:
            self._recorder.report(reports)
        return {name: self._status[name] for name in attempt_ids if name in self._status}

    def _next_report(self, attempt_id: AttemptId, script: Script) -> Reported | None:
        if script.asked is not None:
            answer = self._recorder.answers.pop((script.run_id, script.asked), None)
            if answer is None:
                return None
            if answer is not Decision.CONTINUE:
                self._end(attempt_id)
                return None
        level = script.asked = script.levels.popleft()
        self._reached[script.run_id] = level
        if not script.levels:
            self._end(attempt_id)
        return Reported(script.run_id, level, script.quality + 1.0 / level)

    def _end(self, attempt_id: AttemptId) -> None:
        del self._live[attempt_id]
        self._status[attempt_id] = replace(
            self._status[attempt_id],
            phase=AttemptPhase.EXITED,
            ended_at=SystemClock().now(),
            exit=Exit(reason=ExitReason.COMPLETED, code=0),
        )

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """Nothing to stop."""

    def reap(self, sweep_id: SweepId) -> int:  # noqa: ARG002 - the port's signature
        """Nothing to end."""
        return 0


class NoCredentials:
    """Nothing runs, so nothing needs a token."""

    def for_attempt(
        self,
        tenant_id: TenantId,  # noqa: ARG002 - the port's signature
        attempt_id: AttemptId,  # noqa: ARG002 - the port's signature
    ) -> Mapping[str, str]:
        """None."""
        return {}


@dataclass(frozen=True)
class Ran:
    """A sweep that has ended."""

    ticks: list[float]  #: seconds of each
    recorder: Recorder
    memory: list[int]  #: bytes of the process after every tenth of the trials had started


def run_sweep(pool: Pool, spec: SweepSpec) -> Ran:
    """One sweep from its first tick to its last."""
    SweepCatalog(pool).submit(_SWEEP, spec, source_dir="", created_by="benchmark")
    recorder = Recorder(PostgresTrialStore(pool), Gateway(pool))
    controller = SweepController(
        _SWEEP,
        store=recorder,
        launcher=NoOpLauncher(recorder),
        credentials=NoCredentials(),
        clock=SystemClock(),
        name="benchmark",
    )
    recorder.keeps_writes = spec.limits.max_trials <= _MOST_REPEATED
    process = psutil.Process()
    ticks: list[float] = []
    memory = [process.memory_info().rss]
    is_over = False
    while not is_over:
        begun = time.perf_counter()
        tick = controller.tick()
        ticks.append(time.perf_counter() - begun)
        is_over = tick.state.is_terminal
        if recorder.n_started >= len(memory) * spec.limits.max_trials / 10:
            memory.append(process.memory_info().rss)
    return Ran(ticks, recorder, memory)


def repeat_writes(pool: Pool, spec: SweepSpec, writes: list[Changes | Sequence[Reported]]) -> float:
    """Seconds that the same writes take with nobody who thinks about them."""
    SweepCatalog(pool).submit(_SWEEP, spec, source_dir="", created_by="benchmark")
    store, gateway = PostgresTrialStore(pool), Gateway(pool)
    lease = store.take_over(_SWEEP, controller="benchmark")
    begun = time.perf_counter()
    for write in writes:
        if isinstance(write, Changes):
            store.apply(_SWEEP, lease, write)
        else:
            gateway.report(write)
    return time.perf_counter() - begun


def commits_per_second(pool: Pool) -> float:
    """Single rows, each in a transaction of its own, on one connection."""
    with pool.connection() as connection:
        connection.execute("CREATE TABLE floor (n int PRIMARY KEY, text text NOT NULL)")
        connection.commit()
        begun = time.perf_counter()
        for n in range(_FLOOR_COMMITS):
            connection.execute("INSERT INTO floor VALUES (%s, %s)", (n, "x" * 100))
            connection.commit()
        return _FLOOR_COMMITS / (time.perf_counter() - begun)


def check(pool: Pool, trials: int) -> None:
    """A fast controller that does the wrong thing is worth no figure."""
    snapshot = PostgresTrialStore(pool).load(_SWEEP)
    done = sum(trial.state in {"completed", "stopped"} for trial in snapshot.trials)
    if done != trials:
        raise SystemExit(f"{done} of {trials} trials have a result: {snapshot.sweep.reason}")


def measure(*, trials: int, parallel: int, strategy: str) -> dict[str, object]:
    """Every figure of one run."""
    spec = a_spec(trials=trials, parallel=parallel, strategy=strategy)
    with server() as url:
        with database(url) as pool:
            commits = commits_per_second(pool)
            begun = time.perf_counter()
            cpu = time.process_time()
            ran = run_sweep(pool, spec)
            seconds = time.perf_counter() - begun
            cpu = time.process_time() - cpu
            check(pool, trials)
            begun = time.perf_counter()
            snapshot = PostgresTrialStore(pool).load(_SWEEP)
            load_seconds = time.perf_counter() - begun
        write_seconds = None
        if ran.recorder.writes:
            with database(url) as pool:
                write_seconds = repeat_writes(pool, spec, ran.recorder.writes)
    ticks, first = ran.ticks, ran.memory[0]
    quantiles = statistics.quantiles(ticks, n=20) if len(ticks) > 1 else ticks * 19
    return {
        "trials_per_second": round(trials / seconds, 1),
        "trials": trials,
        "strategy": strategy,
        "reports": len(snapshot.reports),
        "trials_by_state": dict(Counter(str(trial.state) for trial in snapshot.trials)),
        "parallel": parallel,
        "seconds": round(seconds, 2),
        "ticks": len(ticks),
        "tick_p50_ms": round(quantiles[9] * 1000, 2),
        "tick_p95_ms": round(quantiles[18] * 1000, 2),
        "cpu_seconds": round(cpu, 2),
        "load_seconds": round(load_seconds, 2),
        "floor_commits_per_second": round(commits, 1),
        "share_of_commit_floor": round(trials / seconds / commits, 3),
        "memory_mb_by_tenth": [round((bytes_ - first) / 1e6, 1) for bytes_ in ran.memory[1:]],
        "floor_writes_trials_per_second": write_seconds and round(trials / write_seconds, 1),
        "share_of_write_floor": write_seconds and round(write_seconds / seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--strategy", choices=sorted(_STRATEGIES), default="random")
    arguments = parser.parse_args()
    figures = measure(
        trials=arguments.trials, parallel=arguments.parallel, strategy=arguments.strategy
    )
    machine.show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
