import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestration.services import connect
from orchestration.settings import Settings
from orchestration.stopping import down
from orchestration.supervisor.finding import ServicesDown
from orchestration.supervisor.status import SupervisorState
from tests.integration.supervisor.conftest import (
    SUPERVISOR,
    Bench,
    answer_of,
    answers,
    get,
    leave,
    note,
    notes,
    start_client,
    wait_for,
)

UI = ("Dagster code server", "Dagster webserver", "Dagster daemon")


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_after_a_killed_supervisor_the_next_command_finds_ports_and_data(bench: Bench) -> None:
    first = bench.connect()
    note(first, "kept")
    postgres, gateway = bench.postgres.pid, bench.child("gateway")

    killed = bench.kill_supervisor()
    wait_for(lambda: not is_alive(gateway))
    second = bench.connect()

    assert bench.supervisor.mark.pid != killed
    assert bench.postgres.pid == postgres
    assert second.gateway_url == first.gateway_url
    assert second.database_url == first.database_url
    assert notes(second) == ["kept"]


def test_a_killed_supervisor_and_a_killed_postgres_leave_a_home_that_starts(bench: Bench) -> None:
    note(bench.connect(), "kept")
    postgres = bench.postgres.pid
    assert postgres is not None

    bench.kill_supervisor()
    os.kill(postgres, signal.SIGKILL)

    assert notes(bench.connect()) == ["kept"]


def test_a_killed_gateway_is_started_again_on_its_port(bench: Bench) -> None:
    url = bench.connect().gateway_url
    assert url is not None
    gateway = get(url)["pid"]

    os.kill(gateway, signal.SIGKILL)
    wait_for(lambda: answers(url))

    assert get(url)["pid"] != gateway


def test_a_killed_postgres_is_started_again(bench: Bench) -> None:
    services = bench.connect()
    note(services, "kept")
    postgres = bench.postgres.pid
    assert postgres is not None

    os.kill(postgres, signal.SIGKILL)
    wait_for(lambda: bench.postgres.pid not in (None, postgres))
    bench.postgres.start()  # waits until it answers

    assert notes(services) == ["kept"]


def test_it_ends_by_itself_when_no_client_is_left(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(SWEEPWORKS_IDLE_SECONDS="0.5")
    services = bench.connect()
    gateway = bench.child("gateway")

    services.close()
    wait_for(lambda: not bench.is_running)

    assert bench.supervisor.state is SupervisorState.STOPPING
    assert not is_alive(gateway)
    assert not bench.postgres.is_running


def test_a_live_trial_keeps_it_and_a_killed_one_does_not(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(SWEEPWORKS_IDLE_SECONDS="0.3")
    services = bench.connect()
    hold = "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); "
    trial = subprocess.Popen(
        [
            sys.executable,
            "-c",
            hold + "print(flush=True); time.sleep(60)",
            bench.settings.home.clients_lock,
        ],
        stdout=subprocess.PIPE,
    )
    with trial:
        assert trial.stdout is not None
        trial.stdout.readline()

        services.close()
        threading.Event().wait(0.7)
        assert bench.is_running
        trial.kill()

    wait_for(lambda: not bench.is_running)


def test_a_process_it_supervises_is_a_client_too(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(SWEEPWORKS_IDLE_SECONDS="0.3")
    services = bench.connect()
    inside = connect(Settings.from_environment(services.variables()))

    services.close()
    threading.Event().wait(0.7)

    assert bench.is_running
    assert inside.database_url == services.database_url
    inside.close()
    wait_for(lambda: not bench.is_running)


def test_down_ends_everything_and_says_whether_there_was_something(bench: Bench) -> None:
    bench.connect(up=True)
    pids = [bench.child(name) for name in ("gateway", *UI)]

    assert down(bench.settings)

    assert not bench.postgres.is_running
    assert not any(is_alive(pid) for pid in pids)
    assert not down(bench.settings)


def test_down_ends_what_a_killed_supervisor_left(bench: Bench) -> None:
    bench.connect(up=True)
    pids = [bench.child(name) for name in UI]
    bench.kill_supervisor()

    assert down(bench.settings)

    assert not bench.postgres.is_running
    assert not any(is_alive(pid) for pid in pids)


def test_what_a_person_has_stopped_only_a_person_starts_again(bench: Bench) -> None:
    note(bench.connect(), "kept")
    down(bench.settings)

    with pytest.raises(ServicesDown, match="stopped by `sweepworks down`"):
        bench.connect(by_person=False)

    assert not bench.is_running
    assert notes(bench.connect()) == ["kept"]
    assert bench.connect(by_person=False).gateway_url


def test_down_holds_against_whoever_is_about_to_start_it(bench: Bench) -> None:
    """Said after the look whether it was said, and before there is a supervisor to be stopped."""
    home = bench.settings.home
    home.prepare()
    late = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); "
    go_on = "os.execv(sys.argv[2], sys.argv[2:])"
    command = [sys.executable, "-c", late + go_on, str(home.down_file), *SUPERVISOR]

    with pytest.raises(ServicesDown):
        connect(bench.settings, by_person=False, supervisor_command=command)

    assert not bench.is_running
    assert not bench.postgres.is_running


def test_a_command_that_comes_while_it_ends_gets_a_new_one(bench: Bench) -> None:
    note(bench.connect(), "kept")
    before = bench.supervisor.mark.pid
    os.kill(before, signal.SIGTERM)
    wait_for(lambda: bench.supervisor.state is SupervisorState.STOPPING)

    services = bench.connect()

    assert bench.supervisor.mark.pid != before
    assert notes(services) == ["kept"]


def test_up_adds_the_ui_and_its_end_takes_only_the_ui_away(bench: Bench) -> None:
    bench.connect()
    before = bench.supervisor.mark.pid, bench.child("gateway")

    up = bench.connect(up=True)

    assert up.webserver_url is not None
    variables = get(up.webserver_url)["variables"]
    assert variables["SWEEPWORKS_DAGSTER_DATABASE_URL"] == up.dagster_database_url
    assert variables["SWEEPWORKS_GATEWAY_URL"] == up.gateway_url
    pids = [bench.child(name) for name in UI]
    up.close()
    wait_for(lambda: not any(is_alive(pid) for pid in pids))
    wait_for(lambda: list(bench.supervisor.children) == ["gateway"])
    assert (bench.supervisor.mark.pid, bench.child("gateway")) == before
    assert bench.supervisor.webserver_url is None
    assert bench.connect(up=True).webserver_url == up.webserver_url


def test_after_a_killed_supervisor_the_old_ui_is_replaced_on_its_port(bench: Bench) -> None:
    first = bench.connect(up=True)
    old = [bench.child(name) for name in UI]
    bench.kill_supervisor()

    second = bench.connect(up=True)

    assert second.webserver_url == first.webserver_url
    assert not any(is_alive(pid) for pid in old)


def test_a_removed_home_takes_its_supervisor_with_it(
    make_bench: Callable[..., Bench], folder: Path
) -> None:
    bench = make_bench(folder / "doomed")
    bench.connect()
    pid = bench.supervisor.mark.pid
    postgres = bench.postgres.pid
    assert postgres is not None

    (folder / "doomed").rename(folder / "gone")
    wait_for(lambda: not is_alive(pid))

    (folder / "gone").rename(folder / "doomed")


def test_a_killed_command_is_a_client_that_left(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(SWEEPWORKS_IDLE_SECONDS="0.5")
    client = start_client(bench)
    answer_of(client)

    client.kill()
    leave(client)

    wait_for(lambda: not bench.is_running)
