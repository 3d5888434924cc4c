"""What the commands print, for people and for programs, and what they say when they cannot."""

import contextlib
import csv
import io
import json
import os
import platform
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestration.supervisor.file_lock import is_owned
from tests.e2e.conftest import Installation, Ui, controllers, wait_for
from tests.plugins.postgres import Database

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sweep(installation: Installation) -> str:
    """A sweep of four trials that has ended."""
    file = installation.write_sweep("ended", trials=4, epochs=2, seconds=0.05)
    report = installation.json("run", str(file))
    assert report["state"] == "completed"
    return report["sweep"]


@pytest.mark.slow
def test_what_is_asked_for_as_json_is_json(installation: Installation, sweep: str) -> None:
    listed = installation.json("list")
    shown = installation.json("show", sweep)
    (best,) = installation.json("best", sweep)
    ranked = installation.json("best", sweep, "-n", "3")
    trials = installation.json("export", sweep)
    trial = installation.json("show", best["run"])
    made_of = installation.json("provenance", best["run"])
    schema = json.loads(installation.run("schema"))

    assert sweep in {row["sweep_id"] for row in listed}
    assert shown["trials_by_state"] == {"completed": 4}
    assert best["objective"] == min(t["objective"] for t in trials)
    assert [t["objective"] for t in ranked] == sorted(t["objective"] for t in trials)[:3]
    assert trial["run"] == best["run"]
    assert {"code", "software", "hardware"} <= set(made_of)
    assert made_of["seed"] > 0
    assert made_of["hardware"]["cores"]
    assert schema["properties"]["experiment"]


OFFLINE = """
import sweepworks
run = sweepworks.init("offline", params={"lr": 0.1})
for step in range(50):
    run.log({"loss": 1 / (step + 1)}, step=step)
run.report(1, val=0.5)
print(run.id)
"""


@pytest.mark.parametrize("by", ["sync", "the home itself"])
def test_what_an_offline_script_left_is_in_the_record(installation: Installation, by: str) -> None:
    offline = {**installation.environment, "SWEEPWORKS_MODE": "offline"}
    run = subprocess.check_output(
        [sys.executable, "-c", OFFLINE], cwd=installation.folder, env=offline, text=True
    ).strip()
    assert len(list((installation.home / "spool").glob("*.spool"))) == 1

    if by == "sync":
        installation.run("sync")
    else:
        installation.run("down")  # it looks when it starts, and every minute
        installation.run("list")

    def is_there() -> dict[str, Any] | None:
        client = json.loads((installation.home / "client.json").read_text())
        request = urllib.request.Request(
            f"{client['gateway_url']}/api/v1/runs/{run}",
            headers={"Authorization": f"Bearer {client['token']}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError:
            return None
        return found if found["run"]["state"] == "completed" else None

    record = wait_for(is_there, seconds=9)  # the services stay for a while
    assert record["params"] == {"lr": 0.1}
    assert record["summary"]["loss"]["count"] == 50
    assert list((installation.home / "spool").iterdir()) == []
    assert installation.run("sync").startswith("nothing is left in ")


@pytest.mark.slow
def test_trials_are_exported_as_csv(installation: Installation, sweep: str) -> None:
    rows = list(csv.DictReader(io.StringIO(installation.run("export", sweep, "--csv"))))
    said = installation.run("export", sweep, "-o", str(installation.folder / "trials.csv"))
    text = (installation.folder / "trials.csv").read_text()
    written = list(csv.DictReader(io.StringIO(text)))

    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]
    assert all(0 <= float(row["param.x"]) <= 1 for row in rows)
    assert written == rows
    assert "wrote 4 trials" in said


@pytest.mark.slow
def test_logs_are_printed_whole_or_by_their_last_lines(
    installation: Installation, sweep: str
) -> None:
    whole = installation.run("logs", sweep, "--trial", "1", "--stdout")
    last = installation.run("logs", sweep, "--trial", "1", "--stdout", "--tail", "1", "--follow")

    assert [line.split()[:2] for line in whole.splitlines()] == [["epoch", "1"], ["epoch", "2"]]
    assert last == whole.splitlines(keepends=True)[-1]


def test_wrong_names_are_one_sentence(installation: Installation, sweep: str) -> None:
    wrong = [
        *(["show", "nope"], ["best", "nope"], ["export", "nope"], ["logs", "nope", "--trial", "1"]),
        *(["attach", "nope"], ["pause", "nope"], ["resume", "nope"], ["cancel", "nope"]),
        *(["show", f"{sweep}-00099"], ["logs", sweep, "--trial", "99"], ["resume", sweep]),
        ["export", sweep, "-o", str(installation.folder / "missing" / "trials.csv")],
        ["run", "no-such-file.yaml"],
        ["submit", "no-such-file.yaml"],
    ]
    started = [(arguments, installation.start(*arguments)) for arguments in wrong]

    for arguments, process in started:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1, (arguments, output)
        assert len(output.strip().splitlines()) == 1, (arguments, output)
        assert "Traceback" not in output


def test_wrong_usage_is_exit_code_2(installation: Installation) -> None:
    for arguments in (
        ["best"],
        ["list", "--no-such-option"],
        ["nonsense"],
        ["best", "x", "-n", "0"],
    ):
        assert "Traceback" not in installation.run(*arguments, code=2)


def test_what_init_writes_is_a_good_sweep(installation: Installation) -> None:
    said = installation.run("init", "fresh")

    installation.run("validate", "fresh/sweep.yaml")
    assert "sweepworks run fresh/sweep.yaml" in said
    assert "already" in installation.run("init", "fresh", code=1)


@pytest.mark.slow
def test_a_detached_sweep_is_named_for_programs(installation: Installation) -> None:
    file = installation.write_sweep("named", trials=1, epochs=1)

    name = installation.json("run", str(file), "--detach")["sweep"]

    assert installation.json("attach", name)["trials_by_state"] == {"completed": 1}


@pytest.mark.slow
def test_down_holds_while_a_sweep_runs_and_attach_takes_it_up_again(
    installation: Installation,
) -> None:
    file = installation.write_sweep("stopped", trials=2, epochs=40, seconds=0.25)
    following = installation.start("run", str(file), "--json", stderr=subprocess.PIPE)
    trials = wait_for(installation.trial_processes)

    said = installation.run("down")
    output, words = following.communicate(timeout=90)
    time.sleep(3)  # longer than anybody waits before a look whether the services are there

    assert "stopped" in said
    assert not is_owned(installation.home / "supervisor.lock")
    wait_for(lambda: not controllers(installation), seconds=10)
    assert all(process.is_running() for process in trials), "trials go on"
    assert (following.returncode, output) == (1, "")
    assert "sweepworks down" in words
    assert "sweepworks attach" in words
    sweep = installation.json("list")[0]["sweep_id"]
    report = installation.json("attach", sweep)
    assert report["trials_by_state"] == {"completed": 2}
    for trial in report["trials"]:
        assert len(installation.json("show", trial["run"])["attempts"]) == 1


@pytest.mark.slow
def test_down_holds_against_a_controller_that_is_still_starting(
    installation: Installation,
) -> None:
    file = installation.write_sweep("halted", trials=1, epochs=1)
    sweep = installation.run("run", str(file), "--detach").split()[-1]
    assert controllers(installation)

    installation.run("down")
    wait_for(lambda: not controllers(installation), seconds=30)
    time.sleep(3)  # longer than it takes to start a supervisor

    assert not is_owned(installation.home / "supervisor.lock")
    assert installation.json("attach", sweep)["trials_by_state"] == {"completed": 1}


@pytest.mark.slow
def test_up_ends_when_somebody_says_down(installation: Installation) -> None:
    up = installation.start("up")
    assert up.stdout is not None
    for line in up.stdout:
        if line.startswith("Ctrl-C"):
            break

    installation.run("down")
    output, _ = up.communicate(timeout=30)

    assert up.returncode == 0
    assert "stopped by `sweepworks down`" in output


def client_of(
    installation: Installation, databases: tuple[Database, Database], home: str
) -> Installation:
    """A home beside servers by URL, in the folder of another installation."""
    ours, dagsters = databases
    environment = {
        **installation.environment,
        "SWEEPWORKS_HOME": str(installation.folder / home),
        "SWEEPWORKS_DATABASE_URL": ours.url,
        "SWEEPWORKS_DAGSTER_DATABASE_URL": dagsters.url,
        "SWEEPWORKS_SIGNING_KEY": "ab" * 32,
    }
    return Installation(installation.folder, environment)


@contextlib.contextmanager
def gateway_of(client: Installation) -> Generator[str, None, None]:
    """A gateway for a home; its address."""
    process = client.start("gateway", "--port", "0")
    try:
        yield f"http://127.0.0.1:{wait_for(lambda: _listening(process.pid), seconds=30)}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.slow
def test_servers_by_url_need_nothing_but_their_addresses(
    installation: Installation, empty_databases: tuple[Database, Database]
) -> None:
    client = client_of(installation, empty_databases, "client")
    environment, url = client.environment, empty_databases[1].url
    environment["SWEEPWORKS_DAGSTER_DATABASE_URL"] = "postgresql://nobody:secret@127.0.0.1:1/none"
    file = client.write_sweep("remote", trials=2, epochs=1)

    assert client.json("list") == []  # the schema is there
    said = client.run("migrate", code=1)  # of both databases, of which one is there
    assert "up to date" in said
    assert "SWEEPWORKS_DAGSTER_DATABASE_URL" in said
    assert "SWEEPWORKS_DATABASE_URL" in client.run("up", code=1)
    with gateway_of(client) as address:
        said = client.run("run", str(file), code=1)
        assert "SWEEPWORKS_DAGSTER_DATABASE_URL" in said
        assert "Traceback" not in said
        assert "secret" not in said
        environment["SWEEPWORKS_DAGSTER_DATABASE_URL"] = url
        assert "SWEEPWORKS_GATEWAY_URL" in client.run("run", str(file), code=1)
        environment["SWEEPWORKS_GATEWAY_URL"] = address
        report = client.json("run", str(file))
        assert report["trials_by_state"] == {"completed": 2}
        assert client.json("doctor")["good"]
    assert not (client.folder / "client" / "supervisor.json").exists()


@pytest.mark.slow
def test_another_home_takes_no_live_trial_for_lost(
    installation: Installation, empty_databases: tuple[Database, Database]
) -> None:
    here = client_of(installation, empty_databases, "here")
    there = client_of(installation, empty_databases, "there")
    file = here.write_sweep("afar", trials=2, epochs=1000, seconds=0.25)
    with gateway_of(here) as address:
        here.environment["SWEEPWORKS_GATEWAY_URL"] = address
        there.environment["SWEEPWORKS_GATEWAY_URL"] = address
        sweep = here.run("run", str(file), "--detach").split()[-1]
        wait_for(lambda: here.json("show", sweep)["trials_by_state"].get("running") == 2)

        refused = there.run("attach", sweep, code=1)
        controllers(here)[0].kill()
        still_refused = there.run("attach", sweep, code=1)

        for said in (refused, still_refused):
            assert len(said.strip().splitlines()) == 1, said
            assert f"home {here.environment['SWEEPWORKS_HOME']} on host {platform.node()}" in said
        for trial in here.json("show", sweep)["trials"]:
            assert len(here.json("show", trial["run"])["attempts"]) == 1
        said = there.run("cancel", sweep)  # read by the next controller, which comes here
        assert "runs in home" in said
        here.run("attach", sweep, code=1)
        assert here.json("show", sweep)["state"] == "cancelled"
        for trial in here.json("show", sweep)["trials"]:
            assert len(here.json("show", trial["run"])["attempts"]) == 1
    assert here.trial_processes() == []


def _listening(pid: int) -> int | None:
    connections = psutil.Process(pid).net_connections("tcp")
    return next((c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN), None)


@pytest.fixture
def plain_dagster(installation: Installation) -> Generator[Ui, None, None]:
    """`dagster dev` in a checkout, as users of Dagster start it."""
    port = 20_000 + os.getpid() % 10_000
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", "--port", str(port)],
        cwd=ROOT, env=installation.environment, start_new_session=True,
        # Dagster copies an ignored SIGINT, which a shell's `&` leaves behind, onto SIGTERM.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    try:
        wait_for(answers, seconds=90)
        yield Ui(url)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.mark.slow
def test_a_plain_dagster_dev_works(plain_dagster: Ui, sweep: str) -> None:
    answer = plain_dagster.query(
        """{ assetNodes { assetKey { path }
             partitionKeysByDimension { partitionKeys } } }"""
    )

    keys = {tuple(node["assetKey"]["path"]): node for node in answer["assetNodes"]}
    assert ("trials",) in keys
    (dimension,) = keys["sweep",]["partitionKeysByDimension"]
    assert sweep in dimension["partitionKeys"], "the same record as the commands'"
