"""Controllers that are killed at random moments, and a home whose services are."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Installation, controllers, wait_for

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("kills")]


ROOT = Path(__file__).resolve().parents[2]


def assert_exactly(installation: Installation, sweep: str, trials: int) -> None:
    report = installation.json("show", sweep)
    assert report["state"] == "completed", report["reason"]
    assert [t["trial"] for t in report["trials"]] == list(range(1, trials + 1))
    assert report["trials_by_state"] == {"completed": trials}
    for trial in report["trials"]:
        shown = installation.json("show", trial["run"])
        assert [a["number"] for a in shown["attempts"]] == [1], "executed twice"
        log = installation.run("logs", trial["run"], "--stdout")
        assert log.count("epoch 1 ") == 1
    assert installation.trial_processes() == []


@pytest.mark.slow
def test_a_controller_killed_twenty_times_loses_and_repeats_nothing(
    installation: Installation,
) -> None:
    rng = random.Random(20)
    file = installation.write_sweep("killed", trials=48, epochs=4, seconds=1.0)
    following = installation.start("run", str(file), "--json", stderr=subprocess.DEVNULL)
    kills = 0

    while kills < 20 and following.poll() is None:
        for process in controllers(installation):
            # From the first imports to the middle of the loop.
            time.sleep(rng.uniform(0.0, 6.0))
            if process.is_running():
                process.kill()
                kills += 1
        time.sleep(0.05)
    output, _ = following.communicate(timeout=600)

    assert following.returncode == 0, output
    assert kills == 20
    sweep = json.loads(output)["sweep"]
    assert_exactly(installation, sweep, 48)
    wait_for(lambda: not controllers(installation), seconds=20)


KILLED_ON_THE_WAY = """
import os, pathlib, sys
import dagster as dg
from orchestration import run_launcher
from orchestration.controllers import Controllers
from orchestration.platform import open_platform
from orchestration.submission import submission, submit

def die(*_, **__):
    os._exit(9)

if sys.argv[2] == "made":
    dg.DagsterInstance.launch_run = die
else:
    spawn = run_launcher.spawn_detached
    run_launcher.spawn_detached = lambda *a, **b: die(sys.argv[2] == "spawned" and spawn(*a, **b))
with open_platform() as platform:
    submitted = submission(file=pathlib.Path(sys.argv[1]))
    submit(platform, submitted)
    print(submitted.sweep_id, flush=True)
    Controllers(platform, submitted.sweep_id).look_after()
"""


@pytest.mark.slow
def test_a_command_killed_while_it_starts_a_controller_leaves_a_sweep_that_goes_on(
    installation: Installation,
) -> None:
    """Its Dagster run was made, or launched, or its process was there and nobody had noted which."""
    file = installation.write_sweep("halfway", trials=1, epochs=1)
    sweeps: list[str] = []
    for moment in ("made", "launched", "spawned"):
        command = subprocess.run(
            [sys.executable, "-c", KILLED_ON_THE_WAY, str(file), moment],
            cwd=installation.folder, env={**installation.environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert command.returncode == 9
        sweeps.append(command.stdout.strip())

    following = [installation.start("attach", sweep) for sweep in sweeps]

    for process, sweep in zip(following, sweeps, strict=True):
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
        assert_exactly(installation, sweep, 1)


@pytest.mark.slow
def test_services_killed_under_a_running_sweep_come_back(installation: Installation) -> None:
    file = installation.write_sweep("unserved", trials=4, epochs=4, seconds=0.5)
    following = installation.start("run", str(file), "--json", stderr=subprocess.DEVNULL)
    wait_for(installation.trial_processes)
    supervisor = json.loads((installation.home / "supervisor.json").read_text())

    psutil.Process(supervisor["mark"]["pid"]).kill()
    output, _ = following.communicate(timeout=300)

    assert following.returncode == 0, output
    sweep = json.loads(output)["sweep"]
    assert_exactly(installation, sweep, 4)


IMPATIENT = """
import os, pathlib, time
os.environ["SWEEPWORKS_FINISH_TIMEOUT"] = "0.5"
import sweepworks
run = sweepworks.init()
while not pathlib.Path(os.environ["SWEEPWORKS_SOURCE_DIR"], "go").exists():
    time.sleep(0.05)
run.report(1, val_loss=0.125)
run.finish()
"""


@pytest.mark.slow
def test_a_result_that_no_gateway_took_in_time_is_not_lost(installation: Installation) -> None:
    file = installation.write_sweep("unheard", trials=1, train=IMPATIENT)
    following = installation.start("run", str(file), "--json", stderr=subprocess.DEVNULL)
    wait_for(installation.trial_processes)
    (gateway,) = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])  # None of who ends just now
        if "gateway.serve" in (process.info["cmdline"] or ())
        and process.info["environ"].get("SWEEPWORKS_HOME") == str(installation.home)
    ]

    gateway.suspend()
    (file.parent / "go").touch()
    wait_for(lambda: not installation.trial_processes())
    assert list((installation.home / "spool").glob("*.spool"))
    time.sleep(6)  # longer than reports are waited for that may be on their way
    gateway.resume()
    output, _ = following.communicate(timeout=120)

    assert following.returncode == 0, output
    (trial,) = json.loads(output)["trials"]
    assert (trial["state"], trial["objective"]) == ("completed", 0.125), trial
    assert not list((installation.home / "spool").iterdir())


@pytest.mark.slow
def test_a_detached_sweep_goes_on_and_can_be_followed_again(installation: Installation) -> None:
    file = installation.write_sweep("detached", trials=4, epochs=3, seconds=0.3)

    sweep = installation.run("run", str(file), "--detach").split()[-1]
    assert installation.json("show", sweep)["state"] == "running"
    report = installation.json("attach", sweep, timeout=200)

    assert report["trials_by_state"] == {"completed": 4}
    assert_exactly(installation, sweep, 4)
