"""A home for a test, and everything in it ended afterwards."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
import pytest

from orchestration.home_status import status
from orchestration.services import Services, connect
from orchestration.settings import Settings
from orchestration.stopping import down
from orchestration.supervisor.status import SupervisorStatus
from storage.embedded.cluster import find_cluster
from storage.embedded.postgres_server import PostgresServer
from tests.plugins.postgres import reachable_folder

HERE = Path(__file__).parent
SUPERVISOR = (sys.executable, str(HERE / "fake_supervisor.py"))


def wait_for(condition: Callable[[], object], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.03)


def get(url: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/healthz")
        return json.loads(connection.getresponse().read())


def answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(get(url))
    return False


@dataclass
class Bench:
    """One home under test."""

    variables: dict[str, str]
    _open: list[Services] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.variables)

    @property
    def supervisor(self) -> SupervisorStatus:
        found = status(self.settings).supervisor
        assert found is not None
        return found

    @property
    def is_running(self) -> bool:
        return status(self.settings).is_running

    @property
    def postgres(self) -> PostgresServer:
        home = self.settings.home
        return PostgresServer(
            home.postgres,
            log_file=home.logs / "postgres.log",
            root_folder=self.settings.postgres_folder,
        )

    def connect(self, *, up: bool = False, by_person: bool = True, **variables: str) -> Services:
        services = connect(
            Settings.from_environment({**self.variables, **variables}),
            up=up,
            by_person=by_person,
            timeout_seconds=40,
            supervisor_command=SUPERVISOR,
        )
        self._open.append(services)
        return services

    def kill_supervisor(self) -> int:
        pid = self.supervisor.mark.pid
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.is_running)
        return pid

    def child(self, name: str) -> int:
        mark = self.supervisor.children[name].mark
        assert mark is not None
        return mark.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for services in self._open:
            services.close()
        down(self.settings)
        self.postgres.destroy()


@pytest.fixture
def folder() -> Generator[Path, None, None]:
    with reachable_folder() as path:
        yield path


@pytest.fixture(scope="session")
def ready_cluster() -> Generator[Path, None, None]:
    """A cluster with both databases, made once: tests that are not about that begin with a copy."""
    with reachable_folder() as path:
        server = PostgresServer(
            path / "postgres",
            log_file=path / "log",
            root_folder=path / "clusters",
            settings={"fsync": "off"},
        )
        server.start()
        server.ensure_database("sweepworks")
        server.ensure_database("dagster")
        server.stop()
        cluster = find_cluster(path / "postgres")
        assert cluster is not None
        yield cluster.folder


def put_cluster(cluster: Path, home: Path, clusters: Path) -> None:
    home.mkdir(mode=0o700)
    target = home / "postgres"
    if os.geteuid() == 0:
        clusters.mkdir(mode=0o711)
        target.mkdir(mode=0o700)
        (target / "location").write_text(f"{clusters / 'copy'}\n")
        target = clusters / "copy"
    subprocess.run(["cp", "-Rp", cluster, target], check=True)


@pytest.fixture
def make_bench(folder: Path, ready_cluster: Path) -> Generator[Callable[..., Bench], None, None]:
    with contextlib.ExitStack() as stack:

        def make(home: Path | None = None, *, is_new: bool = False, **variables: str) -> Bench:
            if not is_new:
                put_cluster(ready_cluster, home or folder / "home", folder / "clusters")
            return stack.enter_context(
                Bench(
                    {
                        "SWEEPWORKS_HOME": str(home or folder / "home"),
                        "SWEEPWORKS_POSTGRES_FOLDER": str(folder / "clusters"),
                        "SWEEPWORKS_IDLE_SECONDS": "60",
                        "SWEEPWORKS_WEBSERVER_PORT": "0",
                        **variables,
                    }
                )
            )

        yield make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def new_bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench(is_new=True)


def start_client(bench: Bench, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "fake_client.py"), *SUPERVISOR],
        env={**os.environ, **bench.variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def answer_of(client: subprocess.Popen[str]) -> dict[str, Any]:
    assert client.stdout is not None
    assert client.stderr is not None
    line = client.stdout.readline()
    assert line, client.stderr.read()
    return json.loads(line)


def leave(client: subprocess.Popen[str]) -> None:
    client.communicate(timeout=20)


def note(services: Services, text: str) -> None:
    with psycopg.connect(services.database_url) as connection:
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(services: Services) -> list[str]:
    with psycopg.connect(services.database_url) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes")]


@contextlib.contextmanager
def small_disk(folder: Path, *, options: str = "") -> Generator[bool, None, None]:
    """A disk of 12 MB on `folder` where we may mount one, else a folder nobody may write."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size=12m,mode=0711{options}", "tmpfs", str(folder)]
    if (
        os.geteuid() == 0
        and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    ):
        try:
            yield True
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    else:
        folder.chmod(0o500)
        yield False
