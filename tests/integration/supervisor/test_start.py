import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from compute.process_mark import ProcessMark
from orchestration.home import Home
from orchestration.home_status import status
from orchestration.services import connect
from orchestration.settings import Settings
from orchestration.supervisor.status import SupervisorState, SupervisorStatus
from sweeps.errors import DiskFull, StorageUnavailable
from tests.integration.supervisor.conftest import (
    SUPERVISOR,
    Bench,
    answer_of,
    get,
    leave,
    note,
    notes,
    small_disk,
    start_client,
    wait_for,
)


def _text_of(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.glob("*") if path.is_file())


def test_a_cold_start_gives_databases_a_gateway_and_a_token(new_bench: Bench) -> None:
    services = new_bench.connect()

    home = new_bench.settings.home
    assert services.gateway_url is not None
    assert services.dagster_database_url is not None
    variables = get(services.gateway_url)["variables"]
    assert variables["SWEEPWORKS_DATABASE_URL"] == services.database_url
    assert variables["SWEEPWORKS_SIGNING_KEY"] == home.signing_key().hex()
    assert variables["SWEEPWORKS_TOKEN"] == services.token == home.token()
    assert variables["SWEEPWORKS_ARTIFACTS"] == str(home.artifacts)
    assert "SWEEPWORKS_SUPERVISED" not in variables
    assert services.dagster_database_url.startswith("postgresql+psycopg2://")
    assert json.loads(home.client_file.read_text()) == {
        "gateway_url": services.gateway_url,
        "token": services.token,
    }
    assert (home.dagster / "dagster.yaml").exists()
    with psycopg.connect(services.database_url.replace("/sweepworks?", "/dagster?")) as dagster:
        assert dagster.info.dbname == "dagster"


def test_a_home_is_closed_and_passwords_are_nowhere_to_be_seen(new_bench: Bench) -> None:
    services = new_bench.connect()

    home = new_bench.settings.home
    password = services.database_url.split(":")[2].partition("@")[0]
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    for path in (home.client_file, home.databases_file, home.signing_key_file, home.token_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert password not in _text_of(home.logs) + home.status_file.read_text()
    for process in psutil.process_iter(["cmdline"]):
        assert password not in " ".join(process.info["cmdline"] or ())
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(services.database_url.replace(password, "wrong"))


def test_a_second_command_finds_what_the_first_started(bench: Bench) -> None:
    bench.connect()
    first = bench.supervisor.mark

    client = start_client(bench)

    assert answer_of(client)["supervisor"] == first.pid
    leave(client)


def test_eight_commands_at_once_on_a_cold_home_share_one_supervisor(new_bench: Bench) -> None:
    clients = [start_client(new_bench) for _ in range(8)]

    found = [answer_of(client) for client in clients]

    assert len({answer["supervisor"] for answer in found}) == 1
    assert len({answer["database_url"] for answer in found}) == 1
    assert any("creating the database" in answer["phases"] for answer in found)
    for client in clients:
        leave(client)


def test_a_status_that_lies_about_a_dead_supervisor_is_not_believed(bench: Bench) -> None:
    home = bench.settings.home
    home.prepare()
    SupervisorStatus(
        mark=ProcessMark(pid=os.getpid(), start="1.0"),
        state=SupervisorState.READY,
        changed_at=1.0,
        phase="ready",
        gateway_url="http://127.0.0.1:1",
    ).write(home.status_file)

    services = bench.connect()

    assert services.gateway_url is not None
    assert get(services.gateway_url)["pid"] == bench.child("gateway")


@pytest.mark.parametrize(
    "name", ["with a space", "x" * 180, "closed/home"], ids=["space", "long", "closed"]
)
def test_a_home_may_be_anywhere(make_bench: Callable[..., Bench], folder: Path, name: str) -> None:
    (folder / "closed").mkdir(mode=0o700)

    services = make_bench(folder / name, is_new=True).connect()
    note(services, "here")

    assert notes(services) == ["here"]
    assert stat.S_IMODE((folder / "closed").stat().st_mode) == 0o700


def test_a_long_path_of_the_clusters_still_gets_a_socket(
    make_bench: Callable[..., Bench], folder: Path
) -> None:
    (folder / "clusters").mkdir(mode=0o711)

    services = make_bench(
        is_new=True, SWEEPWORKS_POSTGRES_FOLDER=str(folder / "clusters" / ("y" * 120))
    ).connect()

    note(services, "short enough")
    assert notes(services) == ["short enough"]


def test_services_do_not_inherit_ignored_signals(bench: Bench) -> None:
    ignore = "import signal, os, sys; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; "
    run = "os.execv(sys.argv[1], sys.argv[1:])"
    here = Path(__file__).parent
    client = subprocess.Popen(
        [
            *(sys.executable, "-c", ignore + run),
            *(sys.executable, str(here / "fake_client.py"), *SUPERVISOR),
        ],
        env={**os.environ, **bench.variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    found = answer_of(client)

    assert get(found["gateway_url"])["ignored"] == []
    leave(client)


def test_a_taken_port_is_replaced_by_another_and_kept(bench: Bench) -> None:
    home = bench.settings.home
    home.prepare()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        taken = foreign.getsockname()[1]
        home.ports_file.write_text(json.dumps({"gateway": taken}))

        services = bench.connect()

        assert services.gateway_url is not None
        assert services.gateway_url != f"http://127.0.0.1:{taken}"
        assert services.gateway_url == json.loads(home.client_file.read_text())["gateway_url"]
        assert f":{json.loads(home.ports_file.read_text())['gateway']}" in services.gateway_url
    assert "taken" in home.supervisor_log.read_text()


def test_a_migration_that_fails_is_one_sentence_and_leaves_nothing_running(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("FAKE_MIGRATION", "fail")
        with pytest.raises(
            StorageUnavailable, match=r"revision 0007 failed.*supervisor.log"
        ) as caught:
            bench.connect()

    assert "\n" not in str(caught.value)
    services = bench.connect()
    assert notes(services) == []


def test_a_failure_is_told_from_an_older_one_whatever_the_clock_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MIGRATION", "fail")
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() + 3600)  # it was set back meanwhile

    for _ in range(2):
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable, match="revision 0007 failed"):
            bench.connect()
        assert time.monotonic() - begun < 20


def test_a_gateway_that_ends_at_once_is_quoted(
    new_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GATEWAY", "crash")

    with pytest.raises(StorageUnavailable, match=r"no module named 'flux'.*gateway.log"):
        new_bench.connect()

    wait_for(lambda: not new_bench.is_running)
    assert not new_bench.postgres.is_running


def test_data_that_are_broken_are_not_replaced(bench: Bench) -> None:
    services = bench.connect()
    note(services, "precious")
    services.close()
    assert bench.settings.home.folder.exists()
    bench.postgres.stop()
    bench.kill_supervisor()
    data = _data(bench)
    (data / "PG_VERSION").rename(data / "PG_VERSION.away")

    with pytest.raises(StorageUnavailable, match="restore it from a backup"):
        bench.connect()

    (data / "PG_VERSION.away").rename(data / "PG_VERSION")
    assert notes(bench.connect()) == ["precious"]


def _data(bench: Bench) -> Path:
    location = bench.settings.home.postgres / "location"
    if location.exists():
        return Path(location.read_text().strip()) / "data"
    return bench.settings.home.postgres / "data"


def test_a_disk_that_is_too_small_is_one_sentence_and_nothing_half_written(
    make_bench: Callable[..., Bench], folder: Path
) -> None:
    disk = folder / "disk"
    with small_disk(disk) as is_full:
        bench = make_bench(
            disk / "home", is_new=True, SWEEPWORKS_POSTGRES_FOLDER=str(disk / "clusters")
        )

        with pytest.raises(DiskFull if is_full else StorageUnavailable) as caught:
            bench.connect()

        assert "\n" not in str(caught.value)
        assert "SWEEPWORKS_HOME" in str(caught.value)
        clusters = disk / "clusters"
        assert not clusters.exists() or list(clusters.iterdir()) == []
        assert not (disk / "home" / "postgres").exists()


def test_a_place_that_cannot_hold_a_home_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    settings = Settings.from_environment({"SWEEPWORKS_HOME": str(folder / "file" / "home")})

    with pytest.raises(StorageUnavailable, match=str(folder / "file" / "home")):
        connect(settings)


def test_services_given_by_url_are_returned_and_nothing_is_started(folder: Path) -> None:
    settings = Settings.from_environment(
        {
            "SWEEPWORKS_HOME": str(folder / "home"),
            "SWEEPWORKS_DATABASE_URL": "postgresql://db.example/sweepworks",
            "SWEEPWORKS_GATEWAY_URL": "https://gateway.example/",
        }
    )

    with connect(settings) as services:
        assert services.database_url == "postgresql://db.example/sweepworks"
        assert services.gateway_url == "https://gateway.example"

        assert services.dagster_home == Home(folder / "home").dagster

    assert not Home(folder / "home").supervisor_lock.exists()
    assert (Home(folder / "home").dagster / "dagster.yaml").is_file()
    assert not status(settings).is_running
