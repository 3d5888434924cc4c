"""deploy/docker-compose.yaml without containers: the same commands, on the tests' PostgreSQL."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.conftest import SWEEP, TRAIN, wait_for
from tests.e2e.deployed import ROOT, Machine, free_ports, machine
from tests.integration.deploy.composed import compose, new_secrets
from tests.plugins.postgres import Database

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

_DAGSTER_HOME = "/opt/dagster/dagster_home"
_ORDER = ("s3", "bucket", "migrations", "gateway", "code", "daemon", "webserver")
_ARTIFACT = 'open("model.txt", "w").write("weights")\nrun.log_artifact("model.txt")\nrun.finish()\n'


class OneMachine:
    """The services of the compose file, but for the database."""

    def __init__(self, here: Machine, ports: dict[str, str], secrets: dict[str, str]) -> None:
        self.here, self.ports = here, ports
        self.token = secrets["SWEEPWORKS_TOKEN"]
        self._services: dict[str, Any] = compose(secrets)["services"]

    def url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    def variables(self, service: str) -> dict[str, str]:
        return self.here.environment(self._services[service]["environment"])

    def up(self) -> None:
        for name in _ORDER:
            service = self._services[name]
            command = [*service.get("entrypoint", []), *service["command"]]
            if service["restart"] == "no":
                self.here.run(command, self.variables(name))
                continue
            self.here.start(name, command, self.variables(name))
            wait_for(lambda: self.is_healthy(name), every=1)  # noqa: B023  called here

    def is_healthy(self, name: str) -> bool:
        process = self.here.processes[name]
        assert process.poll() is None, self.here.log(name).read_text()[-3000:]
        kind, *check = self._services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        if check[0] == "wget":
            return _answers(self.here.here(check[-1]))
        try:
            self.here.run(check, self.variables(name))
        except AssertionError:
            return False
        return True

    def sweepworks(self, *arguments: str) -> Any:
        """What `docker compose exec code sweepworks …` gives."""
        command = ["sweepworks", *arguments, "--json"]
        return json.loads(self.here.run(command, self.variables("code")))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def one_machine(
    empty_databases: tuple[Database, Database], tmp_path: Path
) -> Generator[OneMachine, None, None]:
    names = ["3000", "4000", "8080", "8333", "8787", "8888", "9333"]
    secrets, ports = new_secrets(), dict(zip(names, map(str, free_ports(7)), strict=True))
    password = secrets["POSTGRES_PASSWORD"]
    by_service = f"postgresql://sweepworks:{password}@postgres:5432"
    ours, dagsters = (database.url for database in empty_databases)
    home = tmp_path / "dagster_home"
    (home / "storage").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    words = {
        "0.0.0.0": "127.0.0.1",
        "code": "127.0.0.1",
        "8787": ports["8787"],
        "4000": ports["4000"],
    }
    parts = {
        f"{by_service}/sweepworks": ours,
        f"{by_service}/dagster": dagsters,
        "=0.0.0.0": "=127.0.0.1",
        "http://gateway:8787": f"http://127.0.0.1:{ports['8787']}",
        "http://s3:8333": f"http://127.0.0.1:{ports['8333']}",
        "-dir=/data": f"-dir={tmp_path / 'data'}",
        _DAGSTER_HOME: str(home),
        "/var/lib/sweepworks": str(tmp_path / "home"),
        **{f"port={name}": f"port={port}" for name, port in ports.items()},
        **{f"127.0.0.1:{name}": f"127.0.0.1:{port}" for name, port in ports.items()},
    }
    with machine(tmp_path, words=words, parts=parts) as here:
        # As the Dockerfile lays it out.
        (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
        workspace = (ROOT / "deploy" / "docker" / "workspace.yaml").read_text()
        (home / "workspace.yaml").write_text(workspace.replace("4000", ports["4000"]))
        yield OneMachine(here, ports, secrets)
        _end_what_is_left(tmp_path)


def _end_what_is_left(folder: Path) -> None:
    """Dagster runs and trials outlive the daemon; a container's end would end them."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("SWEEPWORKS_HOME", "").startswith(str(folder)):
                process.kill()
        except (psutil.Error, OSError):
            continue


def test_a_sweep_on_one_machine(one_machine: OneMachine, tmp_path: Path) -> None:
    one_machine.up()
    folder = tmp_path / "sweeps"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN.format(seconds=0.1).replace("run.finish()\n", _ARTIFACT))
    text = SWEEP.format(name="here", strategy="random", trials=4, epochs=2)
    (folder / "sweep.yaml").write_text(text)

    sweep = one_machine.sweepworks("submit", str(folder / "sweep.yaml"))["sweep"]
    wait_for(lambda: one_machine.sweepworks("show", sweep)["state"] == "completed", seconds=180)

    assert one_machine.sweepworks("show", sweep)["trials_by_state"] == {"completed": 4}
    # Its files are in the S3 server, and come back from there.
    listed = one_machine.sweepworks("artifacts", "ls", f"{sweep}-00001")
    assert "model.txt" in json.dumps(listed)
    assert any((tmp_path / "data").glob("sweepworks_*.dat"))
    # Dagster's UI shows it to who has the token, and to nobody else.
    query = {"query": "{ runsOrError { ... on Runs { results { jobName status } } } }"}
    asked = one_machine.url("3000") + "/graphql"
    with httpx.Client(trust_env=False, timeout=60) as client:
        assert client.post(asked, json=query).status_code == 401
        assert client.get(one_machine.url("3000") + "/server_info").status_code == 401
        bearer = {"Authorization": f"Bearer {one_machine.token}"}
        answer = client.post(asked, json=query, headers=bearer).json()
    runs = answer["data"]["runsOrError"]["results"]
    assert {"jobName": "run_sweep", "status": "SUCCESS"} in runs
    # What is read-only in a container was left as it was.
    written = {path.name for path in (tmp_path / "dagster_home").iterdir()}
    assert written == {"dagster.yaml", "workspace.yaml", "storage"}

    codes = one_machine.here.stop()
    assert codes == dict.fromkeys(("s3", "gateway", "code", "daemon", "webserver"), 0)
