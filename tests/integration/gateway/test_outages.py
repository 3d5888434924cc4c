"""Gateway, database and scripts are killed in the middle: nothing is lost, nothing comes twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from storage.database import open_pool
from storage.embedded.postgres_server import PostgresServer
from storage.migrations_runner import upgrade
from tests.integration.gateway.conftest import KEY, TOKEN, bearer, free_port, run_token, wait_for
from tests.plugins.postgres import reachable_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_STEPS = 3_000  # of some 3 ms
_FLUSH_SECONDS = 0.5
SCRIPT = f"""
import sys, time, sweepworks
run = sweepworks.init()
for step in range({_STEPS}):
    run.log({{"loss": step * 0.5, "lr": 1.0}}, step=step)
    if step % 500 == 499:
        run.report(step + 1, val_loss=step * 0.5)
    print(step, flush=True)
    time.sleep(0.003)
run.finish()
"""


class World:
    """A database and a gateway as processes, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.postgres = PostgresServer(
            folder / "postgres", log_file=folder / "postgres.log", root_folder=folder / "clusters"
        )
        self.postgres.start()
        self.postgres.ensure_database("sweepworks")
        upgrade(self.database_url)
        self.gateway = self._start_gateway()

    @property
    def database_url(self) -> str:
        return self.postgres.url("sweepworks")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _start_gateway(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "SWEEPWORKS_DATABASE_URL": self.database_url,
            "SWEEPWORKS_SIGNING_KEY": KEY.hex(),
            "SWEEPWORKS_ARTIFACTS": str(self.folder / "artifacts"),
            "SWEEPWORKS_TOKEN": TOKEN,
            "SWEEPWORKS_HOME": str(self.folder),
        }
        command = [sys.executable, "-m", "gateway.serve", "--port", str(self.port)]
        gateway = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
        wait_for(self.is_up, seconds=40)
        return gateway

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill_gateway(self) -> None:
        self.gateway.kill()
        self.gateway.communicate()

    def restart_gateway(self) -> None:
        self.gateway = self._start_gateway()

    def kill_database(self) -> None:
        pid = self.postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.postgres.is_running)

    def new_run(self) -> str:
        answer = httpx.post(
            f"{self.url}/api/v1/runs", json={}, headers=bearer(TOKEN), trust_env=False
        )
        return answer.json()["run"]

    def start_script(self, run: str) -> subprocess.Popen[str]:
        environment = {
            "SWEEPWORKS_GATEWAY_URL": self.url,
            "SWEEPWORKS_RUN_ID": run,
            "SWEEPWORKS_RUN_TOKEN": run_token(run),
            "SWEEPWORKS_SPOOL_DIR": str(self.folder / "spool"),
            "SWEEPWORKS_FLUSH_SECONDS": str(_FLUSH_SECONDS),
            "SWEEPWORKS_FINISH_TIMEOUT": "60",
        }
        log = (self.folder / f"{run}.out").open("w")
        with log:
            return subprocess.Popen(
                [sys.executable, "-c", SCRIPT],
                env=environment, stdout=log, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip

    def steps_logged(self, run: str) -> int:
        return len((self.folder / f"{run}.out").read_text().split())

    def close(self) -> None:
        self.kill_gateway()
        self.postgres.destroy()


@pytest.fixture
def world() -> Generator[World, None, None]:
    with reachable_folder() as folder:
        made = World(folder)
        try:
            yield made
        finally:
            made.close()


def test_whoever_is_killed_points_are_stored_once(world: World) -> None:
    runs = [world.new_run() for _ in range(4)]
    scripts = [world.start_script(run) for run in runs]
    wait_for(lambda: all(world.steps_logged(run) > 300 for run in runs))

    world.kill_gateway()
    time.sleep(0.7)
    world.restart_gateway()
    time.sleep(1.5)
    world.kill_database()
    time.sleep(0.7)
    world.postgres.start()
    wait_for(world.is_up, seconds=30)
    time.sleep(1.5)
    killed, script = runs.pop(), scripts.pop()
    logged = world.steps_logged(killed)
    script.kill()
    script.wait()
    world.kill_gateway()
    world.restart_gateway()
    assert [script.wait(120) for script in scripts] == [0, 0, 0]

    for run in runs:
        assert world_points(world, run) == list(range(_STEPS))
        assert levels(world, run) == list(range(500, _STEPS + 1, 500))
    # Of one that was killed what it had not handed over is on its disk, or was not older than a
    # flush: never a hole, never a point twice.
    kept = world_points(world, killed)
    assert kept == list(range(len(kept)))
    waiting = list((world.folder / "spool").glob(f"{killed}*"))
    assert waiting or len(kept) >= logged - 1.5 * _FLUSH_SECONDS / 0.003


def world_points(world: World, run: str) -> list[int]:
    with open_pool(world.database_url, max_size=1) as pool, pool.connection() as connection:
        rows = connection.execute(
            "SELECT step FROM metric_points JOIN series USING (series_id)"
            " WHERE run_id = %s AND key = 'loss' ORDER BY step",
            [run],
        ).fetchall()
    return [step for (step,) in rows]


def levels(world: World, run: str) -> list[int]:
    with open_pool(world.database_url, max_size=1) as pool, pool.connection() as connection:
        rows = connection.execute(
            "SELECT resource_level FROM reports WHERE run_id = %s ORDER BY resource_level", [run]
        ).fetchall()
    return [level for (level,) in rows]
