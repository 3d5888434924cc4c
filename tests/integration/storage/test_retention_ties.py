"""What guards some runs is found from these and what came out of them, as from the whole world."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql

from retention.guards import GUARDS, guards
from retention.world import NONE, World
from storage.database import Pool, transaction
from storage.retention.ties import load_tied
from storage.retention.world import load_points

Connection = psycopg.Connection[tuple[Any, ...]]
NOW = dt.datetime.now(dt.UTC)
_RUNS, _SWEEPS = 60, 8
_TENANTS = ("a", "a", "b")  # of three experiments
_TAGS = ("keeper", "production_candidate", "baseline", "test_run", "other")


class Rows:
    """A world of chance, written past all triggers: what may be there, whoever brought it."""

    def __init__(self, connection: Connection, chance: random.Random) -> None:
        self._connection = connection
        self._chance = chance
        self.runs = [f"run-{number:03}" for number in range(_RUNS)]
        #: Place of each run's sweep; None: a scratch run.
        self._of_run = {run: chance.choice([None, *range(_SWEEPS)]) for run in self.runs}

    def fill(self) -> None:
        self._connection.execute("SET LOCAL session_replication_role = replica")
        for number in range(3):
            self._experiment(number)
        for number in range(_SWEEPS):
            self._sweep(number)
        for number, run in enumerate(self.runs):
            self._run(number, run)
            self._ties_of(number, run)
        for _ in range(_RUNS):
            self._edge()
        for _ in range(self._chance.randint(0, 3)):
            self._hold()

    def _is(self, share: float) -> bool:
        return self._chance.random() < share

    def _insert(self, table: str, **values: object) -> None:
        insert = "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({}) ON CONFLICT DO NOTHING"
        self._connection.execute(
            sql.SQL(insert).format(
                sql.Identifier(table),
                sql.SQL(", ").join(sql.Identifier(name) for name in values),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            ),
            list(values.values()),
        )

    def _experiment(self, number: int) -> None:
        self._insert(
            "experiments", experiment_id=number + 1, tenant_id=_TENANTS[number],
            name=f"experiment-{number}", owner="me", purpose="x",
        )  # fmt: skip
        if self._is(0.2):
            tag = self._chance.choice(_TAGS)
            self._insert("experiment_tags", experiment_id=number + 1, name=tag, value="")

    def _sweep(self, number: int) -> None:
        sweep, is_open = f"sweep-{number}", self._is(0.3)
        learns = self._chance.choice(['["sweep-1"]', "[]", "null", '["sweep-2", "sweep-3"]'])
        self._insert(
            "sweeps", sweep_id=sweep, tenant_id=_TENANTS[number % 3],
            experiment_id=number % 3 + 1, spec=f'{{"warm_start": {learns}}}', spec_version=1,
            spec_digest="", source_dir="", created_by="me",
            state="running" if is_open else "completed", ended_at=None if is_open else NOW,
        )  # fmt: skip
        if self._is(0.15):
            self._insert("sweep_tags", sweep_id=sweep, name=self._chance.choice(_TAGS), value="")

    def _tenant(self, run: str) -> str:
        sweep = self._of_run[run]
        return "a" if sweep is None else _TENANTS[sweep % 3]

    def _run(self, number: int, run: str) -> None:
        sweep, tenant = self._of_run[run], self._tenant(run)
        is_live = self._is(0.08)
        earlier = [one for one in self.runs[:number] if self._tenant(one) == tenant]
        self._insert(
            "runs", run_id=run, tenant_id=tenant,
            experiment_id=1 if sweep is None else sweep % 3 + 1,
            sweep_id=None if sweep is None else f"sweep-{sweep}",
            number=None if sweep is None else number, seed=1, created_by="me",
            state="running" if is_live else self._chance.choice(["completed", "failed"]),
            started_at=NOW, ended_at=None if is_live else NOW,
            sealed_at=None if is_live or self._is(0.05) else NOW,
            rerun_of=self._chance.choice(earlier) if earlier and self._is(0.2) else None,
        )  # fmt: skip
        for name in "ab":
            self._insert(
                "lineage_edges", tenant_id=tenant, upstream=f"run:{run}",
                downstream=f"artifact:{run}/{name}",
            )  # fmt: skip

    def _ties_of(self, number: int, run: str) -> None:
        if self._is(0.1):
            self._insert("run_tags", run_id=run, name=self._chance.choice(_TAGS), value="")
        if self._is(0.04):
            sweep = self._chance.choice([None, f"sweep-{number % _SWEEPS}"])
            self._insert(
                "evaluations", evaluation_id=f"{run}-e1", tenant_id=self._tenant(run), run_id=run,
                number=1, sweep_id=sweep, requested_by="me",
                **({"state": "rejected", "ended_at": NOW} if self._is(0.5) else {}),
            )  # fmt: skip
        if self._is(0.03):
            self._insert(
                "evaluation_runs", evaluation_id="x", run_id=run, subject="candidate", seed=1,
                metrics="{}",
            )  # fmt: skip
        if self._is(0.03):
            self._insert(
                "model_versions", model_id=1, number=number, evaluation_id=run, run_id=run,
                artifact="a", sha256=bytes(32), size_bytes=0, image="", inference="{}",
                rollout="{}", data="{}", metrics="{}", created_by="me",
            )  # fmt: skip

    def _edge(self) -> None:
        tenant = self._chance.choice("aab")
        theirs = [run for run in self.runs if self._tenant(run) == tenant]
        upstream, downstream = self._node(theirs), self._node(theirs)
        self._insert(
            "lineage_edges", tenant_id=tenant, upstream=upstream,
            downstream="model:m@1" if self._is(0.04) else downstream,
        )  # fmt: skip

    def _node(self, runs: Sequence[str]) -> str:
        run = self._chance.choice(runs)
        return self._chance.choice(
            [f"run:{run}", f"artifact:{run}/a", f"artifact:{run}/b", "dataset:d@1", "dataset:d@2"]
        )

    def _hold(self) -> None:
        scope, name = self._chance.choice(
            [
                ("experiment", "experiment-1"), ("sweep", "sweep-2"), ("dataset", "d@1"),
                ("run", self._chance.choice(self.runs)), ("dataset", "d"), ("model", "m"),
                ("tenant", "b"),
            ]
        )  # fmt: skip
        day = dt.timedelta(days=1)
        self._insert(
            "holds", tenant_id=self._chance.choice("aab"), scope=scope, name=name, why="x",
            until=self._chance.choice([None, NOW - day, NOW + day]), placed_by="me",
        )  # fmt: skip


def _guards(world: World) -> dict[str, str]:
    codes = guards(world, now=NOW).tolist()
    return {
        run: "" if code == NONE else GUARDS[code].value
        for run, code in zip(world.runs.run_ids, codes, strict=True)
    }


@pytest.mark.parametrize("seed", range(12))
def test_guards_are_those_of_the_whole_world(pool: Pool, seed: int) -> None:
    chance = random.Random(seed)
    with transaction(pool) as connection:
        rows = Rows(connection, chance)
        rows.fill()
    whole = _guards(load_points(pool))
    batches = [[run] for run in rows.runs]
    batches += [chance.sample(rows.runs, 7) for _ in range(5)]

    for batch in batches:
        with transaction(pool) as connection:
            found = _guards(load_tied(connection, batch))
        assert {run: found[run] for run in batch} == {run: whole[run] for run in batch}

    assert len(set(whole.values())) > 3  # else the worlds would say little


def test_what_does_not_come_out_of_a_run_is_not_read(pool: Pool) -> None:
    with transaction(pool) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO experiments (experiment_id, tenant_id, name, owner, purpose)"
            " OVERRIDING SYSTEM VALUE VALUES (1, 'a', 'x', 'me', 'x')"
        )
        connection.execute(
            "INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by, state, ended_at,"
            " sealed_at) SELECT 'run-' || i, 'a', 1, 1, 'me', 'completed', now(), now()"
            " FROM generate_series(1, 100) AS i"
        )
        connection.execute(
            "INSERT INTO lineage_edges (tenant_id, upstream, downstream) VALUES"
            " ('a', 'run:run-1', 'artifact:run-1/a'), ('a', 'artifact:run-1/a', 'run:run-2'),"
            " ('a', 'run:run-2', 'artifact:run-2/a'), ('a', 'artifact:run-2/a', 'run:run-3')"
        )

        world = load_tied(connection, ["run-2"])

    assert list(world.runs.run_ids) == ["run-2", "run-3"]
