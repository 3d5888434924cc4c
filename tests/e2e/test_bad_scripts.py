"""Scripts and files that go wrong: a clear state and reason each, never a hang."""

import json
import signal
import time

import pytest

from tests.e2e.conftest import Installation, wait_for

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("bad")]

HEAD = "import sys, os, time, sweepworks\nrun = sweepworks.init()\n"


SCRIPTS = {
    "crash": (HEAD + "raise ValueError('boom')", "ValueError: boom"),
    "garbage": ("import os; os.write(1, os.urandom(9999)); os.write(2, bytes(99)); 1/0", "by zero"),
    "silent": ("print('done')", "without reporting 'val_loss'"),
    "nan": (HEAD + "run.report(1, val_loss=float('nan')); run.finish()", "val_loss is nan"),
    "forker": ("import os, time\nif os.fork() == 0: time.sleep(99)\nraise SystemExit(4)", "code 4"),
    "missing": ("", "train.py"),
}


@pytest.mark.slow
def test_a_script_that_goes_wrong_says_how(installation: Installation) -> None:
    """All at once: each sweep's controller takes seconds to start."""
    following = {}
    for name, (script, _) in SCRIPTS.items():
        file = installation.write_sweep(name, trials=5, train=script)
        if name == "missing":
            (file.parent / "train.py").unlink()
        following[name] = installation.start("run", str(file), "--json")

    for name, (_, words) in SCRIPTS.items():
        output, _ = following[name].communicate(timeout=200)
        assert following[name].returncode == 1, output
        assert "{" in output, f"{name}: {output}"
        report = json.loads(output[output.index("{") :])
        assert report["state"] == "failed", name
        assert words in report["reason"]
        assert "first 3 trials all failed" in report["reason"]
        assert len(report["trials"]) < 5
    assert installation.trial_processes() == []


@pytest.mark.slow
def test_a_stalled_script_is_ended(installation: Installation) -> None:
    file = installation.write_sweep("stalled", trials=1, train=HEAD + "time.sleep(600)")
    file.write_text(file.read_text().replace("trial_timeout: 2m", "stalled_after: 2s"))

    output = installation.run("run", str(file), "--json", code=1)

    report = json.loads(output[output.index("{") :])
    assert "stalled_after" in report["trials"][0]["reason"]
    assert installation.trial_processes() == []


@pytest.mark.slow
def test_cancelling_leaves_no_process(installation: Installation) -> None:
    file = installation.write_sweep("cancelled", trials=4, epochs=1000, seconds=0.5)
    sweep = installation.run("run", str(file), "--detach").split()[-1]
    wait_for(installation.trial_processes)

    installation.run("cancel", sweep)

    wait_for(lambda: installation.json("show", sweep)["state"] == "cancelled", seconds=40)
    assert installation.trial_processes() == []
    assert "cancelled" in installation.run("cancel", sweep, code=1)


@pytest.mark.slow
def test_pausing_lets_live_trials_end_and_resuming_goes_on(installation: Installation) -> None:
    file = installation.write_sweep("paused", trials=6, epochs=4, seconds=0.25)
    sweep = installation.run("run", str(file), "--detach").split()[-1]
    wait_for(installation.trial_processes)

    installation.run("pause", sweep)
    wait_for(lambda: installation.json("show", sweep)["state"] == "paused")
    wait_for(lambda: not installation.trial_processes())
    before = len(installation.json("show", sweep)["trials"])
    time.sleep(1.5)

    assert before < 6
    assert len(installation.json("show", sweep)["trials"]) == before
    installation.run("resume", sweep)
    wait_for(lambda: installation.json("show", sweep)["state"] == "completed")
    assert installation.json("show", sweep)["trials_by_state"] == {"completed": 6}


@pytest.mark.slow
def test_an_interrupted_follower_without_a_terminal_detaches(installation: Installation) -> None:
    file = installation.write_sweep("interrupted", trials=2, epochs=3, seconds=0.5)
    following = installation.start("run", str(file))
    wait_for(installation.trial_processes)

    following.send_signal(signal.SIGINT)
    output, _ = following.communicate(timeout=30)

    assert following.returncode == 0, output
    assert "sweepworks attach" in output
    sweep = next(word for word in output.split() if word.startswith("interrupted-")).rstrip(":")
    installation.run("attach", sweep, timeout=120)


def test_a_broken_file_an_unknown_tenant_and_a_wrong_name_are_one_sentence(
    installation: Installation,
) -> None:
    file = installation.write_sweep("wrong")
    file.write_text(file.read_text().replace("owner: tester", "owner: tester\ntenant: nobody"))
    output = installation.run("run", str(file), code=1)
    assert "unknown tenant 'nobody'" in output
    assert "Traceback" not in output

    file.write_text("experiment: x\nspace: [")
    output = installation.run("run", str(file), code=1)
    assert "sweep.yaml:2" in output
    assert "Traceback" not in output

    output = installation.run("show", "no-such-sweep", code=1)
    assert "no sweep 'no-such-sweep'" in output
    assert installation.json("list") is not None


def test_a_database_that_is_down_is_one_sentence(installation: Installation) -> None:
    environment = {
        **installation.environment,
        "SWEEPWORKS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }

    output = Installation(installation.folder, environment).run("list", code=1)

    assert "does not answer" in output
    assert "Traceback" not in output


def test_doctor_finds_nothing_wrong(installation: Installation) -> None:
    report = installation.json("doctor")

    assert report["good"], [f for f in report["findings"] if not f["is_good"]]
    assert any("PostgreSQL" in f["says"] for f in report["findings"])
