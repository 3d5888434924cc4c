"""A run is made again from the code it had, and its metrics are compared."""

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from compute.records import read_json
from tests.e2e.conftest import Installation, wait_for

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("reruns"), pytest.mark.slow]

TRAIN = """\
import argparse, random, sys
import helper
import sweepworks

parser = argparse.ArgumentParser()
parser.add_argument("--scale", type=float, default=1.0)
scale = parser.parse_args().scale
run = sweepworks.init("reruns", params={"lr": 0.1})
SEED
for step in range(20):
    run.log({"loss": helper.loss(step, run.params["lr"]) * scale + random.random() * 0.1}, step=step)
run.report(20, val_loss=random.random())
run.finish()
"""
SEEDED = TRAIN.replace("SEED", "run.seed_everything()")
UNSEEDED = TRAIN.replace("SEED", "random.seed()")
HELPER = "def loss(step, lr):\n    return FACTOR * lr / (step + 1)\n"


def git(root: Path, *arguments: str) -> str:
    who = {f"GIT_{a}_{b}": "x@y" for a in ("AUTHOR", "COMMITTER") for b in ("NAME", "EMAIL")}
    return subprocess.check_output(
        ["git", *arguments], cwd=root, text=True, stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(root), **who},
    )  # fmt: skip


def a_repository(folder: Path, name: str, train: str) -> Path:
    """A work tree with a commit, a change that is not committed, and a file in no commit."""
    root = folder / name
    (root / "scripts").mkdir(parents=True)
    git(root, "init", "-q")
    (root / ".gitignore").write_text("__pycache__\n")
    (root / "scripts" / "train.py").write_text("raise SystemExit('not this one')\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "m")
    (root / "scripts" / "train.py").write_text(train)
    (root / "scripts" / "helper.py").write_text(HELPER.replace("FACTOR", "3"))
    return root


def train(installation: Installation, root: Path, *arguments: str) -> str:
    """Run the script as its author would; the run's name."""
    before = {run["run_id"] for run in installation.json("list", "--runs", "--limit", "1000")}
    subprocess.run(
        [sys.executable, "scripts/train.py", *arguments],
        cwd=root, env=installation.environment, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    runs = {run["run_id"] for run in installation.json("list", "--runs", "--limit", "1000")}
    (made,) = runs - before
    return made


def change(root: Path) -> None:
    """Its author goes on."""
    (root / "scripts" / "helper.py").write_text(HELPER.replace("FACTOR", "5"))
    (root / "scripts" / "train.py").write_text("raise SystemExit('later code')\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "later")


def reproduce(installation: Installation, run: str, *more: str) -> tuple[int, dict[str, Any]]:
    process = installation.start("reproduce", run, *more, "--json", stderr=subprocess.PIPE)
    output, words = process.communicate(timeout=120)
    assert output, words
    return process.returncode, json.loads(output)


def test_a_rerun_has_the_old_code_and_bitwise_the_same_metrics(installation: Installation) -> None:
    root = a_repository(installation.folder, "seeded", SEEDED)
    run = train(installation, root, "--scale", "2")
    change(root)

    plan = installation.json("rerun", run, "--dry-run")
    done = installation.json("rerun", run, "--attempts", "2")

    assert plan["can_rerun"], plan
    parts = {line["part"]: line["fate"] for line in plan["plan"]}
    assert (parts["code"], parts["patch"], parts["files"]) == ("same", "same", "same")
    assert [rerun["state"] for rerun in done["reruns"]] == ["completed", "completed"], done
    code, found = reproduce(installation, run)
    assert (code, found["verdict"]) == (0, "bitwise"), found
    metrics = {m["difference"]["key"]: m for m in found["reruns"][0]["metrics"]}
    assert metrics["loss"]["difference"]["common"] == 20
    assert metrics["val_loss"]["verdict"] == "bitwise"
    shown = installation.json("show", done["reruns"][0]["run_id"])
    assert shown["rerun_of"] == run
    assert f"rerun of   {run}" in installation.run("show", done["reruns"][0]["run_id"])
    listed = installation.json("list", "--where", f"rerun_of = {run}")
    assert {row["run_id"] for row in listed} == {rerun["run_id"] for rerun in done["reruns"]}
    was, now = (installation.json("provenance", r) for r in (run, done["reruns"][0]["run_id"]))
    for name in ("commit", "patch", "files", "arguments", "folder", "is_dirty"):
        assert was["code"][name] == now["code"][name]
    assert was["seed"] == now["seed"]
    left = [p.name for p in (installation.home / "reruns").iterdir()]
    assert not [name for name in left if name.startswith("scratch-")]


def test_a_script_that_draws_otherwise_each_time_differs(installation: Installation) -> None:
    root = a_repository(installation.folder, "unseeded", UNSEEDED)
    run = train(installation, root)

    installation.json("rerun", run, "--attempts", "2")

    code, found = reproduce(installation, run, "--tolerance", "0.000001")
    assert (code, found["verdict"]) == (1, "differs")
    assert found["spread"]["loss"]["largest_absolute"] > 0
    causes = [cause["subject"] for cause in found["reruns"][0]["explanations"]]
    assert causes[0] == "seeds"
    code, found = reproduce(
        installation, run, "--metric", "loss=abs:0.2", "--metric", "val_loss=ignore"
    )
    assert (code, found["verdict"]) == (0, "within tolerance")


@pytest.mark.slow
def test_a_rerun_of_a_trial_has_its_configuration(installation: Installation) -> None:
    file = installation.write_sweep("trials", trials=2, epochs=3, seconds=0.01)
    git(file.parent, "init", "-q")
    git(file.parent, "add", "-A")
    git(file.parent, "commit", "-q", "-m", "m")
    report = installation.json("run", str(file))
    trial = report["trials"][1]
    (file.parent / "train.py").unlink()

    done = installation.json("rerun", trial["run"])
    again = installation.json("rerun", done["reruns"][0]["run_id"])

    rerun = installation.json("show", done["reruns"][0]["run_id"])
    assert rerun["state"] == "completed", rerun
    assert rerun["params"] == trial["configuration"]
    assert reproduce(installation, trial["run"])[1]["verdict"] == "bitwise"
    assert installation.json("show", report["sweep"])["trials_by_state"] == {"completed": 2}
    origin = installation.json("show", trial["run"])["origin"]
    assert origin["purpose"] == "Does it run from one end to the other?"
    assert origin["suggestion"]["number"] == 2
    assert "suggested" in installation.run("provenance", trial["run"])
    assert again["reruns"][0]["state"] == "completed"
    assert reproduce(installation, rerun["run"])[1]["verdict"] == "bitwise"


@pytest.mark.slow
def test_absolute_paths_of_a_sweep_file_lead_to_the_old_code(installation: Installation) -> None:
    file = installation.write_sweep("absolute", trials=1, epochs=2, seconds=0.01)
    root = file.parent.resolve()
    (root / "src").mkdir()
    (root / "src" / "lesson.py").write_text("VALUE = 'as it was'\n")
    script = (root / "train.py").read_text()
    (root / "train.py").write_text("import lesson\nprint(lesson.VALUE)\n" + script)
    text = file.read_text().replace("[python, train.py]", f"[{sys.executable}, {root}/train.py]")
    file.write_text(text.replace("trial: {", f"trial: {{environment: {{PYTHONPATH: {root}/src}}, "))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "m")
    trial = installation.json("run", str(file))["trials"][0]
    (root / "src" / "lesson.py").write_text("VALUE = 'as it is now'\n")
    (root / "train.py").write_text("raise SystemExit('not this one')\n")

    done = installation.json("rerun", trial["run"])["reruns"][0]
    again = installation.json("rerun", done["run_id"])["reruns"][0]

    for rerun in (done, again):
        assert rerun["state"] == "completed", rerun
        assert "as it was" in (Path(rerun["logs"]) / "stdout.log").read_text()


@pytest.mark.slow
def test_absolute_paths_among_arguments_lead_to_the_old_code(installation: Installation) -> None:
    reading = SEEDED.replace(
        "import argparse, random, sys", "import argparse, pathlib, random, sys"
    )
    reading = reading.replace(
        'parser.add_argument("--scale", type=float, default=1.0)',
        'parser.add_argument("--scale", type=lambda path: float(pathlib.Path(path).read_text()))',
    )
    root = a_repository(installation.folder, "arguments", reading)
    (root / "scale").write_text("2")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "m")
    run = train(installation, root, f"--scale={root}/scale")
    (root / "scale").write_text("7")

    installation.json("rerun", run)

    assert reproduce(installation, run)[1]["verdict"] == "bitwise"


def test_what_is_missing_is_said_before_anything_runs(installation: Installation) -> None:
    root = a_repository(installation.folder, "secretive", SEEDED.replace(
        'parser.add_argument("--scale"', 'parser.add_argument("--token"); parser.add_argument("--scale"'
    ))  # fmt: skip
    run = train(installation, root, "--token", "S3cret")

    said = installation.run("rerun", run, code=1)

    assert "S3cret" not in said
    assert "X arguments" in said
    assert "--force" in said
    assert installation.json("list", "--where", f"rerun_of = {run}") == []
    forced = installation.json("rerun", run, "--force")
    assert forced["reruns"][0]["state"] == "completed"


def test_data_that_is_gone_comes_from_the_store(installation: Installation) -> None:
    data = installation.folder / "numbers"
    data.mkdir()
    (data / "numbers.csv").write_text("x\n1\n2\n")
    installation.json("data", "register", "numbers", str(data), "--store")
    script = SEEDED.replace(
        "for step",
        "place = run.use_dataset('numbers')\nassert (place / 'numbers.csv').exists()\nfor step",
    )
    run = train(installation, a_repository(installation.folder, "stored", script))
    (data / "numbers.csv").write_text("x\n1\n3\n")

    plan = installation.json("rerun", run, "--dry-run")
    (done,) = installation.json("rerun", run, "--keep")["reruns"]
    fetched = installation.json("data", "get", "numbers@1", "-o", str(data.with_name("fetched")))

    assert {line["part"]: line["fate"] for line in plan["plan"]}["data"] == "same", plan
    assert done["state"] == "completed", done
    brought = Path(done["tree"]).with_name("data") / "numbers@1" / "numbers.csv"
    assert brought.read_text() == "x\n1\n2\n"
    shutil.rmtree(brought.parents[2])
    assert (Path(fetched["path"]) / "numbers.csv").read_text() == "x\n1\n2\n"
    assert reproduce(installation, run)[1]["verdict"] == "bitwise"


@pytest.mark.slow
def test_a_blob_that_is_damaged_is_said_and_not_used(installation: Installation) -> None:
    root = a_repository(installation.folder, "damaged", SEEDED)
    run = train(installation, root)
    code = installation.json("provenance", run)["code"]
    digest = Path(code["patch"]).stem
    (blob,) = (installation.home / "artifacts").rglob(digest)
    good = blob.read_bytes()
    try:
        blob.write_bytes(good.replace(b"lr", b"rl", 1))
        damaged = installation.run("rerun", run, "--dry-run", code=1)
        blob.unlink()
        gone = installation.run("rerun", run, code=1)
    finally:
        blob.write_bytes(good)

    assert "X patch" in damaged
    assert "X patch" in gone
    assert installation.json("rerun", run, "--dry-run")["can_rerun"]


def test_a_script_that_fails_again_fails_its_rerun(installation: Installation) -> None:
    failing = SEEDED.replace('init("reruns"', 'init("failing"').replace(
        "run.finish()", "run.finish('failed', 'no luck')\nsys.exit(3)"
    )
    root = a_repository(installation.folder, "failing", failing)
    installation.run("list")
    subprocess.run(
        [sys.executable, "scripts/train.py"], cwd=root, env=installation.environment, timeout=60,
        capture_output=True, check=False,
    )  # fmt: skip
    (row,) = installation.json("list", "--where", "experiment = failing")

    process = installation.start("rerun", row["run_id"], "--json", stderr=subprocess.PIPE)
    output, _ = process.communicate(timeout=120)

    assert process.returncode == 1
    (rerun,) = json.loads(output)["reruns"]
    assert (rerun["state"], rerun["reason"]) == ("failed", "no luck")


@pytest.mark.slow
def test_a_killed_rerun_leaves_nothing_that_the_next_does_not_remove(
    installation: Installation,
) -> None:
    slow = (
        "import os, time\nrun.log({'x': 1.0}, step=0)\n"
        "time.sleep(4 if '.sweepworks' in os.getcwd() else 0)\nrun.finish()"
    )
    root = a_repository(installation.folder, "killed", SEEDED.replace("run.finish()", slow))
    run = train(installation, root)
    reruns = installation.home / "reruns"
    with installation.start("rerun", run) as process:
        (first,) = wait_for(lambda: list(reruns.glob("scratch-*")), seconds=30, every=0.05)
        wait_for(lambda: list((installation.home / "runs" / first.name).glob("*/shim.json")))
        process.kill()
    there = first.exists()
    wait_for(lambda: list((installation.home / "runs" / first.name).glob("*/exit.json")))
    installation.run("rerun", run)

    assert there
    assert not list(reruns.glob("scratch-*"))
    state = wait_for(lambda: installation.json("show", first.name)["state"] != "running")
    assert state
    assert reproduce(installation, run)[1]["verdict"] == "bitwise"


def forget(installation: Installation, run: str) -> None:
    """As if a quarter of an hour had passed since its script and its command were heard of."""
    databases = json.loads((installation.home / "secrets" / "databases.json").read_text())
    with psycopg.connect(databases["database_url"]) as connection:
        connection.execute("SET search_path = sweepworks")
        for statement in (
            "UPDATE run_activity SET last_seen_at = last_seen_at - interval '16 minutes' WHERE run_id = %s",
            "UPDATE admission_seekers SET asked_at = asked_at - interval '16 minutes' WHERE sweep_id = %s",
            "UPDATE attempts SET started_at = started_at - interval '20 minutes' WHERE run_id = %s",
        ):
            connection.execute(statement, (run,))


@pytest.mark.slow
def test_what_a_killed_command_leaves_ends_with_its_row_and_is_charged_until_then(
    installation: Installation,
) -> None:
    hanging = (
        "import os, time\ntime.sleep(600 if '.sweepworks' in os.getcwd() else 0)\nrun.finish()"
    )
    script = SEEDED.replace('init("reruns"', 'init("hanging"').replace("run.finish()", hanging)
    run = train(installation, a_repository(installation.folder, "hanging", script))
    with installation.start("rerun", run) as command:
        (held,) = wait_for(
            lambda: installation.json("list", "--where", f"rerun_of = {run} and state = running")
        )
        rerun = held["run_id"]
        folder = installation.home / "runs" / rerun / f"{rerun}-a1"
        wait_for(lambda: installation.json("show", rerun)["attempts"][0]["started_at"])
        shim = psutil.Process(wait_for(lambda: read_json(folder / "shim.json"))["pid"])
        command.kill()
    script_of = shim.children(recursive=True)
    alive = [process for process in script_of if process.is_running()]

    forget(installation, rerun)
    psutil.wait_procs([shim, *script_of], timeout=60)
    ended = wait_for(lambda: read_json(folder / "exit.json"))["ended_at"]

    assert alive
    assert not [process for process in (shim, *script_of) if process.is_running()]
    attempt = wait_for(
        lambda: (
            (found := installation.json("show", rerun)["attempts"][0])["exit"]["signal"] and found
        )
    )
    assert attempt["exit"]["reason"] == "lost"
    assert dt.datetime.fromisoformat(attempt["ended_at"]).timestamp() == pytest.approx(ended)
    lasted = ended - dt.datetime.fromisoformat(attempt["started_at"]).timestamp()
    shown = installation.json("show", rerun)
    assert shown["cost"]["core_hours"] == pytest.approx(lasted / 3600, rel=0.01)
    assert installation.json("queue")["n_held"] == 0


@pytest.mark.slow
def test_reruns_wait_for_their_turn_and_are_paid_for(installation: Installation) -> None:
    lasting = "import os, time\ntime.sleep(60 if '.sweepworks' in os.getcwd() else 0)\nrun.finish()"
    script = SEEDED.replace('init("reruns"', 'init("lasting"')
    root = a_repository(installation.folder, "lasting", script.replace("run.finish()", lasting))
    run = train(installation, root)
    quotas = installation.folder / "quotas.yaml"
    quotas.write_text("other_tenants: {limits: {trials: 1}}\n")
    installation.run("policy", "apply", str(quotas), "--yes")
    first, second = installation.start("rerun", run), None
    try:
        (held,) = wait_for(
            lambda: installation.json("list", "--where", f"rerun_of = {run} and state = running")
        )
        shim = installation.home / "runs" / held["run_id"]
        wait_for(lambda: list(shim.glob("*/shim.json")))
        second = installation.start("rerun", run)
        (waiting,) = wait_for(lambda: installation.json("queue")["waiting"])
        second.send_signal(signal.SIGINT)
        said, _ = second.communicate(timeout=60)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    finally:
        for process in filter(None, (first, second)):
            process.kill()
        quotas.write_text("other_tenants: {weight: 1}\n")
        installation.run("policy", "apply", str(quotas), "--yes")

    assert waiting["rerun_of"] == run
    assert "tenant default may hold 1 trial at once; place 1 in the queue" in said
    assert installation.json("queue")["n_held"] == 0
    shown = installation.json("show", held["run_id"])
    (attempt,) = shown["attempts"]
    assert (shown["state"], attempt["exit"]["reason"]) == ("cancelled", "cancelled")
    assert shown["cost"]["core_hours"] > 0
    assert "core-hours" in installation.run("cost", held["run_id"])
    unstarted = installation.json("show", waiting["attempt_id"].removesuffix("-a1"))
    assert (unstarted["state"], unstarted["cost"]["core_hours"]) == ("cancelled", 0)
    budgets = installation.folder / "budgets.yaml"
    budgets.write_text(
        "budgets: [{name: nothing, tenant: default, period: month, max_cost_usd: 0}]"
    )
    installation.run("policy", "apply", str(budgets), "--yes")
    refused = installation.run("rerun", run, code=1)
    budgets.write_text("budgets: []")
    installation.run("policy", "apply", str(budgets), "--yes")
    assert "budget is spent: nothing: " in refused


@pytest.mark.slow
def test_code_that_no_commit_has_is_refused_where_that_is_asked_for(
    installation: Installation,
) -> None:
    file = installation.write_sweep("strict", trials=1, epochs=1)
    file.write_text(file.read_text() + "provenance: {require_clean: true}\n")

    nowhere = installation.run("run", str(file), code=1)
    git(file.parent, "init", "-q")
    git(file.parent, "add", "-A")
    git(file.parent, "commit", "-q", "-m", "m")
    (file.parent / "new.py").touch()
    dirty = installation.run("submit", str(file), code=1)
    (file.parent / "new.py").unlink()
    report = installation.json("run", str(file))

    assert "require_clean" in nowhere
    assert "new.py" in dirty
    assert report["state"] == "completed"
    code = installation.json("show", report["trials"][0]["run"])["origin"]["code_at_submission"]
    assert code["is_dirty"] is False
    assert len(code["commit"]) == 40
