"""How many trials a second the controller brings from pending to completed.

The real `SweepController` and `PostgresTrialStore` on a real PostgreSQL, with a launcher that does
nothing: each trial has ended by the next tick, and its one report is in the database as a gateway
would have put it there. Two floors are measured in the same run: commits of a single row, and the
writes of the very same sweep without any controller.

    python -m benchmarks.controller --json --trials 2000 --parallel 8
"""

import argparse
import contextlib
import os
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from benchmarks import machine
from storage import queries
from storage.database import Pool, open_pool, transaction
from storage.migrations_runner import upgrade
from storage.sweep_catalog import SweepCatalog
from storage.trial_store import PostgresTrialStore
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.objectives import Direction, Objective
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.spaces import Categorical, Float, Int, SearchSpace
from sweeps.specs import Limits, StrategySpec, SweepSpec, TrialSpec
from sweeps.states import ExitReason
from sweeps.trials import Changes, Exit, LaunchRequest, Signals, SweepSnapshot

DSN = "SWEEPWORKS_TEST_DSN"
_SWEEP = SweepId("benchmark-aaaaaaaa")
_FLOOR_COMMITS = 500


def a_spec(*, trials: int, parallel: int) -> SweepSpec:
    """A sweep like many: three parameters, one report a trial."""
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
        strategy=StrategySpec(name="random"),
    )


@contextlib.contextmanager
def server() -> Generator[str, None, None]:
    """URL of a PostgreSQL: the one in the environment, or an embedded one with its usual settings."""
    dsn = os.environ.get(DSN)
    if dsn:
        yield dsn
        return
    from storage.embedded.postgres_server import PostgresServer

    folder = Path(tempfile.mkdtemp(prefix="sweepworks-bench-"))
    folder.chmod(0o711)  # as root, the server runs as somebody else
    postgres = PostgresServer(
        folder / "postgres",
        log_file=folder / "postgres.log",
        root_folder=folder / "clusters",
    )
    try:
        postgres.start()
        yield postgres.url("postgres")
    finally:
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database(server_url: str) -> Generator[Pool, None, None]:
    """A pool on a fresh database with the current schema."""
    name = f"benchmark_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    try:
        upgrade(url)
        with open_pool(url) as pool:
            yield pool
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


class Gateway:
    """Stores reports as the real one does: what arrived together goes in together."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def report(self, run_ids: list[RunId]) -> None:
        """One report for each of the runs."""
        with transaction(self._pool) as connection:
            connection.execute(
                queries.load("ingest")["insert_reports"],
                {
                    "run_ids": run_ids,
                    "levels": [1] * len(run_ids),
                    "sweep_ids": [_SWEEP] * len(run_ids),
                    "values": [0.5] * len(run_ids),
                    "reported": [Jsonb({"loss": 0.5})] * len(run_ids),
                    "reported_ats": [SystemClock().now()] * len(run_ids),
                },
            )


class Recorder:
    """A `TrialStore` that remembers every write, to be done again without a controller."""

    def __init__(self, store: PostgresTrialStore, gateway: Gateway) -> None:
        self._store = store
        self._gateway = gateway
        self.writes: list[Changes | list[RunId]] = []

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
        self.writes.append(changes)
        self._store.apply(sweep_id, lease, changes)

    def report(self, run_ids: list[RunId]) -> None:
        """As the gateway, and remember it."""
        self.writes.append(run_ids)
        self._gateway.report(run_ids)


class NoOpLauncher:
    """Attempts that have reported and ended by the time somebody looks."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._new: list[RunId] = []
        self._exited: dict[AttemptId, AttemptStatus] = {}

    def launch(self, request: LaunchRequest) -> None:
        """Note that it has ended already."""
        if request.attempt_id in self._exited:
            return
        now = SystemClock().now()
        self._new.append(request.run_id)
        self._exited[request.attempt_id] = AttemptStatus(
            attempt_id=request.attempt_id,
            phase=AttemptPhase.EXITED,
            started_at=now,
            ended_at=now,
            exit=Exit(reason=ExitReason.COMPLETED, code=0),
        )

    def poll(
        self,
        sweep_id: SweepId,  # noqa: ARG002 - the port's signature
        attempt_ids: Iterable[AttemptId],
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Ended, all of them; their reports are stored first."""
        if self._new:
            self._recorder.report(self._new)
            self._new = []
        return {name: self._exited[name] for name in attempt_ids if name in self._exited}

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


def run_sweep(pool: Pool, spec: SweepSpec) -> tuple[list[float], Recorder]:
    """Seconds of every tick, and what was written."""
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
    ticks: list[float] = []
    is_over = False
    while not is_over:
        begun = time.perf_counter()
        is_over = controller.tick().state.is_terminal
        ticks.append(time.perf_counter() - begun)
    return ticks, recorder


def repeat_writes(pool: Pool, spec: SweepSpec, writes: list[Changes | list[RunId]]) -> float:
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
    done = sum(trial.state == "completed" for trial in snapshot.trials)
    if done != trials:
        raise SystemExit(f"{done} of {trials} trials completed: {snapshot.sweep.reason}")


def measure(*, trials: int, parallel: int) -> dict[str, object]:
    """Every figure of one run."""
    spec = a_spec(trials=trials, parallel=parallel)
    with server() as url:
        with database(url) as pool:
            commits = commits_per_second(pool)
            begun = time.perf_counter()
            cpu = time.process_time()
            ticks, recorder = run_sweep(pool, spec)
            seconds = time.perf_counter() - begun
            cpu = time.process_time() - cpu
            check(pool, trials)
            begun = time.perf_counter()
            PostgresTrialStore(pool).load(_SWEEP)
            load_seconds = time.perf_counter() - begun
        with database(url) as pool:
            write_seconds = repeat_writes(pool, spec, recorder.writes)
    quantiles = statistics.quantiles(ticks, n=20) if len(ticks) > 1 else ticks * 19
    return {
        "trials_per_second": round(trials / seconds, 1),
        "trials": trials,
        "parallel": parallel,
        "seconds": round(seconds, 2),
        "ticks": len(ticks),
        "tick_p50_ms": round(quantiles[9] * 1000, 2),
        "tick_p95_ms": round(quantiles[18] * 1000, 2),
        "cpu_seconds": round(cpu, 2),
        "load_seconds": round(load_seconds, 2),
        "floor_commits_per_second": round(commits, 1),
        "floor_writes_trials_per_second": round(trials / write_seconds, 1),
        "share_of_commit_floor": round(trials / seconds / commits, 3),
        "share_of_write_floor": round(write_seconds / seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--parallel", type=int, default=8)
    arguments = parser.parse_args()
    figures = measure(trials=arguments.trials, parallel=arguments.parallel)
    machine.show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
